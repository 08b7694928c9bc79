"""The training loss, and the prior odds that a model trained with it has learnt."""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf


class ClassCounts(NamedTuple):
    """How many utterances of each class a split holds."""

    bonafide: int
    spoof: int


class ClassWeights(NamedTuple):
    """What one utterance of each class weighs in the loss; the mean over a split is 1."""

    bonafide: float
    spoof: float


_EQUAL = ClassWeights(1.0, 1.0)


def class_weights(counts: ClassCounts, weighting: str) -> ClassWeights:
    """Weights of the two classes.

    Args:
        counts: Utterances of the training split; both classes must be there.
        weighting: `balanced` (n / (2 n_class), so that both classes weigh the same) or `none`.

    Raises:
        ValueError: A class is missing or the weighting is unknown.
    """
    if min(counts) < 1:
        raise ValueError(
            f"the training split needs utterances of both classes, it has {counts.bonafide} "
            f"bona fide and {counts.spoof} spoof"
        )
    if weighting == "none":
        return _EQUAL
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
    """
    return math.log((counts.bonafide * weights.bonafide) / (counts.spoof * weights.spoof))


def weighted_bce(
    logits: tf.Tensor,
    labels: tf.Tensor,
    *,
    weights: ClassWeights = _EQUAL,
    label_smoothing: float = 0.0,
) -> tf.Tensor:
    """Binary cross entropy of each utterance, weighted by its class; linear in the label.

    With y the label, z the logit, w_b and w_s the weights of bona fide and spoof, and s half of
    `label_smoothing`: `p softplus(-z) + q softplus(z)`, where

        p = y w_b (1 - s) + (1 - y) w_s s
        q = y w_b s + (1 - y) w_s (1 - s)

    A label of 0 or 1 gives the cross entropy against the smoothed label times the weight of the
    class. The weight follows the label before smoothing: were each softplus weighted instead,
    smoothing would push the scores of the more frequent class towards the rarer one.

    A label in between, as MixUp and CutMix make it, gives that mixture of the two losses. Were the
    mixed cross entropy multiplied by the mixed weight instead, the label would come in squared, and
    what mixing leaves balanced (the mean label) would no longer balance the loss.

    Args:
        logits: [B].
        labels: [B], 1 = bona fide.
        weights: What each class weighs.
        label_smoothing: Share of the label spread evenly over both classes, in [0, 1).

    Returns:
        [B] float32, not yet averaged: the caller knows the size of the global batch.
    """
    logits = tf.cast(logits, tf.float32)
    labels = tf.cast(labels, tf.float32)
    other = 0.5 * label_smoothing  # what smoothing gives to the class that it is not
    bonafide, spoof = labels * weights.bonafide, (1.0 - labels) * weights.spoof
    towards_bonafide = bonafide * (1.0 - other) + spoof * other
    towards_spoof = bonafide * other + spoof * (1.0 - other)
    return towards_bonafide * tf.nn.softplus(-logits) + towards_spoof * tf.nn.softplus(logits)
