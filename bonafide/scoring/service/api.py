"""The HTTP API: routes, their parameters and their OpenAPI document."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from bonafide.scoring.model import ModelError
from bonafide.scoring.service import answers, errors, metrics, schemas, stream
from bonafide.scoring.service.errors import ServiceError
from bonafide.scoring.service.guard import EXCHANGE, Exchange
from bonafide.scoring.service.site import Site
from bonafide.scoring.service.uploads import FORM, read_uploads
from bonafide.version import project_version

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_ABOUT = (
    "Scores recordings of speech: a person, or a machine that sounds like one? A score is a "
    "natural-log likelihood ratio, higher = more bona fide. Errors have one form: `error` with "
    "`code`, `message`, `where`, `remedy` and `request_id`."
)
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": schemas.ErrorAnswer, "description": "The form is broken."},
    401: {"model": schemas.ErrorAnswer, "description": "A token is needed."},
    403: {"model": schemas.ErrorAnswer, "description": "Not addressed by a name of this service."},
    408: {"model": schemas.ErrorAnswer, "description": "The upload took too long."},
    413: {"model": schemas.ErrorAnswer, "description": "Too large, or too many recordings."},
    422: {"model": schemas.ErrorAnswer, "description": "A parameter or the audio is unusable."},
    429: {"model": schemas.ErrorAnswer, "description": "Busy; see the header Retry-After."},
    503: {"model": schemas.ErrorAnswer, "description": "Starting, stopping, or too slow."},
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                        }
                    },
                },
                "encoding": {"file": {"contentType": "application/octet-stream"}},
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
Threshold = Annotated[
    str | None,
    Query(max_length=64, description="Name or value; default: that of the model."),
]
Prior = Annotated[
    float | None,
    Query(gt=0, lt=1, allow_inf_nan=False, description="Share of bona fide recordings."),
]
CostRatio = Annotated[
    float | None,
    Query(gt=0, allow_inf_nan=False, description="Cost of an accepted spoof, for `bayes`."),
]
Channel = Annotated[
    Literal["auto", "each", "mix", "left", "right"],
    Query(description="Which channels are scored; see docs/scoring.md."),
]


def application(site: Site) -> FastAPI:
    """Returns the API of a model store."""
    app = FastAPI(
        title="Bonafide",
        version=project_version(),
        description=_ABOUT,
        docs_url=None,  # loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    _add_score(app, site)
    _add_facts(app, site)
    add_error_handlers(app)
    return app


def _add_score(app: FastAPI, site: Site) -> None:
    @app.post(
        "/v1/score",
        response_class=Response,
        responses={200: {"model": schemas.ScoreAnswer}, **_ERRORS},
        openapi_extra=_BODY,
        summary="Score recordings",
    )
    async def score(
        request: Request,
        threshold: Threshold = None,
        prior: Prior = None,
        cost_ratio: CostRatio = None,
        channel: Channel = "auto",
        segments: Annotated[bool, Query(description="Whether segments are listed.")] = True,
        name: Annotated[
            str, Query(max_length=255, description="Of a recording without a form.")
        ] = "",
    ) -> Response:
        """Scores the recordings of a form, or the one that is the body itself, in any format."""
        exchange = exchange_of(request, "/v1/score")
        loaded = site.store.current
        reading = answers.choose_reading(loaded, threshold, prior, cost_ratio)
        kind = request.headers.get("content-type", "")
        uploads = await read_uploads(kind, request.stream(), name=name, most=site.limits.recordings)
        exchange.recordings = len(uploads)
        recordings = await site.desk.score(loaded, uploads, channel)
        for one in recordings:
            site.metrics.count(one, reading)
        answers.refuse_unusable(recordings)
        return as_json(
            answers.score_answer(
                loaded, reading, recordings, segments=segments, request_id=exchange.id
            )
        )

    @app.websocket("/v1/stream")
    async def live(socket: WebSocket) -> None:
        socket.state[EXCHANGE].route = "/v1/stream"
        await stream.serve(socket, site)


def _add_facts(app: FastAPI, site: Site) -> None:
    refusals: dict[int | str, dict[str, Any]] = {
        status: _ERRORS[status] for status in (401, 403, 429, 503)
    }

    @app.get(
        "/v1/model",
        response_class=Response,
        responses={200: {"model": schemas.ModelAnswer}, **refusals},
        summary="Describe the model in service",
    )
    async def model(request: Request) -> Response:
        exchange_of(request, "/v1/model")
        return as_json(answers.model_answer(site.store.current, site.limits))

    @app.get("/healthz", responses={403: _ERRORS[403]}, summary="Is the process alive?")
    async def healthz(request: Request) -> schemas.Health:
        exchange_of(request, "/healthz")
        return schemas.Health(status="ok")

    @app.get(
        "/readyz",
        responses={403: _ERRORS[403], 503: _ERRORS[503]},
        summary="Does it take requests?",
    )
    async def readyz(request: Request) -> schemas.Health:
        exchange_of(request, "/readyz")
        if site.admission.draining:
            raise errors.not_ready()
        return schemas.Health(status="ok")

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **refusals},
        summary="Metrics for Prometheus",
    )
    async def prometheus(request: Request) -> Response:
        exchange_of(request, "/metrics")
        return Response(site.metrics.text(), headers={"Content-Type": metrics.CONTENT_TYPE})


def as_json(content: dict[str, Any]) -> Response:
    """Returns an answer; a number that JSON does not have is an error."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return Response(text.encode("utf-8", "replace"), media_type="application/json")


def exchange_of(request: Request, route: str) -> Exchange:
    """Returns the exchange of a request, with its route noted."""
    exchange: Exchange = request.scope["state"][EXCHANGE]
    exchange.route = route
    return exchange


def add_error_handlers(app: FastAPI) -> None:
    """Makes every error a ServiceError, which `Guard` sends."""

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = " ".join(str(part) for part in first["loc"])
        raise ServiceError(
            422,
            "bad_parameter",
            first["msg"],
            where=where,
            remedy="The OpenAPI document at /openapi.json states what each parameter takes.",
        )

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        raise ServiceError(
            error.status_code,
            {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused"),
            str(error.detail),
            remedy="The OpenAPI document at /openapi.json lists the routes.",
        )

    async def failed(_: Request, error: Exception) -> Response:
        assert isinstance(error, ModelError)
        raise errors.internal() from error

    async def passed_on(_: Request, __: Exception) -> Any:
        async def nothing(*_: object) -> None:
            """Sends nothing: the exception goes on to `Guard`."""

        return nothing

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(ModelError, failed)
    app.add_exception_handler(Exception, passed_on)
