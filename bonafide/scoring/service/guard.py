"""What every request passes before an application sees it: hosts, keys, room, time; then the log.

A plain ASGI application in front of another one. Everything that can be refused is refused before a
byte of the body is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from bonafide.scoring.service import errors
from bonafide.scoring.service.admission import Admission, Place, declared_bytes
from bonafide.scoring.service.errors import ServiceError
from bonafide.scoring.service.keys import Keyring, Use
from bonafide.scoring.service.logs import LOGGER, failure, log
from bonafide.scoring.service.metrics import Metrics
from bonafide.scoring.service.settings import LOOPBACK, Limits

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

EXCHANGE = "bonafide"
# The whole value: a name or an address, and a port. `127.0.0.1:80@evil` is neither.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}))(?::([0-9]{1,5}))?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PROBES = ("/healthz", "/readyz")
# A body that is refused is still read for a while: most clients read the answer only then.
_DRAIN_SECONDS = 5.0
_DRAIN_BYTES = 256 * 1024**2


@dataclass(frozen=True)
class Policy:
    """What a site answers.

    Attributes:
        site: `page` or `api`, in logs and metrics.
        hosts: Names by which it may be addressed, without ports; empty: any.
        headers: Headers of every answer.
        body: The body of an error, from the error and the id of the request.
    """

    site: str
    hosts: tuple[str, ...]
    headers: Mapping[str, str]
    body: Callable[[ServiceError, str], dict[str, Any]]


@dataclass(eq=False)
class Exchange:
    """A request and its answer.

    Attributes:
        id: For the answer and the log.
        route: The route, not the path of the request, which could hold a name.
        status: Of the answer; 0 before there is one.
        received_bytes: Of the body so far.
        recordings: Number of recordings in it.
        error: Code of the error; empty without one.
        started: On the clock of `time.monotonic`.
        use: The key, if there is one.
    """

    id: str
    route: str = "other"
    status: int = 0
    received_bytes: int = 0
    recordings: int = 0
    error: str = ""
    started: float = field(default_factory=time.monotonic)
    use: Use | None = None


class Guard:
    """An ASGI application in front of another one.

    Args:
        app: The other one; it raises ServiceError, or answers.
        policy: Of the site.
        limits: Of bodies and times.
        admission: Room for requests.
        keyring: Keys of clients.
        metrics: Where requests are counted.
    """

    def __init__(
        self,
        app: App,
        policy: Policy,
        limits: Limits,
        admission: Admission,
        keyring: Keyring,
        metrics: Metrics,
    ) -> None:
        self._app, self._policy, self._limits = app, policy, limits
        self._admission, self._keyring, self._metrics = admission, keyring, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or refuses it."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        given = headers.get("x-request-id", "")
        exchange = Exchange(given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex)
        scope.setdefault("state", {})[EXCHANGE] = exchange
        answer = _Answer(scope, send, exchange, self._policy)
        body = _Body(receive, exchange, self._limits)
        try:
            with contextlib.ExitStack() as stack:
                self._admit(scope, headers, exchange, body, stack)
                await self._app(scope, body.receive, answer.send)
        except ServiceError as error:
            await answer.refuse(error)
        except _DisconnectError:
            exchange.error = "disconnected"
        except Exception as error:  # noqa: BLE001 (one request must not end the others)
            log("failure", logging.ERROR, request_id=exchange.id, **failure(error))
            await answer.refuse(errors.internal())
        finally:
            if answer.waits_for_body:
                await body.drain()
                await answer.finish()
            self._finish(scope, exchange)

    def _admit(
        self,
        scope: Scope,
        headers: Mapping[str, str],
        exchange: Exchange,
        body: _Body,
        stack: contextlib.ExitStack,
    ) -> None:
        """Raises ServiceError for what is not answered; what is reserved is freed by `stack`."""
        is_probe = scope["path"] in _PROBES
        self._check_host(scope, headers, is_probe=is_probe)
        if is_probe:
            return
        exchange.use = self._keyring.find(headers.get("authorization"))
        if self._admission.draining:
            raise errors.not_ready()
        if exchange.use:
            exchange.use.enter()
            stack.callback(exchange.use.leave)
        if scope["type"] == "websocket":
            self._admission.enter_stream()
            stack.callback(self._left_stream)
            self._metrics.streams.set(self._admission.streams)
        elif scope["method"] not in ("GET", "HEAD"):
            body.place = self._admission.enter(declared_bytes(headers.get("content-length")))
            stack.callback(self._left, body.place)
            self._metrics.running.set(self._admission.requests)

    def _left(self, place: Place) -> None:
        place.leave()
        self._metrics.running.set(self._admission.requests)
        self._metrics.held.set(self._admission.held_bytes)

    def _left_stream(self) -> None:
        self._admission.streams -= 1
        self._metrics.streams.set(self._admission.streams)

    def _check_host(self, scope: Scope, headers: Mapping[str, str], *, is_probe: bool) -> None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        host = headers.get("host", "")
        found = _HOST.fullmatch(host)
        known = self._policy.hosts
        if len(hosts) != 1 or not found:
            raise _not_here("expected one name or address, with or without a port", "header Host")
        if known and found[1].lower() not in known and not (is_probe and known is not LOOPBACK):
            raise _not_here("not addressed by a name of this service", "header Host")
        origin = headers.get("origin")
        if origin not in (None, f"http://{host}", f"https://{host}"):
            raise _not_here("not from this page", "header Origin")

    def _finish(self, scope: Scope, exchange: Exchange) -> None:
        seconds = time.monotonic() - exchange.started
        site = self._policy.site
        self._metrics.requests.labels(site, exchange.route, str(exchange.status)).inc()
        self._metrics.seconds.labels(site, exchange.route).observe(seconds)
        self._metrics.bytes.labels(site).inc(exchange.received_bytes)
        if LOGGER.isEnabledFor(logging.INFO) and exchange.route not in _PROBES:
            log(
                "request",
                request_id=exchange.id,
                site=site,
                method=scope.get("method", "WEBSOCKET"),
                route=exchange.route,
                status=exchange.status,
                error=exchange.error or None,
                seconds=round(seconds, 4),
                bytes=exchange.received_bytes,
                recordings=exchange.recordings,
                key=exchange.use.key.name if exchange.use else None,
            )


class _DisconnectError(Exception):
    """The client has gone before its body was complete."""


class _Body:
    """Receives a body, as far as there is room and time for it."""

    def __init__(self, receive: Receive, exchange: Exchange, limits: Limits) -> None:
        self._receive, self._exchange, self._limits = receive, exchange, limits
        self.place: Place | None = None
        self._is_complete = False

    async def receive(self) -> Message:
        """Returns the next part; see ASGI.

        Raises:
            ServiceError: The body is too large or too slow, or there is no room for it.
        """
        if self.place is None or self._is_complete:
            return self._noted(await self._receive())
        left = self._exchange.started + self._limits.upload_seconds - time.monotonic()
        try:
            message = self._noted(await asyncio.wait_for(self._receive(), max(0.0, left)))
        except TimeoutError:
            raise errors.upload_too_slow(self._limits.upload_seconds) from None
        if message["type"] == "http.disconnect":
            raise _DisconnectError
        count = len(message.get("body", b""))
        self._exchange.received_bytes += count
        self.place.take(count)
        return message

    def _noted(self, message: Message) -> Message:
        self._is_complete = not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Reads on for a while and keeps nothing."""
        read = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self._is_complete and read < _DRAIN_BYTES:
                    read += len(self._noted(await self._receive()).get("body", b""))


