"""Treatments that remove a shortcut from a recording without changing the speech."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bonafide.audio.measures import speech_of

# The nominal level of speech on a telephone line (measured by ITU-T P.56): low enough for the
# peaks of speech, which are 15 to 20 dB above its level.
LEVEL_DBFS = -26.0
_LARGEST = 32_767.0
_FULL_SCALE = 32_768.0


def trim(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Removes leading and trailing silence, as defined by the measures of DataGate.

    Args:
        samples: int16 [n], n > 0.
        sample_rate: In Hz.

    Returns:
        int16 [m], 0 < m <= n; the whole recording if no frame is active.
    """
    speech, _ = speech_of(samples, sample_rate)
    return samples[speech]


def level(samples: np.ndarray, sample_rate: int, level_dbfs: float = LEVEL_DBFS) -> np.ndarray:
    """Removes the mean and sets the level of the speech, as far as possible without clipping.

    Args:
        samples: int16 [n], n > 0.
        sample_rate: In Hz.
        level_dbfs: Level of the active speech, relative to full scale.

    Returns:
        int16 [n]; digital silence is not changed.
    """
    _, power = speech_of(samples, sample_rate)
    centred = samples - samples.mean(dtype=np.float64)
    peak = np.abs(centred).max()
    if not power or not peak:
        return samples
    gain = 10 ** (level_dbfs / 20) * _FULL_SCALE / np.sqrt(power)
    levelled: np.ndarray = np.round(centred * min(gain, _LARGEST / peak))
    return levelled.astype(np.int16)


def trim_and_level(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Trims and sets the level."""
    return level(trim(samples, sample_rate), sample_rate)


# By the names of the results, in the order of the report.
TREATMENTS: Mapping[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "trimmed": trim,
    "levelled": level,
    "trimmed_levelled": trim_and_level,
}
