"""HTTP/1.1 as uvicorn speaks it, with limits for headers: their size, and the time they take."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 64 * 1024
HEADER_SECONDS = 10.0


class Protocol(HttpToolsProtocol):
    """Refuses headers that are too large, and closes connections whose headers do not come.

    uvicorn keeps what a header holds until it is complete, however much and however long.
    """

    def connection_made(self, transport: Any) -> None:
        """Starts the clock of the first header."""
        super().connection_made(transport)
        self._header_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None
        self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Starts the clock of a header, of the first request or of a later one."""
        self._header_bytes = 0
        self._await_header()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Counts a part of the URL."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Counts a header."""
        self._count(name + value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stops the clock."""
        self._stop_timer()
        super().on_headers_complete()

    def _count(self, part: bytes) -> None:
        self._header_bytes += len(part)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise ValueError("the header is too large")  # httptools makes it an answer 400

    def _await_header(self) -> None:
        self._stop_timer()
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