class _Answer:
    """Sends an answer with the headers of the site, or the error that takes its place."""

    def __init__(self, scope: Scope, send: Send, exchange: Exchange, policy: Policy) -> None:
        self._scope, self._send, self._exchange, self._policy = scope, send, exchange, policy
        self._is_open = True
        self.waits_for_body = False

    async def send(self, message: Message) -> None:
        """Passes a message on; see ASGI."""
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self._exchange.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self._exchange.id.encode()),
                *((name.encode(), value.encode()) for name, value in self._policy.headers.items()),
            ]
            self._is_open = False
        elif message["type"] == "websocket.accept":
            self._exchange.status = 101
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self._exchange.id.encode()),
            ]
            self._is_open = False
        await self._send(message)

    async def refuse(self, error: ServiceError) -> None:
        """Sends an error, unless an answer has begun."""
        self._exchange.error = error.code
        if not self._is_open:
            return
        content = json.dumps(self._policy.body(error, self._exchange.id)).encode()
        kind = "http.response"
        if self._scope["type"] == "websocket":
            if "websocket.http.response" not in self._scope.get("extensions", {}):
                self._exchange.status, self._is_open = 403, False
                await self._send({"type": "websocket.close", "code": 1008})
                return
            kind = "websocket.http.response"
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **error.headers,
        }
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": f"{kind}.start", "status": error.status, "headers": pairs})
        # uvicorn closes the connection at the end of an answer where the client asked for that,
        # and a client that still sends would not see the answer.
        self.waits_for_body = kind == "http.response"
        last = {"type": f"{kind}.body", "body": content, "more_body": self.waits_for_body}
        await self._send(last)

    async def finish(self) -> None:
        """Ends an error."""
        self.waits_for_body = False
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _not_here(message: str, where: str) -> ServiceError:
    return ServiceError(
        403,
        "not_here",
        message,
        where=where,
        remedy="Use the address that the service prints; other names: --allowed-host.",
    )
