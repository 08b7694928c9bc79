"""Throughput, latency and memory of `bonafide serve`, against the bare model in a loop.

    python -m benchmarks.service --json FILE [--model DIR] [--clients 1 8 64] [--seconds 20]

A service with the model (by default the newest below output/) runs as a process of its own. Clients
on the same machine each send a recording of 4 s, wait for its scores, and send the next, over
connections that stay open; as WAV and as Opus. The bare model is a loop in another process that
scores the clips of the same recording, cut already: a call for each recording, as a program without
the service would. Both take turns, so that other work on the machine meets both. Slow clients (a
byte per 0.1 s) and bombs (8 channels of 600 s in 217 kB) can run beside: `--slow`, `--bombs`.

Ratios: `service_over_bare_...`, recordings per second of the service over those of the loop (1: the
service costs nothing). Those that end in `_cpu` count processor time of both processes in place of
the clock's: where others use the machine as well, they are the ones to trust. `flat_memory`,
resident memory after the first load over that after the last.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import soundfile

from bonafide.scoring.model import Scorer, find_model, read_model
from bonafide.serving.load import _memory_mib
from bonafide.version import REPOSITORY

RATE = 16_000
SECONDS = 4.0
FORMS = {"wav": ("WAV", "PCM_16"), "opus": ("OGG", "OPUS")}
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def recording() -> np.ndarray:
    """Returns 4 s of speech, int16: bundled recordings, one after the other."""
    folder = REPOSITORY / "samples/LA/ASVspoof2019_LA_eval/flac"
    parts, count = [], 0
    for path in sorted(folder.glob("*.flac")):
        samples, _ = soundfile.read(path, dtype="int16")
        parts.append(samples)
        count += len(samples)
        if count >= SECONDS * RATE:
            break
    return np.concatenate(parts)[: round(SECONDS * RATE)]


def encoded(samples: np.ndarray, form: str) -> bytes:
    """Returns a recording as a file."""
    buffer = io.BytesIO()
    kind, subtype = FORMS[form]
    soundfile.write(buffer, samples, RATE, format=kind, subtype=subtype)
    return buffer.getvalue()


def bomb() -> bytes:
    """Returns 8 silent channels of 600 s at 16 kHz in a small file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros((600 * RATE, 8), np.int16), RATE, format="FLAC")
    return buffer.getvalue()


