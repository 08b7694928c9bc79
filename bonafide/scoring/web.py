"""A page on this machine that scores what is dropped on it or recorded with it.

For one person at one machine: it listens on 127.0.0.1 alone, answers no other page than its own,
reads no path that a request names, and keeps nothing of a recording once it has answered.
"""

from __future__ import annotations

import asyncio
import io
import math
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web

from bonafide.audio.facts import AudioError
from bonafide.scoring import ahead, engine, own_test, thresholds
from bonafide.scoring.explain import explain
from bonafide.scoring.model import Model, ModelError, Scorer
from bonafide.scoring.plot import Plot
from bonafide.scoring.reading import Track, tracks_of
from bonafide.scoring.rows import Reading

HOST = "127.0.0.1"
MAX_BYTES = 64 * 1024**2
MAX_SECONDS = 600
UPLOAD_TIMEOUT_SECONDS = 60
_WIDTHS = (240, 1200)  # of the picture, in pixels
_SHOWN_OF_CHANNELS = ("channel", "decision", "score", "speech")
_STATIC = Path(__file__).parent / "static"
_FILES = {"page.css": "text/css", "page.js": "text/javascript"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src blob:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class RequestError(Exception):
    """A request that cannot be answered; the message is for the person at the page."""


def application(model: Model, scorer: Scorer) -> web.Application:
    """Returns the web application of a loaded model."""
    one_at_a_time = asyncio.Lock()

    async def page(_: web.Request) -> web.Response:
        text = (_STATIC / "page.html").read_text(encoding="utf-8")
        return web.Response(text=text, content_type="text/html")

    async def static(request: web.Request) -> web.Response:
        # Only names that are known here become a path.
        name = request.match_info["name"]
        if name not in _FILES:
            raise web.HTTPNotFound
        text = (_STATIC / name).read_text(encoding="utf-8")
        return web.Response(text=text, content_type=_FILES[name])

    async def about(_: web.Request) -> web.Response:
        return web.json_response(
            {
                "model": model.folder.name,
                "thresholds": offered(model),
                "limits": own_test.in_plain_words(
                    thresholds.choose(None, model.thresholds), model.evaluation
                ),
                "min_speech_seconds": engine.MIN_SPEECH_SECONDS,
                "card": model.card,
                "max_bytes": MAX_BYTES,
                "max_seconds": MAX_SECONDS,
            }
        )

    async def score(request: web.Request) -> web.Response:
        try:
            question = asked(request.query, model)
            async with asyncio.timeout(UPLOAD_TIMEOUT_SECONDS):
                content = await request.read()
            async with one_at_a_time:
                answer = await asyncio.to_thread(scored, content, model, scorer, question)
        except (RequestError, AudioError, ModelError, thresholds.ThresholdError) as error:
            return web.json_response({"error": str(error)}, status=422)
        except TimeoutError:
            return web.json_response({"error": "the upload took too long"}, status=408)
        return web.json_response(answer)

    app = web.Application(client_max_size=MAX_BYTES, middlewares=[_own_page_only])
    app.add_routes(
        [
            web.get("/", page),
            web.get("/about", about),
            web.post("/score", score),
            web.get("/{name}", static),
        ]
    )
    return app


def run(model: Model, scorer: Scorer, port: int) -> None:
    """Serves the page until it is interrupted.

    Args:
        model: Which scores.
        scorer: The same, loaded.
        port: Of 127.0.0.1; 0 for any that is free.

    Raises:
        OSError: The port cannot be had.
    """
    # Bound here and not by aiohttp, so that the port is known before it is printed.
    with socket.create_server((HOST, port)) as listening:
        print(f"http://{HOST}:{listening.getsockname()[1]}/  (Ctrl-C ends it)", flush=True)
        web.run_app(application(model, scorer), sock=listening, print=None)


@web.middleware
async def _own_page_only(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refuses what comes by another name than this machine's, or from another page.

    A page of anyone's could otherwise post here, or point a name of its own at 127.0.0.1.
    """
    host = request.host.rpartition(":")[0] or request.host
    own = {f"http://{request.host}", None}
    if host not in (HOST, "localhost") or request.headers.get("Origin") not in own:
        return web.json_response({"error": "not from this page"}, status=403)
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPRequestEntityTooLarge:
        said = f"larger than {MAX_BYTES // 1024**2} MiB"
        response = web.json_response({"error": said}, status=413)
    except web.HTTPException as error:
        response = web.json_response({"error": error.reason}, status=error.status)
    response.headers.update(_HEADERS)
    return response


def offered(model: Model) -> list[str]:
    """Returns the names of the thresholds that a model can be asked for, the default first."""
    default = thresholds.choose(None, model.thresholds).name
    of_model = [name for name in thresholds.OF_DEV if name in model.thresholds]
    names = [default, thresholds.EVEN, thresholds.BAYES, *of_model]
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class Question:
    """How a recording is to be judged and shown.

    Attributes:
        threshold: Where to decide.
        prior: Share of recordings that are bona fide before any is scored; None is 0.5.
        cost_ratio: See `thresholds.choose`.
        width: Of the picture, in pixels.
        name: Of the file; its ending is what tells formats without a header.
    """

    threshold: thresholds.Threshold
    prior: float | None
    cost_ratio: float | None
    width: int
    name: str


def asked(query: Mapping[str, str], model: Model) -> Question:
    """Returns how a recording is to be judged, as a request says.

    Raises:
        RequestError: A number is out of its range.
        thresholds.ThresholdError: The threshold is none.
    """
    prior = _number(query, "prior", None)
    cost_ratio = _number(query, "cost_ratio", None)
    width = _number(query, "width", 900.0) or 0.0
    if prior is not None and not 0 < prior < 1:
        raise RequestError("the share of bona fide recordings must lie between 0 and 1")
    if cost_ratio is not None and not 0 < cost_ratio < math.inf:
        raise RequestError("the ratio of costs must be a number above 0")
    wanted = thresholds.parse(query["threshold"]) if "threshold" in query else None
    threshold = thresholds.choose(wanted, model.thresholds, prior=prior, cost_ratio=cost_ratio)
    width = int(np.clip(np.nan_to_num(width or 0.0), *_WIDTHS))
    return Question(threshold, prior, cost_ratio, width, query.get("name", ""))


def scored(content: bytes, model: Model, scorer: Scorer, question: Question) -> dict[str, Any]:
    """Returns what the page shows of a recording, from the bytes of its file.

    Raises:
        AudioError: It cannot be used.
        RequestError: It is too long.
        ModelError: The model fails.
    """
    threshold, prior = question.threshold, question.prior
    belief = thresholds.EVEN_PRIOR if prior is None else prior
    reading = Reading(model.sample_rate, model.clip_samples, threshold, belief, model.training)
    picture = Plot(reading)
    tracks = (
        picture.watch(_short(track, model))
        for track in tracks_of(io.BytesIO(content), model.sample_rate, name=question.name)
    )
    items = ahead.clips_of(
        tracks, model.sample_rate, model.clip_samples, qualities=model.training is not None
    )
    [recording] = engine.score_recordings(["recording"], items, scorer)
    if recording.error:
        raise ModelError(recording.error)
    own, *channels = reading.rows(recording)
    del own["path"], own["error"]
    svg = picture.svg(recording, width=question.width, titled=False) if recording.has_score else ""
    return own | {
        "reason": recording.reason,
        "lowest_end": own["segments"] and reading.span(*[reading.verdict(recording).lowest] * 2)[1],
        "partly_spoofed": reading.run(recording),
        "channels": [{key: row[key] for key in _SHOWN_OF_CHANNELS} for row in channels],
        "threshold": str(threshold),
        "limits": own_test.in_plain_words(threshold, model.evaluation),
        "svg": svg,
        "explanation": explain(model, threshold, prior, question.cost_ratio),
    }


def _short(track: Track, model: Model) -> Track:
    def blocks() -> Iterator[np.ndarray]:
        samples = 0
        for block in track.blocks:
            samples += len(block)
            if samples > MAX_SECONDS * model.sample_rate:
                raise RequestError(
                    f"longer than {MAX_SECONDS // 60} minutes: score it with score.py --plot"
                )
            yield block

    return track._replace(blocks=blocks())


def _number(query: Mapping[str, str], name: str, default: float | None) -> float | None:
    if name not in query:
        return default
    try:
        return float(query[name])
    except ValueError:
        raise RequestError(f"{name} is not a number") from None
