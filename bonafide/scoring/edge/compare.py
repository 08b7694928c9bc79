"""Compares a converted model with its original: scores and time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bonafide.audio.facts import AudioError
from bonafide.scoring import inputs, windows
from bonafide.scoring.model import Model
from bonafide.scoring.reading import read_blocks
from bonafide.version import REPOSITORY

SAMPLES = REPOSITORY / "samples"  # Of a checkout; an installed library has none.
BUNDLED = 100  # number of bundled recordings; all would take minutes with a large model
_FULL_SCALE = np.float32(32768)


class CheckError(Exception):
    """There are no recordings for the comparison."""


@dataclass(frozen=True)
class Comparison:
    """Result of the comparison.

    Attributes:
        clips: Number of scored clips.
        largest: Maximum difference of scores; infinite if one is NaN.
        mean: Mean of the differences.
        source_milliseconds: Median time of the SavedModel for a clip, one at a time.
        lite_milliseconds: Median time of the converted model.
    """

    clips: int
    largest: float
    mean: float
    source_milliseconds: float
    lite_milliseconds: float


def recordings(paths: Sequence[str]) -> list[str]:
    """Returns the recordings for the comparison: the given files and folders, or bundled ones.

    Raises:
        CheckError: There are no recordings.
    """
    if paths:
        found = list(inputs.expand(paths, recursive=True))
        where = ", ".join(paths)
    else:
        bundled = sorted(map(str, SAMPLES.rglob("*.flac")))
        found = bundled[:: max(1, len(bundled) // BUNDLED)][:BUNDLED]
        where = str(SAMPLES)
    if not found:
        raise CheckError(f"no recording in {where}: name some with --check")
    return found


class _Everything:
    """Treats every sample as speech, so that models can be compared on any recording."""

    def add(self, block: np.ndarray) -> np.ndarray:
        """Returns a probability of 1 for each sample."""
        return np.ones(len(block), np.float32)

    def finish(self) -> np.ndarray:
        """Returns no further probabilities."""
        return np.zeros(0, np.float32)


def clips(paths: Iterable[str], model: Model) -> Iterator[np.ndarray]:
    """Yields int16 samples [clip_samples]: the windows of recordings, short ones repeated.

    Raises:
        CheckError: A recording cannot be read; the message names it.
    """
    for path in paths:
        try:
            blocks = read_blocks(path, model.sample_rate)
            cutter = windows.SpeechCutter(
                model.sample_rate, model.clip_samples, meter=_Everything(), frame_samples=1
            )
            for window in cutter.cut(blocks):
                yield np.resize(window.samples, model.clip_samples)
        except AudioError as error:
            raise CheckError(f"--check {path}: {error}") from error


def compare(
    clips: Sequence[np.ndarray],
    source: Callable[[Sequence[bytes]], np.ndarray],
    lite: Callable[[np.ndarray], float],
) -> Comparison:
    """Scores clips with both models, alternating, one at a time.

    Args:
        clips: int16 samples [clip_samples] each, at least one.
        source: Function from bytes of clips to scores.
        lite: Function from samples of full scale 1 to a score.
    """
    differences: list[float] = []
    source_seconds: list[float] = []
    lite_seconds: list[float] = []
    for clip in clips:
        began = time.perf_counter()
        [expected] = source([clip.astype("<i2").tobytes()])
        between = time.perf_counter()
        found = lite(clip / _FULL_SCALE)
        ended = time.perf_counter()
        differences.append(abs(float(expected) - found))
        source_seconds.append(between - began)
        lite_seconds.append(ended - between)
    finite = bool(np.isfinite(differences).all())
    return Comparison(
        clips=len(differences),
        largest=max(differences) if finite else np.inf,
        mean=statistics.fmean(differences) if finite else np.inf,
        source_milliseconds=1000 * statistics.median(source_seconds),
        lite_milliseconds=1000 * statistics.median(lite_seconds),
    )
