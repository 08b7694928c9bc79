"""What takes a shortcut out of a recording, and leaves the speech as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bonafide.audio.measures import speech_of

# Of speech on a telephone line, by custom (the nominal level of ITU-T P.56's users): far enough
# below full scale for the peaks of speech, which stand 15 to 20 dB above its level.
LEVEL_DBFS = -26.0
_LARGEST = 32_767.0
_FULL_SCALE = 32_768.0


def trim(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Cuts off leading and trailing silence, by the definition that DataGate measures it with.

    Args:
        samples: int16 [n], n > 0.
        sample_rate: In Hz.

    Returns:
        int16 [m], 0 < m <= n; all of a recording in which nothing stands out.
    """
    speech, _ = speech_of(samples, sample_rate)
    return samples[speech]


def level(samples: np.ndarray, sample_rate: int, level_dbfs: float = LEVEL_DBFS) -> np.ndarray:
    """Takes the mean out and brings the speech to a level, or as near as no sample is clipped.

    Args:
        samples: int16 [n], n > 0.
        sample_rate: In Hz.
        level_dbfs: That of the active speech, relative to full scale.

    Returns:
        int16 [n]; digital silence stays as it is.
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
    """Does both."""
    return level(trim(samples, sample_rate), sample_rate)


# By the names under which results are kept, in the order of the report.
TREATMENTS: Mapping[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "trimmed": trim,
    "levelled": level,
    "trimmed_levelled": trim_and_level,
}
