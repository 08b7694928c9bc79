"""Converts the samples of a file to 16 bit and another sampling rate."""

from __future__ import annotations

import numpy as np
import soxr

from bonafide.audio.facts import AudioError

_FULL_SCALE = 32_768.0
# Floating-point audio may exceed full scale (1.0) a little; beyond this it has another scale.
_MAX_PEAK = 8.0


class Converter:
    """Resamples (soxr, HQ), rounds and clips, block by block.

    Args:
        rate_hz: Sampling rate of the file.
        target_rate: Sampling rate of the result.
        count: Number of channels; a block of one is [M], of several [M, channels].
    """

    def __init__(self, rate_hz: int, target_rate: int, count: int) -> None:
        self._count = count
        self._resampler = (
            None
            if rate_hz == target_rate
            else soxr.ResampleStream(rate_hz, target_rate, count, "float32", quality="HQ")
        )

    def convert(self, block: np.ndarray) -> np.ndarray:
        """Converts float32, full scale 1, to int16 at the target rate; int16 is not requantised."""
        if block.dtype == np.int16:
            return block
        if self._resampler is not None:
            block = self._resampler.resample_chunk(block)
        return to_int16(block)

    def finish(self) -> list[np.ndarray]:
        """Returns the remaining samples, in one block or none."""
        if self._resampler is None:
            return []
        nothing = np.zeros((0,) if self._count == 1 else (0, self._count), np.float32)
        return [to_int16(self._resampler.resample_chunk(nothing, last=True))]


def check_samples(block: np.ndarray) -> None:
    """Checks float32 [M, C], full scale 1.

    Raises:
        AudioError: There are NaN or infinity, or values on another scale.
    """
    if not np.isfinite(block).all():
        raise AudioError("holds samples that are not finite numbers (NaN or infinity)")
    if (peak := np.abs(block).max()) > _MAX_PEAK:
        raise AudioError(
            f"holds samples up to {peak:.3g} where full scale is 1 (whole numbers written as "
            "floating point?)"
        )


def to_int16(block: np.ndarray) -> np.ndarray:
    """Returns float32 samples of full scale 1, rounded to 16 bit and clipped."""
    return np.clip(np.rint(block * _FULL_SCALE), -32_768, 32_767).astype(np.int16)
