"""Holds a converted model against the one that it was made from: scores, and time."""

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
BUNDLED = 100  # of the bundled recordings; all would take minutes with a large model
_FULL_SCALE = np.float32(32768)


class CheckError(Exception):
    """There is nothing to compare on."""


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
        clips: How many were scored.
        largest: Difference of scores; infinite where one of them is no number.
        mean: Of the differences.
        source_milliseconds: Median of the SavedModel's times for a clip, one clip at a time.
        lite_milliseconds: The same of the converted model.
    """

    clips: int
    largest: float
    mean: float
    source_milliseconds: float
    lite_milliseconds: float


def recordings(paths: Sequence[str]) -> list[str]:
    """Returns the recordings to compare on: those named, and in folders; or some bundled ones.

    Raises:
        CheckError: There is none.
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
    """Takes every sample for speech: two models are compared on whatever recordings there are."""

    def add(self, block: np.ndarray) -> np.ndarray:
        """A probability of 1 for each sample."""
        return np.ones(len(block), np.float32)

    def finish(self) -> np.ndarray:
        """Nothing is left."""
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
    """Scores clips with both models, in turns, one at a time.

    Args:
        clips: int16 samples [clip_samples] each, at least one.
        source: Bytes of clips -> scores.
        lite: Samples of full scale 1 -> score.
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
