"""Decodes randomly damaged audio files: the only allowed failure is an AudioError.

    python -m benchmarks.mutated_audio --json FILE [--count 20000] [--first 0]

Each file is of one of all kinds (`tests/harness/audio_kinds.py`), of a second or less, with bytes
that were changed, removed, duplicated, or copied from another kind, seeded by its number. A process
decodes them like `bonafide score`: comparison of all channels, then each scored channel. The
benchmark detects other exceptions than AudioError, crashed processes, files that take longer than
`--seconds`, memory beyond that of decoding intact files, and files opened by name (FFmpeg supports
formats that refer to other files).

`figures` has the counts and the worst file; the exit status is 1 if there was a failure.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import pathlib
import random
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from bonafide.audio import decoding

sys.path.insert(0, "tests/harness")

RATE_HZ = 16_000
_EXTREMES = (b"\0", b"\xff", b"\x7f", b"\x80", b"\x01", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff")
_HEADER_BYTES = 256


def mutated(number: int, files: dict[str, bytes]) -> tuple[str, bytes]:
    """Returns the name of a kind and a damaged file of it, which depend on the number only."""
    rng = random.Random(number)
    name = rng.choice(sorted(files))
    data = bytearray(files[name])
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        rng.choice((_flip, _flip, _overwrite, _overwrite, _lose, _double, _cut, _splice))(
            data, rng, files
        )
    return name, bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    """Returns a position; half of all are in the header or at the end, where an index may be."""
    where = rng.random()
    if where < 0.35:
        return rng.randrange(min(len(data), _HEADER_BYTES) or 1)
    if where < 0.5:
        return max(0, len(data) - 1 - rng.randrange(4 * _HEADER_BYTES))
    return rng.randrange(len(data) or 1)


def _flip(data: bytearray, rng: random.Random, _: dict[str, bytes]) -> None:
    place = _place(data, rng)
    data[place : place + 1] = bytes([rng.randrange(256)])


def _overwrite(data: bytearray, rng: random.Random, _: dict[str, bytes]) -> None:
    place, value = _place(data, rng), rng.choice(_EXTREMES)
    data[place : place + len(value)] = value


def _lose(data: bytearray, rng: random.Random, _: dict[str, bytes]) -> None:
    place = _place(data, rng)
    del data[place : place + rng.choice((1, 2, 4, 8, 100, 4096))]


def _double(data: bytearray, rng: random.Random, _: dict[str, bytes]) -> None:
    place = _place(data, rng)
    data[place:place] = data[place : place + rng.choice((1, 4, 16, 512, 8192))]


def _cut(data: bytearray, rng: random.Random, _: dict[str, bytes]) -> None:
    del data[_place(data, rng) :]


def _splice(data: bytearray, rng: random.Random, files: dict[str, bytes]) -> None:
    other = files[rng.choice(sorted(files))]
    begin = rng.randrange(len(other))
    place = _place(data, rng)
    data[place:place] = other[begin : begin + rng.choice((8, 64, 1024, 16_384))]


def whole_files() -> dict[str, bytes]:
    """Returns a short file of each kind, some with two channels."""
    import audio_kinds

    voice = audio_kinds.speech()[: RATE_HZ * 4 // 5]
    files = {name: audio_kinds.make(name, voice) for name in audio_kinds.KINDS}
    files |= {name: audio_kinds.make(name) for name in audio_kinds.GIVEN}
    pair = np.stack([voice, voice[::-1]], axis=1)
    for name in ("wav", "flac", "ogg", "mp3", "m4a", "webm"):
        files[f"{name}-stereo"] = audio_kinds.make(name, pair)
    files["ogg-chain"] = files["opus"] + files["ogg"]
    return files


def decode_all(data: bytes) -> str:
    """Decodes as scoring does; returns the outcome."""
    try:
        with decoding.Recording(io.BytesIO(data), RATE_HZ, 0.1) as recording:
            for channel in recording.agreement.to_score:
                for _ in recording.blocks(channel):
                    pass
    except decoding.AudioError as error:
        return str(error).partition(":")[0].partition(" at ")[0]
    return "decoded"


def work(first: int, count: int) -> None:
    """Decodes files in this process; prints a JSON line before and after each."""
    files = whole_files()
    opened: list[str] = []
    for data in files.values():  # Loads all libraries.
        decode_all(data)
    sys.addaudithook(
        lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None
    )
    for number in range(first, first + count):
        print(json.dumps({"number": number}), flush=True)
        name, data = mutated(number, files)
        opened.clear()
        began = time.perf_counter()
        answer: dict[str, Any] = {"number": number, "kind": name}
        try:
            answer["came"] = decode_all(data)
        except Exception as error:  # noqa: BLE001 (the failure to detect)
            answer["foreign"] = f"{type(error).__name__}: {error}"
        answer["seconds"] = time.perf_counter() - began
        answer["opened"] = list(opened)
        answer["mebibytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(answer), flush=True)


def answers(first: int, count: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Runs `work` in separate processes, with a new one after a crash or a timeout."""
    last = first + count
    while first < last:
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (not a pipe: libsndfile's MP3 prints a lot)
        own = [sys.executable, "-m", "benchmarks.mutated_audio"]
        process = subprocess.Popen(
            [*own, "--work", str(first), "--count", str(last - first)],
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None
        at, limit = first, 120.0  # Includes the startup.
        while True:
            if not select.select([process.stdout], [], [], limit)[0]:
                process.kill()
                process.wait()
                yield {"number": at, "hangs": True}
                break
            line = process.stdout.readline()
            if not line:
                if process.wait():
                    errors.seek(-min(2000, errors.tell()), io.SEEK_END)
                    last_words = errors.read().decode(errors="replace")
                    yield {"number": at, "dies": process.returncode, "errors": last_words}
                break
            if not line.startswith(b"{"):  # Output of a library.
                yield {"number": at, "prints": line.decode(errors="replace")}
                continue
            answer = json.loads(line)
            at, limit = answer["number"], seconds
            if "kind" in answer:
                yield answer
        process.stdout.close()
        errors.close()
        first = at + 1


def summarise(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the figures of all answers."""
    done = [answer for answer in found if "kind" in answer]
    slowest = max(done, key=lambda answer: answer["seconds"])
    return {
        "files": len({answer["number"] for answer in found}),
        "came": dict(collections.Counter(a["came"] for a in done if "came" in a).most_common(20)),
        "foreign": [a for a in done if "foreign" in a],
        "opened": [a for a in done if a["opened"]],
        "dies": [a for a in found if "dies" in a],
        "hangs": [a for a in found if "hangs" in a],
        "prints": [a for a in found if "prints" in a],
        "slowest": slowest,
        "peak_mebibytes": max(answer["mebibytes"] for answer in done),
        "first_mebibytes": done[0]["mebibytes"],
    }


def main() -> int:
    """Measures and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20.0, help="that a file may take")
    parser.add_argument("--work", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is not None:
        work(options.work, options.count)
        return 0
    figures = summarise(list(answers(options.first, options.count, options.seconds)))
    text = json.dumps({"figures": figures, "ratios": {}}, indent=2)
    if options.json:
        options.json.write_text(text + "\n")
    print(text)
    return int(any(figures[name] for name in ("foreign", "opened", "dies", "hangs")))


if __name__ == "__main__":
    sys.exit(main())
