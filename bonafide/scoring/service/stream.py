"""The WebSocket endpoint: PCM in, the verdict so far out after each window."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import queue
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from fastapi import WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from bonafide.scoring.rows import Reading
from bonafide.scoring.service import answers
from bonafide.scoring.service.errors import ServiceError, internal
from bonafide.scoring.service.live import verdicts
from bonafide.scoring.service.logs import failure, log
from bonafide.scoring.service.models import Loaded
from bonafide.scoring.service.site import Site

END = "end"
_RATES = (8_000, 192_000)
_QUEUED = 64  # messages that wait to be scored: more are not read from the socket
_MAX_MESSAGE = 1 << 20  # bytes
_POLL_SECONDS = 0.2


async def serve(socket: WebSocket, site: Site) -> None:
    """Answers a live stream; the caller has checked hosts, keys and room.

    The client sends binary messages of little-endian int16 samples, mono, and at last the text
    `end`. Each answer is a JSON object of `verdicts`; after the final one the service closes.

    Raises:
        ServiceError: A parameter is wrong; nothing has been accepted.
    """
    loaded = site.store.current
    query = socket.query_params
    rate_hz = int(_number(query.get("sample_rate", str(loaded.model.sample_rate)), "sample_rate"))
    if not _RATES[0] <= rate_hz <= _RATES[1]:
        raise _bad_parameter(
            "sample_rate", f"expected {_RATES[0]} to {_RATES[1]} Hz, got {rate_hz}"
        )
    reading = answers.choose_reading(
        loaded, query.get("threshold"), _share(query.get("prior")), _ratio(query.get("cost_ratio"))
    )
    await socket.accept()
    live = _Live(loaded, reading, rate_hz, site)
    receiving = asyncio.create_task(_receive(socket, live, site, rate_hz))
    try:
        while (answer := await live.answers.get()) is not None:
            await socket.send_text(json.dumps(answer, allow_nan=False))
        await _close(socket, 1000)
    except (RuntimeError, OSError, WebSocketDisconnect):  # the client has gone
        pass
    finally:
        live.stop()
        receiving.cancel()


async def _receive(socket: WebSocket, live: _Live, site: Site, rate_hz: int) -> None:
    """Passes samples on until the end; a fault ends the stream with an error."""
    limits = site.limits
    left = limits.stream_seconds * rate_hz
    try:
        while True:
            try:
                message = await asyncio.wait_for(socket.receive(), limits.idle_seconds)
            except TimeoutError:
                raise _bad_stream("idle", f"no message for {limits.idle_seconds:g} s") from None
            if message["type"] == "websocket.disconnect":
                live.leave()
                return
            if (text := message.get("text")) is not None:
                if text.strip() != END:
                    raise _bad_stream("bad_message", f"expected the text `{END}` or binary samples")
                await live.put(None)
                return
            content = message.get("bytes") or b""
            left -= len(content) // 2
            if len(content) % 2 or len(content) > _MAX_MESSAGE:
                raise _bad_stream(
                    "bad_message", f"expected an even number of bytes up to {_MAX_MESSAGE}"
                )
            if left < 0:
                raise _bad_stream("too_long", f"longer than {limits.stream_seconds:g} s")
            await live.put(np.frombuffer(content, "<i2").astype(np.int16))
    except ServiceError as error:
        live.fail(error)


class _Live:
    """A stream that is scored in a thread of its own.

    Attributes:
        answers: Answers for the client; None after the last one.
    """

    def __init__(self, loaded: Loaded, reading: Reading, rate_hz: int, site: Site) -> None:
        self._loop = asyncio.get_running_loop()
        self.answers: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._blocks: queue.Queue[np.ndarray | None] = queue.Queue(_QUEUED)
        self._stopped = threading.Event()
        score = site.desk.batcher.through(loaded.score)
        work = verdicts(self._read(), rate_hz, loaded.model, reading, score)
        threading.Thread(target=self._run, args=(work,), name="stream", daemon=True).start()

    async def put(self, block: np.ndarray | None) -> None:
        """Hands samples over, waiting until there is room; None ends the recording."""
        while not self._stopped.is_set():
            try:
                return self._blocks.put_nowait(block)
            except queue.Full:
                await asyncio.sleep(_POLL_SECONDS / 10)
        return None

    def stop(self) -> None:
        """Ends the thread soon."""
        self._stopped.set()

    def leave(self) -> None:
        """Ends the stream of a client that has gone."""
        self.stop()
        self.answers.put_nowait(None)

    def fail(self, error: ServiceError) -> None:
        """Ends the stream with an error."""
        self.stop()
        self.answers.put_nowait(error.to_json(""))
        self.answers.put_nowait(None)

    def _run(self, work: Iterator[dict[str, Any]]) -> None:
        try:
            for answer in work:
                if self._stopped.is_set():
                    return
                self._send(answer)
        except Exception as error:  # noqa: BLE001 (of one stream)
            log("stream_failure", logging.ERROR, **failure(error))
            self._send(internal().to_json(""))
        self._send(None)

    def _send(self, answer: dict[str, Any] | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.answers.put_nowait, answer)

    def _read(self) -> Iterator[np.ndarray]:
        while not self._stopped.is_set():
            try:
                block = self._blocks.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if block is None:
                return
            yield block


async def _close(socket: WebSocket, code: int) -> None:
    if socket.application_state is WebSocketState.CONNECTED:
        await socket.close(code)


def _share(text: str | None) -> float | None:
    value = None if text is None else _number(text, "prior")
    if value is not None and not 0 < value < 1:
        raise _bad_parameter("prior", "expected a number between 0 and 1")
    return value


def _ratio(text: str | None) -> float | None:
    value = None if text is None else _number(text, "cost_ratio")
    if value is not None and value <= 0:
        raise _bad_parameter("cost_ratio", "expected a number above 0")
    return value


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _bad_parameter(name, "expected a number")
    return value


def _bad_parameter(name: str, message: str) -> ServiceError:
    remedy = "See docs/service.md for the parameters of a stream."
    return ServiceError(422, "bad_parameter", message, where=f"query {name}", remedy=remedy)


def _bad_stream(code: str, message: str) -> ServiceError:
    remedy = "Send binary messages of little-endian int16 samples, mono, then the text `end`."
    return ServiceError(400, code, message, where="stream", remedy=remedy)
