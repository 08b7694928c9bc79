"""Settings of the service: plain values, which its worker processes receive."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from bonafide.scoring.reading import AudioLimits

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_MIB = 1024**2


def _threads() -> int:
    return max(4, 2 * len(os.sched_getaffinity(0)))


@dataclass(frozen=True)
class Limits:
    """What a request may cost. Those of the body hold before it is read.

    Attributes:
        body_bytes: Of one request.
        memory_bytes: Of the bodies of all requests that are being answered.
        queue: Requests that are being read, waiting or being scored.
        recordings: In one request.
        seconds: Length of a recording.
        upload_seconds: Time to send the body.
        answer_seconds: Time to score the recordings of a request.
        threads: Recordings that are decoded at once.
        streams: Live streams at once.
        stream_seconds: Audio of a live stream.
        idle_seconds: Time between two messages of a live stream.
    """

    body_bytes: int = 64 * _MIB
    memory_bytes: int = 256 * _MIB
    queue: int = 128
    recordings: int = 64
    seconds: float = 600.0
    upload_seconds: float = 60.0
    answer_seconds: float = 120.0
    threads: int = field(default_factory=_threads)
    streams: int = 16
    stream_seconds: float = 4 * 3600.0
    idle_seconds: float = 30.0

    @property
    def audio(self) -> AudioLimits:
        """How much audio a recording may contain."""
        return AudioLimits.of_seconds(self.seconds)


@dataclass(frozen=True)
class Key:
    """A key of a client.

    Attributes:
        name: For logs and metrics.
        digest: SHA-256 of the token, 32 bytes.
        requests_per_minute: None: any number.
        concurrent: Requests at once; None: any number.
    """

    name: str
    digest: bytes
    requests_per_minute: float | None = None
    concurrent: int | None = None


@dataclass(frozen=True)
class Settings:
    """Settings of the service.

    Attributes:
        model: As `bonafide.scoring.model.find_model`.
        page_port: Port of the page, always on 127.0.0.1; None: no page; 0: any free one.
        api_host: Address of the API.
        api_port: Port of the API; None: no API; 0: any free one.
        keys: Keys of the API's clients; empty: no key is needed.
        allowed_hosts: Names by which clients may address the API, without ports; empty: the
            loopback names where the API is on loopback, any name elsewhere.
        limits: What a request may cost.
        workers: Number of processes.
        reload_seconds: How often a serving folder is searched for a newer version; 0: never.
        logs: Whether requests are logged, as JSON lines on standard error.
    """

    model: str | None = None
    page_port: int | None = None
    api_host: str = "127.0.0.1"
    api_port: int | None = None
    keys: tuple[Key, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    workers: int = 1
    reload_seconds: float = 10.0
    logs: bool = False

    @property
    def api_hosts(self) -> tuple[str, ...]:
        """Names by which the API may be addressed; empty for any."""
        if self.allowed_hosts:
            return self.allowed_hosts
        return LOOPBACK if is_loopback(self.api_host) else ()


def is_loopback(host: str) -> bool:
    """Returns whether an address is reachable from this machine only."""
    return host in ("localhost", "::1") or host.startswith("127.")
