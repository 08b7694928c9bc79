"""Conditions of the robustness evaluation: each degrades every recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from bonafide.audio.chains import seed_of
from bonafide.audio.codecs import degrade
from bonafide.audio.treatments import TREATMENTS

# int16 [n] of an utterance (id) at a sampling rate in Hz -> int16 [m].
Treatment = Callable[[np.ndarray, int, str], np.ndarray]
_SEED = 1


def treatments(conditions: Sequence[str]) -> dict[str, Treatment]:
    """Returns all treatments of recordings to be scored, by the names of their results.

    Args:
        conditions: Specs of degradations.

    Returns:
        The treatments that remove shortcuts, then the conditions. The random numbers of a condition
        depend only on the utterance.
    """
    without_shortcuts: Mapping[str, Treatment] = {
        name: partial(_treated, treat) for name, treat in TREATMENTS.items()
    }
    return {**without_shortcuts, **{spec: partial(_degraded, spec) for spec in conditions}}


def _treated(
    treat: Callable[[np.ndarray, int], np.ndarray],
    samples: np.ndarray,
    sample_rate: int,
    utterance: str,
) -> np.ndarray:
    del utterance
    return treat(samples, sample_rate)


def _degraded(spec: str, samples: np.ndarray, sample_rate: int, utterance: str) -> np.ndarray:
    return degrade(samples, spec, seed_of(_SEED, utterance, 0), sample_rate)
