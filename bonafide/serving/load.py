"""Load test of a model server: clients send requests without a pause.

    bonafide load --url http://localhost:8501 --clients 1 8 64 --seconds 60
    bonafide load --pid 4711 --json load.json      with the memory of a local server

Each client sends one clip per request, waits for the score, and sends the next. For each number of
clients, the command prints requests per second, latency (median, 99th percentile, maximum) and
failed requests; with --pid also the memory of the server's process before and after. The exit code
is 1 if a request failed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import numpy as np

from bonafide.command_line import CommandParser
from bonafide.scoring.model import DEFAULT_CLIP_SAMPLES
from bonafide.serving.client import describe
from bonafide.serving.transport import TIMEOUT_SECONDS, ServerError, over_rest, request_body
from bonafide.storage.files import replacing, why_not_writable

_MIB = 1 << 20
_SEED = 1


@dataclasses.dataclass(frozen=True)
class Load:
    """Result of a load test.

    Attributes:
        clients: Concurrent clients.
        seconds: Duration.
        requests: Requests with a score.
        requests_per_second: Throughput of those.
        p50_ms: Median latency; NaN without requests.
        p99_ms: 99th percentile of the latency.
        longest_ms: Maximum latency.
        failed: Requests without a score.
        first_failure: Error of the first of these; empty without one.
        memory_mib: Of the server's process, before and after; None if not known.
    """

    clients: int
    seconds: float
    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    longest_ms: float
    failed: int
    first_failure: str
    memory_mib: tuple[float, float] | None


async def drive(
    address: str, body: bytes, *, clients: int, seconds: float, pid: int | None = None
) -> Load:
    """Sends requests to a server for some time.

    Args:
        address: URL of predict requests.
        body: The request.
        clients: Number of concurrent clients.
        seconds: Duration; pending requests at the end are completed.
        pid: Of the server's process on this machine; None skips its memory.
    """
    waits: list[float] = []
    failures: list[str] = []
    before = _memory_mib(pid)
    begun = time.perf_counter()

    async def client(session: aiohttp.ClientSession) -> None:
        while time.perf_counter() - begun < seconds:
            sent = time.perf_counter()
            failure = await _ask(session, address, body)
            if failure:
                failures.append(failure)
                await asyncio.sleep(0.1)  # no tight loop if the server does not answer
            else:
                waits.append(time.perf_counter() - sent)

    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        await asyncio.gather(*(client(session) for _ in range(clients)))
    lasted = time.perf_counter() - begun
    after = _memory_mib(pid)
    p50, p99, longest = 1000 * np.quantile(waits, [0.5, 0.99, 1.0]) if waits else np.full(3, np.nan)
    return Load(
        clients=clients,
        seconds=lasted,
        requests=len(waits),
        requests_per_second=len(waits) / lasted,
        p50_ms=float(p50),
        p99_ms=float(p99),
        longest_ms=float(longest),
        failed=len(failures),
        first_failure=failures[0] if failures else "",
        memory_mib=None if before is None or after is None else (before, after),
    )


async def _ask(session: aiohttp.ClientSession, address: str, body: bytes) -> str:
    """Sends a request; returns why there is no score, empty if there is one."""
    try:
        headers = {"Content-Type": "application/json"}
        async with session.post(address, data=body, headers=headers) as reply:
            text = await reply.text()
            if reply.status != 200:
                return f"{address} answered {reply.status}: {text[:200]}"
            float(json.loads(text)["predictions"][0]["score"])
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return f"{address} cannot be reached: {error or type(error).__name__}"
    except (ValueError, KeyError, TypeError, IndexError):
        return f"{address} returned no scores. Is it another service?"
    return ""


def _memory_mib(pid: int | None) -> float | None:
    """Resident memory of a process, from /proc; None if that cannot be read."""
    if pid is None:
        return None
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    [line] = [line for line in text.splitlines() if line.startswith("VmRSS:")] or [""]
    return int(line.split()[1]) * 1024 / _MIB if line else None


def clip_body(clip_samples: int) -> bytes:
    """Returns a request with one clip of noise."""
    samples = np.random.default_rng(_SEED).normal(scale=3000, size=clip_samples)
    return json.dumps(request_body([samples.astype("<i2").tobytes()])).encode()


def _clip_samples(url: str, model: str) -> int:
    """Returns the length of the model's clips; the default where the server does not say it."""
    try:
        described = describe(over_rest(url, model))
    except ServerError:  # the load test counts it, with the reason
        described = None
    return described.clip_samples if described else DEFAULT_CLIP_SAMPLES


def text_of(load: Load) -> str:
    """Returns the result as a line."""
    memory = "" if load.memory_mib is None else "  {:.0f} MiB, then {:.0f}".format(*load.memory_mib)
    failed = f"  {load.failed} failed: {load.first_failure}" if load.failed else ""
    return (
        f"{load.clients:4d} clients  {load.requests_per_second:8.1f} requests/s  "
        f"{load.p50_ms:8.1f} ms  99 % {load.p99_ms:8.1f} ms  longest {load.longest_ms:8.1f} ms"
        f"{memory}{failed}"
    )


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command; returns 0, or 1 if a request failed."""
    parser = CommandParser(prog=prog, description=__doc__)
    add = parser.add_argument
    add("--url", default="http://localhost:8501", help="URL of the server (default %(default)s)")
    add("--model", default="bonafide", help="name of the model on the server (default %(default)s)")
    clients_help = "numbers of clients (default 1 8 64)"
    add("--clients", type=int, nargs="+", default=[1, 8, 64], help=clients_help)
    add(
        "--seconds", type=float, default=30.0, help="duration for each number (default %(default)s)"
    )
    add(
        "--clip-samples",
        type=int,
        help="samples of a clip (default: those of the model, as the server says)",
    )
    add("--pid", type=int, help="process id of the server, if it runs on this machine")
    add("--json", type=Path, metavar="FILE", help="write the results as JSON")
    options = parser.parse_args(arguments)
    if options.json and (why := why_not_writable(options.json)):
        parser.error(f"--json {options.json}: {why}")
    if min(options.clients) < 1 or options.seconds <= 0 or (options.clip_samples or 1) < 1:
        parser.error("expected --clients, --seconds and --clip-samples above 0")
    address = f"{options.url.rstrip('/')}/v1/models/{options.model}:predict"
    body = clip_body(options.clip_samples or _clip_samples(options.url, options.model))
    loads = []
    for clients in options.clients:
        driven = drive(address, body, clients=clients, seconds=options.seconds, pid=options.pid)
        loads.append(asyncio.run(driven))
        print(text_of(loads[-1]), flush=True)
    if options.json:
        found = [dataclasses.asdict(load) for load in loads]
        with replacing(options.json) as part:
            part.write_text(json.dumps(found, indent=2) + "\n")
    return 1 if any(load.failed for load in loads) else 0
