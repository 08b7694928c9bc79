"""Room for requests: how many at once, and how many bytes their bodies may hold together.

Everything here runs on the event loop of one process, so there are no locks.
"""

from __future__ import annotations

from bonafide.scoring.service.errors import ServiceError, busy, too_large
from bonafide.scoring.service.settings import Limits

_MIB = 1024**2
_RETRY_SECONDS = 2.0


class Admission:
    """Counts requests and bytes.

    Args:
        limits: What there is room for.

    Attributes:
        requests: Requests that are being answered.
        held_bytes: Bytes of their bodies.
        streams: Live streams.
        draining: Whether the service is stopping.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.requests = self.held_bytes = self.streams = 0
        self.draining = False

    def enter(self, declared_bytes: int | None) -> Place:
        """Returns a place for a request, before its body is read.

        Args:
            declared_bytes: Of its header Content-Length; None without one (chunked).

        Raises:
            ServiceError: The body is too large, or there is no room.
        """
        limits = self._limits
        if declared_bytes is not None and declared_bytes > limits.body_bytes:
            raise too_large(limits.body_bytes)
        if self.requests >= limits.queue:
            raise busy(f"{limits.queue} requests are waiting", _RETRY_SECONDS)
        self._refuse_full(declared_bytes or 0)
        self.requests += 1
        return Place(self)

    def _refuse_full(self, more: int) -> None:
        if self.held_bytes + more > self._limits.memory_bytes:
            most = self._limits.memory_bytes // _MIB
            raise busy(f"recordings of {most} MiB are being scored", _RETRY_SECONDS)

    def take(self, place: Place, count: int) -> None:
        """Counts bytes that arrive, one by one: a client that is slow holds little.

        Raises:
            ServiceError: The body is too large, or there is no room.
        """
        if place.held_bytes + count > self._limits.body_bytes:
            raise too_large(self._limits.body_bytes)
        self._refuse_full(count)
        place.held_bytes += count
        self.held_bytes += count

    def enter_stream(self) -> None:
        """Counts a live stream that begins.

        Raises:
            ServiceError: There is no room.
        """
        if self.streams >= self._limits.streams:
            raise busy(f"{self._limits.streams} live streams are running", _RETRY_SECONDS)
        self.streams += 1


class Place:
    """The place of one request.

    Args:
        admission: Where it counts.

    Attributes:
        held_bytes: Bytes of its body.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.held_bytes = 0

    def take(self, count: int) -> None:
        """See `Admission.take`."""
        self._admission.take(self, count)

    def leave(self) -> None:
        """Gives the place back."""
        self._admission.requests -= 1
        self._admission.held_bytes -= self.held_bytes
        self.held_bytes = 0


def declared_bytes(value: str | None) -> int | None:
    """Returns the number of a header Content-Length; None without the header.

    Raises:
        ServiceError: It is not a number.
    """
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) <= 18):
        raise ServiceError(
            400,
            "bad_length",
            "expected a number of bytes",
            where="header Content-Length",
            remedy="Send the length of the body, or chunks.",
        )
    return int(value)
