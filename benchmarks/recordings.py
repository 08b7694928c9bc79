"""Cost of the speech detector in scoring, including decoding.

Used by `benchmarks.scoring`. Recordings of half a minute, made of the bundled eval clips, are
scored as by `bonafide score`, and again with all frames treated as speech. The variants alternate
in one process, on WAV and on FLAC, at 16 kHz and at 44.1 kHz, which is resampled. A ratio
`with_over_without_detector_...` is the throughput with the detector over that without it; it may
exceed 1, because pauses are not scored. `detector_share_...` is the detector's CPU time over the
total CPU time with it.
"""

from __future__ import annotations

import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from unittest import mock

import numpy as np
import soundfile
import soxr

from bonafide.audio import activity
from bonafide.audio.decoding import decode
from bonafide.scoring import ahead, engine, reading
from bonafide.scoring.model import Model, Scorer

RATE = 16_000
SECONDS = 30
EVAL = pathlib.Path(__file__).resolve().parent.parent / "samples/LA/ASVspoof2019_LA_eval"
KINDS = (("wav", 16_000), ("flac", 16_000), ("flac", 44_100))


class AllIsSpeech:
    """Replaces the detector: every frame is speech, at no cost."""

    def __init__(self, sample_rate: int) -> None:
        self._hop = activity.hop_samples(sample_rate)
        self._samples = self._frames = 0

    def add(self, block: np.ndarray) -> np.ndarray:
        """Decides on all whole frames."""
        self._samples += len(block)
        return self._until(self._samples // self._hop)

    def finish(self) -> np.ndarray:
        """Decides on the rest."""
        return self._until(-(-self._samples // self._hop))

    def _until(self, frames: int) -> np.ndarray:
        count, self._frames = frames - self._frames, frames
        return np.ones(count, np.float32)


def write(folder: pathlib.Path, count: int) -> dict[str, list[str]]:
    """Writes recordings of real and synthetic speech; returns kind -> their paths."""
    clips = [decode(path.read_bytes(), RATE, 0.3) for path in sorted(EVAL.rglob("*.flac"))]
    speech = np.concatenate(clips)
    found: dict[str, list[str]] = {}
    for ending, rate in KINDS:
        for number in range(count):
            samples = np.roll(speech, -number * SECONDS * RATE)[: SECONDS * RATE]
            if rate != RATE:
                samples = soxr.resample(samples, RATE, rate)
            path = folder / f"{number}-{rate}.{ending}"
            soundfile.write(path, samples, rate)
            found.setdefault(f"{ending}_{rate}", []).append(str(path))
    return found


def score(paths: Sequence[str], model: Model, scorer: Scorer) -> list[engine.Recording]:
    """Scores files as `bonafide score` does."""

    def read(path: str) -> Iterator[reading.Track]:
        return reading.read_tracks(path, model.sample_rate)

    decoder = ahead.Decoder(paths, read, model.sample_rate, model.clip_samples)
    try:
        return list(engine.score_recordings(paths, decoder, scorer))
    finally:
        decoder.stop()


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the clock and of the processor that something takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - cpu


def compare(model: Model, scorer: Scorer, *, count: int, rounds: int) -> dict[str, float]:
    """Returns the ratios.

    Args:
        model: Which scores.
        scorer: The same, loaded.
        count: Recordings of each kind.
        rounds: Turns of each side.
    """
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, paths in write(pathlib.Path(folder), count).items():
            score(paths[:1], model, scorer)
            spent = {"with": [], "without": [], "detector": []}
            samples = [np.concatenate(list(reading.read_blocks(path, RATE))) for path in paths]
            for _ in range(rounds):
                spent["with"].append(timed(lambda paths=paths: score(paths, model, scorer)))
                with mock.patch.object(activity, "ActivityMeter", AllIsSpeech):
                    spent["without"].append(timed(lambda paths=paths: score(paths, model, scorer)))
                spent["detector"].append(
                    timed(lambda all=samples: [activity.probabilities(one, RATE) for one in all])
                )
            wall, cpu = (
                {side: sum(times[i] for times in turns) for side, turns in spent.items()}
                for i in range(2)
            )
            name = f"with_over_without_detector_{kind}"
            ratios[name] = wall["without"] / wall["with"]
            ratios[f"{name}_cpu"] = cpu["without"] / cpu["with"]
            ratios[f"detector_share_{kind}_cpu"] = cpu["detector"] / cpu["with"]
    return ratios
