"""Qualities of the speech of a recording: bandwidth, level, noise, duration, roughness.

They are measured on the scored windows (`bonafide.scoring.windows`), with the functions that
measure a corpus (`bonafide.audio.measures`). Training clips are measured by the same code, split
like recordings, so that a recording and a clip with the same speech have the same qualities,
regardless of the silence, noise or music around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from bonafide.audio import measures
from bonafide.audio.facts import FileFacts
from bonafide.metrics.training_range import QUALITIES
from bonafide.scoring.windows import SpeechCutter, Window

# Windows to buffer and measure together: 1 MiB for clips of 4 s at 16 kHz.
_TOGETHER = 8
# The file itself is not measured.
_NO_FILE = FileFacts(rate_hz=0, channels=1, encoding="", size_bytes=0)
_MEASURED = ("bandwidth_hz", "level_dbfs", "noise_floor_dbfs", "seconds", "roughness_db")
_PLACES = [measures.NUMBERS.index(name) for name in _MEASURED]

Values = tuple[float, ...]


class QualityMeter:
    """Measures the windows of a track in a stream; buffers a few windows.

    Args:
        sample_rate: In Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._held: list[Window] = []
        self._rows: list[np.ndarray] = []
        self._speech: list[float] = []

    def watch(self, windows: Iterable[Window]) -> Iterator[Window]:
        """Passes through the windows of a track without delay, and measures them."""
        for window in windows:
            self._held.append(window)
            if len(self._held) == _TOGETHER:
                self._measure()
            yield window

    def values(self) -> Values | None:
        """Returns the qualities of the track, in the order of `QUALITIES`; None without windows.

        Each is the median over the windows, weighted by their seconds of speech. NaN if it could
        not be measured on any window.
        """
        self._measure()
        if not self._rows:
            return None
        rows, weights = np.concatenate(self._rows), np.asarray(self._speech)
        return tuple(_weighted_median(column, weights) for column in rows.T)

    def _measure(self) -> None:
        if not self._held:
            return
        clips = [measures.Clip("", window.samples, _NO_FILE) for window in self._held]
        found = measures.measure(clips, self._rate).numbers[:, _PLACES].astype(np.float64)
        bandwidth, level, floor, seconds, roughness = found.T
        # Without a peak of the envelope there is no spectrum: both are unknown.
        bandwidth = np.where(bandwidth > 0, bandwidth, np.nan)
        roughness = np.where(roughness > 0, roughness, np.nan)
        speech = np.array([window.speech_seconds for window in self._held])
        columns = [bandwidth, level, level - floor, seconds, speech / seconds, roughness]
        self._rows.append(np.stack(columns, axis=1).reshape(len(clips), len(QUALITIES)))
        self._speech += speech.tolist()
        self._held = []


def qualities_of(samples: np.ndarray, sample_rate: int, clip_samples: int) -> Values | None:
    """Returns the qualities of a recording, int16 [N]; None if it contains no speech."""
    meter = QualityMeter(sample_rate)
    cutter = SpeechCutter(sample_rate, clip_samples)
    for _ in meter.watch(cutter.cut([samples])):
        pass
    return meter.values()


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    known = ~np.isnan(values)
    if not known.any():
        return float("nan")
    values, weights = values[known], weights[known]
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
