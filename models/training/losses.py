"""The training losses."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from models.data.class_counts import EQUAL_WEIGHTS, ClassWeights


def weighted_bce(
    logits: tf.Tensor,
    labels: tf.Tensor,
    *,
    weights: ClassWeights = EQUAL_WEIGHTS,
    label_smoothing: float = 0.0,
) -> tf.Tensor:
    """Binary cross entropy of each utterance, weighted by its class; linear in the label.

    With y the label, z the logit, w_b and w_s the weights of bona fide and spoof, and s half of
    `label_smoothing`: `p softplus(-z) + q softplus(z)`, where

        p = y w_b (1 - s) + (1 - y) w_s s
        q = y w_b s + (1 - y) w_s (1 - s)

    For labels 0 and 1, it is the cross entropy against the smoothed label times the weight of the
    class. The weight depends on the label before smoothing: if each softplus were weighted instead,
    smoothing would push the scores of the more frequent class towards the rarer one.

    For a label between 0 and 1, from MixUp or CutMix, it is this mixture of the two losses. If the
    mixed cross entropy were multiplied by the mixed weight instead, the loss would be quadratic in
    the label, and no longer balanced by the mean label, which mixing preserves.

    Args:
        logits: [B].
        labels: [B], 1 = bona fide.
        weights: Weights of the classes.
        label_smoothing: Share of the label spread evenly over both classes, in [0, 1).

    Returns:
        [B] float32, not averaged, because only the caller has the size of the global batch.
    """
    logits = tf.cast(logits, tf.float32)
    return _mixture(
        tf.nn.softplus(-logits), tf.nn.softplus(logits), labels, weights, label_smoothing
    )


def focal(
    logits: tf.Tensor,
    labels: tf.Tensor,
    *,
    weights: ClassWeights = EQUAL_WEIGHTS,
    label_smoothing: float = 0.0,
    gamma: float = 2.0,
) -> tf.Tensor:
    """Focal loss (Lin et al. 2017): cross entropy times (1 - p)^gamma, p that of the right class.

    Easy utterances have less weight. Arguments and result as `weighted_bce`.
    """
    logits = tf.cast(logits, tf.float32)
    right_if_bonafide, right_if_spoof = tf.sigmoid(logits), tf.sigmoid(-logits)
    return _mixture(
        (1.0 - right_if_bonafide) ** gamma * tf.nn.softplus(-logits),
        (1.0 - right_if_spoof) ** gamma * tf.nn.softplus(logits),
        labels,
        weights,
        label_smoothing,
    )


def oc_softmax(
    cosines: tf.Tensor,
    labels: tf.Tensor,
    *,
    weights: ClassWeights = EQUAL_WEIGHTS,
    label_smoothing: float = 0.0,
    scale: float = 20.0,
    bonafide_margin: float = 0.9,
    spoof_margin: float = 0.2,
) -> tf.Tensor:
    """One-class softmax (Zhang, Jiang and Duan 2021, arXiv 2010.13995, equation 4).

    Bona fide speech should be within a narrow cone around one direction, and spoofs outside a
    wider one: `softplus(scale (m0 - c))` for bona fide and `softplus(scale (c - m1))` for spoofs.

    Args:
        cosines: [B] cosine of the embedding and the direction, from a model with the head `cosine`.
        labels: As `weighted_bce`, as are `weights`, `label_smoothing` and the result.
        weights: See there.
        label_smoothing: See there.
        scale: alpha.
        bonafide_margin: m0.
        spoof_margin: m1.
    """
    cosines = tf.cast(cosines, tf.float32)
    return _mixture(
        tf.nn.softplus(scale * (bonafide_margin - cosines)),
        tf.nn.softplus(scale * (cosines - spoof_margin)),
        labels,
        weights,
        label_smoothing,
    )


def am_softmax(
    differences: tf.Tensor,
    labels: tf.Tensor,
    *,
    weights: ClassWeights = EQUAL_WEIGHTS,
    label_smoothing: float = 0.0,
    scale: float = 20.0,
    margin: float = 0.9,
) -> tf.Tensor:
    """Additive-margin softmax (Wang et al. 2018) of two classes.

    With d the difference of the cosines to the two classes' directions:
    `softplus(-scale (d - margin))` for bona fide and `softplus(scale (d + margin))` for spoofs.

    Args:
        differences: [B] from a model with the head `cosine_pair`.
        labels: As `weighted_bce`, as are `weights`, `label_smoothing` and the result.
        weights: See there.
        label_smoothing: See there.
        scale: s.
        margin: m.
    """
    differences = tf.cast(differences, tf.float32)
    return _mixture(
        tf.nn.softplus(-scale * (differences - margin)),
        tf.nn.softplus(scale * (differences + margin)),
        labels,
        weights,
        label_smoothing,
    )


# Head that each loss requires: see `ConformerConfig.head`.
LOSSES: dict[str, Callable[..., tf.Tensor]] = {
    "bce": weighted_bce,
    "focal": focal,
    "oc_softmax": oc_softmax,
    "am_softmax": am_softmax,
}


_WITH_MARGINS = ("oc_softmax", "am_softmax")


def make_loss(
    name: str, *, weights: ClassWeights, label_smoothing: float = 0.0
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns a loss by name, as a function of the model's outputs [B] and labels [B].

    Losses with margins are not smoothed, because smoothing would push utterances beyond the margin
    back.
    """
    smoothing = 0.0 if name in _WITH_MARGINS else label_smoothing
    return functools.partial(LOSSES[name], weights=weights, label_smoothing=smoothing)


def _mixture(
    if_bonafide: tf.Tensor,
    if_spoof: tf.Tensor,
    labels: tf.Tensor,
    weights: ClassWeights,
    label_smoothing: float,
) -> tf.Tensor:
    """Mixes the losses [B] of the two classes by labels [B], weights and smoothing."""
    labels = tf.cast(labels, tf.float32)
    other = 0.5 * label_smoothing  # label of the other class after smoothing
    bonafide, spoof = labels * weights.bonafide, (1.0 - labels) * weights.spoof
    towards_bonafide = bonafide * (1.0 - other) + spoof * other
    towards_spoof = bonafide * other + spoof * (1.0 - other)
    return towards_bonafide * if_bonafide + towards_spoof * if_spoof
