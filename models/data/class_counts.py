"""How many utterances of each class training sees, what they weigh, and the odds of both."""

from __future__ import annotations

import math
from typing import NamedTuple


class ClassCounts(NamedTuple):
    """How many utterances of each class a pass over a split sees.

    Fractions where some are drawn more often than others: the mean over many passes.
    """

    bonafide: float
    spoof: float


class ClassWeights(NamedTuple):
    """What one utterance of each class weighs in the loss; the mean over a split is 1."""

    bonafide: float
    spoof: float


EQUAL_WEIGHTS = ClassWeights(1.0, 1.0)


def class_weights(counts: ClassCounts, weighting: str) -> ClassWeights:
    """Weights of the two classes.

    Args:
        counts: Utterances of the training split; both classes must be there.
        weighting: `balanced` (n / (2 n_class), so that both classes weigh the same) or `none`.

    Raises:
        ValueError: A class is missing or the weighting is unknown.
    """
    if min(counts) <= 0:
        raise ValueError(
            f"the training split needs utterances of both classes, it has {counts.bonafide:.0f} "
            f"bona fide and {counts.spoof:.0f} spoof"
        )
    if weighting == "none":
        return EQUAL_WEIGHTS
    if weighting != "balanced":
        raise ValueError(f"class weighting must be balanced or none, not {weighting!r}")
    half = sum(counts) / 2
    return ClassWeights(half / counts.bonafide, half / counts.spoof)


def log_prior_odds(counts: ClassCounts, weights: ClassWeights) -> float:
    """Natural log of the odds bona fide : spoof that the weighted loss sees.

    A logit trained with cross entropy tends to log-likelihood ratio + log prior odds, so this is
    what must be taken from a logit to get a likelihood ratio. It is 0 with balanced weights.

    Mixing utterances does not change it, because the loss is linear in the label. Label smoothing
    does not change it where it is 0; other odds it would draw towards 1, which is not counted here.
    The scale and margins of the other losses make a likelihood ratio only after calibration.
    """
    return math.log((counts.bonafide * weights.bonafide) / (counts.spoof * weights.spoof))
