"""Serves the page on this machine: its files, and the scores of what is dropped on it.

For one person at one machine: it listens on 127.0.0.1 alone, answers no other page than its own,
reads no path that a request names, and keeps nothing of a recording once it has answered.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from bonafide.audio.facts import AudioError
from bonafide.scoring import thresholds, web
from bonafide.scoring.model import ModelError
from bonafide.scoring.service.api import add_error_handlers, as_json, exchange_of
from bonafide.scoring.service.errors import ServiceError
from bonafide.scoring.service.site import Site
from bonafide.scoring.service.uploads import Upload, read_uploads

_STATIC = Path(web.__file__).parent / "static"
_FILES = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src blob:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def error_body(error: ServiceError, _: str) -> dict[str, Any]:
    """Returns an error as the page shows it."""
    return {"error": error.message}


def application(site: Site) -> FastAPI:
    """Returns the application of the page."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    @app.get("/")
    async def page(request: Request) -> Response:
        exchange_of(request, "/")
        return _file("page.html")

    @app.get("/about")
    async def about(request: Request) -> Response:
        exchange_of(request, "/about")
        return as_json(web.about(site.store.current.model))

    @app.post("/score")
    async def score(request: Request) -> Response:
        exchange = exchange_of(request, "/score")
        loaded = site.store.current
        model = loaded.model
        query = dict(request.query_params)
        try:
            question = web.asked(query, model)
            [upload] = await read_uploads("", request.stream(), name=question.name, most=1)
            exchange.recordings = 1
            through = site.desk.batcher.through(loaded.score)

            def scored(one: Upload) -> dict[str, Any]:
                return web.scored(one.file, model, through, question)

            return as_json(await site.desk.run(scored, upload))
        except (web.RequestError, AudioError, ModelError, thresholds.ThresholdError) as error:
            raise ServiceError(422, "unusable", str(error)) from error

    @app.get("/{name}")
    async def static(request: Request, name: str) -> Response:
        # Only names that are known here become a path.
        if name not in ("page.css", "page.js"):
            raise HTTPException(404)
        exchange_of(request, f"/{name}")
        return _file(name)

    add_error_handlers(app)
    return app


def _file(name: str) -> Response:
    return Response((_STATIC / name).read_bytes(), media_type=_FILES[name])
