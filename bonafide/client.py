"""A client of the HTTP API of `bonafide serve`: `bonafide.Client` and `bonafide.AsyncClient`.

Example:
    with bonafide.Client("http://127.0.0.1:8766", token="...") as client:
        for found in client.score("call.wav", "talk.m4a").recordings:
            print(found.path, found.decision, found.score)

It needs the extra `client` (httpx, and websockets for live streams), and nothing else of the
library: neither numpy nor TensorFlow is imported.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx

DEFAULT_URL = "http://127.0.0.1:8766"
TIMEOUT_SECONDS = 180.0
RETRIES = 3
_RETRIED = (429, 503)
_LONGEST_WAIT_SECONDS = 30.0
_FIRST_WAIT_SECONDS = 0.5

Source = str | Path | tuple[str, bytes]
"""A path, or a name and the content of a file."""


class ApiError(Exception):
    """The service did not answer with scores.

    Attributes:
        status: HTTP status; 0 where the service cannot be reached.
        code: Stable name of the error.
        where: The part of the request; empty if it is not one part.
        remedy: What to do.
        request_id: As in the log of the service.
    """

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        super().__init__(str(error.get("message") or f"the service answered {status}"))
        self.status = status
        self.code, self.where = str(error.get("code", "")), str(error.get("where", ""))
        self.remedy = str(error.get("remedy", ""))
        self.request_id = str(error.get("request_id", ""))


@dataclass(frozen=True)
class ScoredRecording:
    """A recording, with the values that `bonafide score --json` writes.

    Attributes:
        path: Name of the file, as it was sent.
        score: Natural-log likelihood ratio, higher = more bona fide; None if there is none.
        probability: Of bona fide, at the prior.
        decision: `bona fide`, `spoof`, `not sure` or `no speech`; None of an unusable file.
        seconds: Length.
        speech: Seconds of speech.
        partly_spoofed: Whether a run of segments looks spoofed and the rest does not.
        unlike_training: In what the speech is unlike the training data; None where in nothing.
        error: Why there is no score; None where there is one.
        raw: The whole object of the answer: channels, segments, notes.
    """

    path: str
    score: float | None
    probability: float | None
    decision: str | None
    seconds: float | None
    speech: float | None
    partly_spoofed: bool | None
    unlike_training: str | None
    error: str | None
    raw: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True)
class Scores:
    """The answer to a request.

    Attributes:
        model_version: Of the model that scored.
        threshold: Name, value, rule, and error rates on the model's own test.
        recordings: In the order in which they were sent.
        request_id: As in the log of the service.
        raw: The whole answer.
    """

    model_version: str
    threshold: Mapping[str, Any]
    recordings: tuple[ScoredRecording, ...]
    request_id: str
    raw: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)


class Client:
    """A client that waits for each answer.

    Args:
        url: Address of the API, without a path.
        token: Of the service; None where it needs none.
        timeout: For each request, in seconds.
        retries: How often a request is sent again that the service had no room for, or that did not
            reach it.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
    ) -> None:
        self._call, self._retries = _Call(url, token), retries
        self._http = httpx.Client(base_url=url, headers=self._call.headers, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def score(self, *sources: Source, **options: str | float | bool) -> Scores:
        """Scores recordings in one request.

        Args:
            *sources: Paths, or pairs of a name and the content of a file; in any format.
            **options: `threshold`, `prior`, `cost_ratio`, `channel`, `segments` (docs/service.md).

        Raises:
            ApiError: There are no scores. Of several recordings, one that cannot be used is no
                error: its `error` says why.
            OSError: A file cannot be read.
        """

        def send() -> httpx.Response:
            with _opened(sources) as files:
                return self._http.post("/v1/score", params=_texts(options), files=files)

        return _scores(self._answer(send))

    def model(self) -> dict[str, Any]:
        """Returns what GET /v1/model says of the model in service.

        Raises:
            ApiError: The service does not say.
        """
        return self._answer(lambda: self._http.get("/v1/model"))

    def is_ready(self) -> bool:
        """Returns whether the service takes requests."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stream(
        self, blocks: Iterable[bytes], *, sample_rate: int = 16_000, **options: str | float
    ) -> Iterator[dict[str, Any]]:
        """Scores a live recording.

        Args:
            blocks: Little-endian int16 samples, mono, as they come; sent from a thread.
            sample_rate: Their rate in Hz.
            **options: `threshold`, `prior` and `cost_ratio`.

        Yields:
            The verdict so far after each window of speech (`type` is `segment`), then the `final`.

        Raises:
            ApiError: The service refuses the stream, or ends it with an error.
        """
        from websockets.exceptions import InvalidStatus
        from websockets.sync.client import connect

        address = self._call.stream_url(sample_rate, options)
        try:
            link = connect(address, additional_headers=self._call.headers, proxy=None)
        except InvalidStatus as error:
            raise _refused(error.response.status_code, error.response.body) from error
        except OSError as error:
            raise _unreachable(error) from error
        with link:
            threading.Thread(target=_send_blocks, args=(link, blocks), daemon=True).start()
            yield from map(_stream_answer, link)

    def _answer(self, send: Any) -> dict[str, Any]:
        for wait in _waits(self._retries):
            try:
                reply = send()
            except httpx.TransportError as error:
                if wait is None or not isinstance(error, httpx.ConnectError):
                    raise _unreachable(error) from error
                time.sleep(wait)
                continue
            if reply.status_code in _RETRIED and wait is not None:
                time.sleep(_wait(reply, wait))
                continue
            break
        return _json(reply)


class AsyncClient:
    """A client for asyncio; see `Client`."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
    ) -> None:
        self._call, self._retries = _Call(url, token), retries
        self._http = httpx.AsyncClient(base_url=url, headers=self._call.headers, timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def score(self, *sources: Source, **options: str | float | bool) -> Scores:
        """Scores recordings in one request; see `Client.score`. Files are read into memory."""

        async def send() -> httpx.Response:
            with _opened(sources) as files:
                read = [(key, (name, _content(file), kind)) for key, (name, file, kind) in files]
            return await self._http.post("/v1/score", params=_texts(options), files=read)

        return _scores(await self._answer(send))

    async def model(self) -> dict[str, Any]:
        """See `Client.model`."""
        return await self._answer(lambda: self._http.get("/v1/model"))

    async def is_ready(self) -> bool:
        """See `Client.is_ready`."""
        try:
            return (await self._http.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def stream(
        self, blocks: AsyncIterable[bytes], *, sample_rate: int = 16_000, **options: str | float
    ) -> AsyncIterator[dict[str, Any]]:
        """See `Client.stream`; the blocks come from an asynchronous iterator."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus

        address = self._call.stream_url(sample_rate, options)
        try:
            link = await connect(address, additional_headers=self._call.headers, proxy=None)
        except InvalidStatus as error:
            raise _refused(error.response.status_code, error.response.body) from error
        except OSError as error:
            raise _unreachable(error) from error
        async with link:

            async def send() -> None:
                async for block in blocks:
                    await link.send(block)
                await link.send("end")

            sending = asyncio.create_task(send())
            try:
                async for message in link:
                    yield _stream_answer(message)
            finally:
                sending.cancel()

    async def _answer(self, send: Any) -> dict[str, Any]:
        for wait in _waits(self._retries):
            try:
                reply = await send()
            except httpx.TransportError as error:
                if wait is None or not isinstance(error, httpx.ConnectError):
                    raise _unreachable(error) from error
                await asyncio.sleep(wait)
                continue
            if reply.status_code in _RETRIED and wait is not None:
                await asyncio.sleep(_wait(reply, wait))
                continue
            break
        return _json(reply)


class _Call:
    """What both clients send with each request."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def stream_url(self, sample_rate: int, options: Mapping[str, str | float]) -> str:
        """Returns the address of a live stream."""
        query = httpx.QueryParams({"sample_rate": sample_rate, **options})
        return f"ws{self._url.removeprefix('http')}/v1/stream?{query}"


_Files = list[tuple[str, tuple[str, BinaryIO | bytes, str]]]


@contextlib.contextmanager
def _opened(sources: Iterable[Source]) -> Iterator[_Files]:
    """Opens files for one attempt: a second one needs them from the start."""
    kind = "application/octet-stream"
    with contextlib.ExitStack() as stack:
        files: _Files = []
        for source in sources:
            if isinstance(source, tuple):
                files.append(("file", (*source, kind)))
            else:
                file = stack.enter_context(Path(source).open("rb"))
                files.append(("file", (Path(source).name, file, kind)))
        yield files


def _content(file: BinaryIO | bytes) -> bytes:
    return file if isinstance(file, bytes) else file.read()


def _texts(options: Mapping[str, str | float | bool]) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in options.items()
    }


def _waits(retries: int) -> Iterator[float | None]:
    """Yields how long to wait after each attempt that fails; None after the last one."""
    for number in range(retries):
        yield _FIRST_WAIT_SECONDS * 2**number
    yield None


def _wait(reply: httpx.Response, otherwise: float) -> float:
    text = reply.headers.get("Retry-After", "")
    seconds = float(text) if text.isascii() and text.isdecimal() else otherwise
    return min(seconds, _LONGEST_WAIT_SECONDS)


def _json(reply: httpx.Response) -> dict[str, Any]:
    if reply.status_code != 200:
        raise _refused(reply.status_code, reply.content)
    found: dict[str, Any] = reply.json()
    return found


def _refused(status: int, body: bytes | None) -> ApiError:
    try:
        return ApiError(status, json.loads(body or b"")["error"])
    except (ValueError, KeyError, TypeError):
        return ApiError(status, {"message": f"answered {status}. Is it another service?"})


def _unreachable(error: Exception) -> ApiError:
    return ApiError(0, {"code": "unreachable", "message": f"cannot be reached: {error}"})


def _scores(answer: Mapping[str, Any]) -> Scores:
    names = [name for name in ScoredRecording.__dataclass_fields__ if name != "raw"]
    return Scores(
        answer["model"]["version"],
        answer["threshold"],
        tuple(
            ScoredRecording(**{name: one[name] for name in names}, raw=one)
            for one in answer["recordings"]
        ),
        answer["request_id"],
        answer,
    )


def _send_blocks(link: Any, blocks: Iterable[bytes]) -> None:
    from websockets.exceptions import ConnectionClosed

    with contextlib.suppress(ConnectionClosed):  # the reader sees why
        for block in blocks:
            link.send(block)
        link.send("end")


def _stream_answer(message: str | bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(message)
    if "error" in answer:
        raise ApiError(400, answer["error"])
    return answer
