"""How fast are recordings decoded, against libsndfile alone and against the program `ffmpeg`?

    python -m benchmarks.decoding --json FILE [--seconds 300] [--rounds 5]

`ours` is `bonafide.audio.decoding`: any file in, int16 at 16 kHz out, containers
compared with what they promise. For what libsndfile reads, the other side is a loop around it that
knows no containers (`benchmarks/peers/soundfile_loop.py`), on clips as corpora hold them. For the
rest it is the program `ffmpeg` with one thread, its start included, on a file of `--seconds`; where
there is none, these ratios are left out. Sides take turns in every round; a figure is seconds of
audio per second, the median of the rounds. A ratio `ours_over_...` is ours over theirs: more is
better. Those that end in `_cpu` count processor time in place of the clock's.
"""

from __future__ import annotations

import argparse
import io
import json
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import soundfile
import soxr

from benchmarks.peers import soundfile_loop
from bonafide.audio import decoding

sys.path.insert(0, "tests/harness")

RATE_HZ = 16_000
CLIP_SECONDS = 4
# Container, subtype, rate and channels of what libsndfile reads.
CLIPS = {
    "wav": ("WAV", "PCM_16", 16_000, 1),
    "flac": ("FLAC", "PCM_16", 16_000, 1),
    "wav_44100_stereo": ("WAV", "PCM_16", 44_100, 2),
    "flac_44100_stereo": ("FLAC", "PCM_16", 44_100, 2),
    "flac_24": ("FLAC", "PCM_24", 48_000, 1),
    "ogg": ("OGG", "VORBIS", 16_000, 1),
    "mp3": ("MP3", "MPEG_LAYER_III", 16_000, 1),
}
# What FFmpeg reads, by its name in tests/harness/audio_kinds.py.
LONG = ("m4a", "aac", "webm", "wma", "mkv", "3gp", "amr", "gsm")
_CALLS = 25  # Of a side in a round.
Timed = tuple[float, float]  # Seconds by the clock, and of the processor.


def clip(name: str) -> bytes:
    """A clip of speech-like sound, as a file of a kind of `CLIPS`."""
    import audio_kinds

    container, subtype, rate_hz, channels = CLIPS[name]
    voice = np.resize(audio_kinds.speech(), CLIP_SECONDS * RATE_HZ)
    voice = soxr.resample(voice, RATE_HZ, rate_hz)
    buffer = io.BytesIO()
    samples = np.stack([voice, 0.9 * voice], axis=1)[:, :channels]
    soundfile.write(buffer, samples, rate_hz, subtype, format=container)
    return buffer.getvalue()


def ours(data: bytes) -> np.ndarray:
    """Decodes as UtteranceGen does."""
    return decoding.decode(data, RATE_HZ, 0.3)


def ours_streamed(path: pathlib.Path) -> None:
    """Decodes as `bonafide score` does."""
    with path.open("rb") as file:
        for _ in decoding.decode_blocks(file, RATE_HZ, 0.3, name=path.name):
            pass


def ffmpeg(path: pathlib.Path) -> None:
    """Decodes the same with the program."""
    output = ("-ac", "1", "-ar", str(RATE_HZ), "-f", "s16le", "-y", "/dev/null")
    quiet = ("-v", "error", "-nostdin", "-threads", "1")
    subprocess.run(["ffmpeg", *quiet, "-i", path, *output], check=True)


def timed(call: Callable[[], object], times: int = 1) -> Timed:
    """How long some calls take, processes that they start included."""
    began, before = time.perf_counter(), _cpu_seconds()
    for _ in range(times):
        call()
    return time.perf_counter() - began, _cpu_seconds() - before


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(of.ru_utime + of.ru_stime for of in used)


def compare(
    sides: dict[str, Callable[[], object]], *, seconds: float, rounds: int, times: int = 1
) -> dict[str, dict[str, float]]:
    """Lets the sides take turns; returns side -> seconds of audio per second.

    Args:
        sides: What each does.
        seconds: Of audio that a call decodes.
        rounds: Turns of each.
        times: Calls in a turn.
    """
    took: dict[str, list[Timed]] = {name: [] for name in sides}
    for call in sides.values():
        call()  # Libraries are loaded.
    for number in range(rounds):
        for name in sorted(sides, reverse=bool(number % 2)):
            took[name].append(timed(sides[name], times))
    return {
        name: {
            "realtime": seconds * times / statistics.median(clock for clock, _ in found),
            "realtime_cpu": seconds * times / statistics.median(cpu for _, cpu in found),
        }
        for name, found in took.items()
    }


def ratios(kind: str, found: dict[str, dict[str, float]]) -> dict[str, float]:
    """Ours over the other side, by the clock and by processor time."""
    [other] = set(found) - {"ours"}
    result = {}
    for figure, ending in (("realtime", ""), ("realtime_cpu", "_cpu")):
        ratio = found["ours"][figure] / found[other][figure]
        result[f"ours_over_{other}_{kind}{ending}"] = ratio
    return result


def long_file(kind: str, seconds: float) -> bytes:
    """A file of a kind of `LONG`, about as long as that."""
    import audio_kinds

    if kind in audio_kinds.GIVEN:
        data = audio_kinds.make(kind)
        return data * round(seconds / 6.4)
    voice = audio_kinds.speech()
    return audio_kinds.make(kind, np.tile(voice, round(seconds * RATE_HZ / len(voice))))


def main() -> None:
    """Measures every kind and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=300.0, help="of the long files")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    report: dict[str, dict] = {"figures": {}, "ratios": {}}
    for kind in CLIPS:
        data = clip(kind)
        found = compare(
            {
                "ours": lambda data=data: ours(data),
                "soundfile_loop": lambda data=data: soundfile_loop.decode(data, RATE_HZ),
            },
            seconds=CLIP_SECONDS,
            rounds=2 * options.rounds,
            times=_CALLS,
        )
        report["figures"][kind] = found
        report["ratios"].update(ratios(kind, found))
    with tempfile.TemporaryDirectory() as folder:
        for kind in LONG if shutil.which("ffmpeg") else ():
            path = pathlib.Path(folder, f"long.{kind}")
            path.write_bytes(long_file(kind, options.seconds))
            found = compare(
                {"ours": lambda p=path: ours_streamed(p), "ffmpeg": lambda p=path: ffmpeg(p)},
                seconds=options.seconds,
                rounds=options.rounds,
            )
            report["figures"][kind] = found
            report["ratios"].update(ratios(kind, found))
    text = json.dumps(report, indent=2)
    if options.json:
        options.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
