"""Number and weight of the utterances of each class in training, and their odds."""

from __future__ import annotations

import math
from typing import NamedTuple


class ClassCounts(NamedTuple):
    """Number of utterances of each class in a pass over a split.

    With sampling weights, these are fractions: the mean over many passes.
    """

    bonafide: float
    spoof: float


class ClassWeights(NamedTuple):
    """Weight of an utterance of each class in the loss; the mean over a split is 1."""

    bonafide: float
    spoof: float


EQUAL_WEIGHTS = ClassWeights(1.0, 1.0)


def class_weights(counts: ClassCounts, weighting: str) -> ClassWeights:
    """Returns the weights of the two classes.

    Args:
        counts: Utterances of the training split, of both classes.
        weighting: `balanced` (n / (2 n_class), for equal total weights) or `none`.

    Raises:
        ValueError: A class is missing or the weighting is unknown.
    """
    if min(counts) <= 0:
        raise ValueError(
            f"expected training utterances of both classes, got {counts.bonafide:.0f} bona fide "
            f"and {counts.spoof:.0f} spoof"
        )
    if weighting == "none":
        return EQUAL_WEIGHTS
    if weighting != "balanced":
        raise ValueError(f"expected balanced or none as class weighting, got {weighting!r}")
    half = sum(counts) / 2
    return ClassWeights(half / counts.bonafide, half / counts.spoof)


def log_prior_odds(counts: ClassCounts, weights: ClassWeights) -> float:
    """Returns the natural log of the odds bona fide : spoof in the weighted loss.

    A logit trained with cross entropy tends to log-likelihood ratio + log prior odds, so this is
    the difference between a logit and a likelihood ratio. It is 0 with balanced weights.

    Mixing utterances does not change it, because the loss is linear in the label. Label smoothing
    does not change it if it is 0; other odds are drawn towards 1, which is neglected here. With the
    scale and margins of the other losses, only a calibration gives likelihood ratios.
    """
    return math.log((counts.bonafide * weights.bonafide) / (counts.spoof * weights.spoof))