def request_of(body: bytes, port: int) -> bytes:
    """Returns the bytes of a request."""
    head = (
        f"POST /v1/score HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Sends a request and reads the answer; returns its status."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    status = int(head.split(None, 2)[1])
    if status == 200 and json.loads(body)["recordings"][0]["score"] is None:
        return 0
    return status


async def drive(port: int, body: bytes, *, clients: int, seconds: float) -> dict:
    """Returns the figures of a load."""
    request = request_of(body, port)
    waits: list[float] = []
    failures: list[str] = []
    begun = time.perf_counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - begun < seconds:
            sent = time.perf_counter()
            try:
                status = await ask(reader, writer, request)
            except (OSError, EOFError) as error:
                failures.append(type(error).__name__)
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                continue
            if status == 200:
                waits.append(time.perf_counter() - sent)
            else:
                failures.append(str(status))
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    lasted = time.perf_counter() - begun
    p50, p99 = 1000 * np.quantile(waits, [0.5, 0.99]) if waits else (np.nan, np.nan)
    return {
        "clips": len(waits),
        "clips_per_second": len(waits) / lasted,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "failed": len(failures),
        "failures": sorted(set(failures)),
    }


async def disturb(port: int, *, slow: int, bombs: int) -> None:
    """Sends slow bodies and bombs until it is cancelled."""
    small = request_of(bytes(100_000), port)
    large = request_of(bomb(), port) if bombs else b""

    async def crawl() -> None:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                for byte in small[:2_000]:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.1)

    async def explode() -> None:
        while True:
            with contextlib.suppress(OSError, EOFError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                await ask(reader, writer, large)
                writer.close()

    await asyncio.gather(*(crawl() for _ in range(slow)), *(explode() for _ in range(bombs)))


@contextlib.contextmanager
def service(model: pathlib.Path, workers: int) -> Iterator[tuple[int, int]]:
    """Runs the service; yields its port and its process id."""
    command = [sys.executable, "-m", "bonafide", "serve", "--no-page", "--api-port", "0"]
    command += ["--model", str(model), "--log", "errors", "--workers", str(workers)]
    with subprocess.Popen(command, cwd=REPOSITORY, text=True, stdout=subprocess.PIPE) as process:
        address = process.stdout.readline() if process.stdout else ""
        try:
            yield int(address.split("/")[2].rpartition(":")[2]), process.pid
        finally:
            process.terminate()
            process.wait(timeout=60)


def bare(model: pathlib.Path) -> None:
    """Scores the clips of the recording in a loop for as long as a line on standard input says."""
    from bonafide.scoring import ahead
    from bonafide.scoring.reading import tracks_of

    records = read_model(model)
    tracks = tracks_of(io.BytesIO(encoded(recording(), "wav")), records.sample_rate)
    items = ahead.clips_of(tracks, records.sample_rate, records.clip_samples)
    clips = [item.pcm16 for item in items if isinstance(item, ahead.Clip)]
    scorer = Scorer(records)
    for line in sys.stdin:
        count, begun, cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - begun < float(line):
            scorer(clips)
            count += 1
        lasted, cpu = time.perf_counter() - begun, time.process_time() - cpu
        print(json.dumps([count / lasted, cpu / count, len(clips)]), flush=True)


def cpu_seconds(pid: int) -> float:
    """Returns the processor time of a process so far, from /proc."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(options: argparse.Namespace, model: pathlib.Path) -> dict:
    """Returns figures and ratios."""
    samples = recording()
    command = [sys.executable, "-m", "benchmarks.service", "--bare", str(model)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    figures: dict[str, float | str | list] = {"model": model.name}
    ratios: dict[str, float] = {}
    memory: list[float] = []
    with (
        service(model, options.workers) as (port, pid),
        subprocess.Popen(command, cwd=REPOSITORY, text=True, **pipes) as loop,
    ):

        def in_a_loop() -> np.ndarray:
            """Recordings per second, and seconds of a core for each."""
            loop.stdin.write(f"{options.seconds / 2}\n")
            loop.stdin.flush()
            rate, cpu, figures["segments"] = json.loads(loop.stdout.readline())
            return np.array([rate, cpu])

        in_a_loop()
        for form in FORMS:
            body = encoded(samples, form)
            asyncio.run(drive(port, body, clients=8, seconds=3))  # every size of a batch
            for clients in options.clients:
                before = in_a_loop()
                begun = cpu_seconds(pid)
                found = asyncio.run(with_others(port, body, clients, options))
                cpu = (cpu_seconds(pid) - begun) / max(1, found.pop("clips"))
                rate, bare_cpu = (before + in_a_loop()) / 2
                memory.append(_memory_mib(pid) or float("nan"))
                name = f"{form}_{clients}_clients"
                figures |= {f"{name}_{key}": value for key, value in found.items()}
                figures |= {f"{name}_bare": rate, f"{name}_memory_mib": memory[-1]}
                figures |= {f"{name}_cpu_ms": 1000 * cpu, f"{name}_bare_cpu_ms": 1000 * bare_cpu}
                ratios[f"service_over_bare_{name}_cpu"] = bare_cpu / cpu
                ratios[f"service_over_bare_{name}"] = found["clips_per_second"] / rate
                print(name, found, f"bare {rate:.1f}/s", file=sys.stderr, flush=True)
        loop.stdin.close()
    ratios["flat_memory"] = memory[0] / memory[-1]
    return {"figures": figures, "ratios": ratios}


async def with_others(port: int, body: bytes, clients: int, options: argparse.Namespace) -> dict:
    """Returns the figures of a load while other clients misbehave."""
    others = asyncio.create_task(disturb(port, slow=options.slow, bombs=options.bombs))
    try:
        return await drive(port, body, clients=clients, seconds=options.seconds)
    finally:
        others.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await others


def main() -> None:
    """Measures and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--model", help="folder of a pushed version")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=20.0, help="for each load")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--slow", type=int, default=0, help="clients that send a byte per 0.1 s")
    parser.add_argument("--bombs", type=int, default=0, help="clients that send bombs")
    parser.add_argument("--bare", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        bare(options.bare)
        return
    if options.json is None:
        parser.error("expected --json FILE")
    report = measure(options, find_model(options.model).resolve())
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
