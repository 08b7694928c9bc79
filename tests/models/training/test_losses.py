import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.class_counts import ClassCounts, ClassWeights, class_weights, log_prior_odds
from models.settings.trainer import LOSSES as NAMES
from models.training.losses import (
    LOSSES,
    am_softmax,
    focal,
    make_loss,
    oc_softmax,
    weighted_bce,
)

logit_lists = st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=8)
class_weight_pairs = st.builds(ClassWeights, st.floats(0.1, 10), st.floats(0.1, 10))
smoothings = st.floats(0, 0.9)


@given(logit_lists, st.sampled_from([0.0, 1.0]), class_weight_pairs, smoothings)
@settings(max_examples=40)
def test_a_hard_label_gives_the_weighted_cross_entropy(logits, label, weights, smoothing):
    z = np.array(logits, np.float64)
    target = label * (1 - smoothing) + smoothing / 2
    # -t log sigmoid(z) - (1 - t) log sigmoid(-z), written so that it does not overflow.
    entropy = target * np.logaddexp(0, -z) + (1 - target) * np.logaddexp(0, z)
    expected = (weights.bonafide if label else weights.spoof) * entropy
    loss = weighted_bce(
        tf.constant(logits),
        tf.fill([len(logits)], label),
        weights=weights,
        label_smoothing=smoothing,
    )
    assert np.allclose(loss, expected, rtol=1e-4, atol=1e-5)


@given(logit_lists, st.floats(0, 1, width=32), class_weight_pairs, smoothings)
@settings(max_examples=40)
def test_a_mixed_label_gives_the_mixture_of_the_losses(logits, label, weights, smoothing):
    mixed, bonafide, spoof = (
        weighted_bce(
            tf.constant(logits),
            tf.fill([len(logits)], y),
            weights=weights,
            label_smoothing=smoothing,
        ).numpy()
        for y in (label, 1.0, 0.0)
    )
    assert np.allclose(mixed, label * bonafide + (1 - label) * spoof, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.05])
@pytest.mark.parametrize("share", [1.0, 0.7, 0.5, 0.1])
def test_balanced_classes_weigh_the_same_after_mixing_with_partners(share, smoothing):
    """Summed over every rotation of a batch: what MixUp and CutMix do on average."""
    n = ClassCounts(2580, 22800)  # the training split of ASVspoof 2019 LA
    labels = np.repeat([1.0, 0.0], [43, 380])  # the same ratio
    rotations = np.stack([np.roll(labels, r) for r in range(len(labels))])
    mixed = tf.constant((share * labels + (1 - share) * rotations).ravel(), tf.float32)
    far = 64.0  # softplus(far) = far and softplus(-far) = 0 in float32: the loss is one side's

    def side(logit):
        losses = weighted_bce(
            tf.fill(mixed.shape, logit),
            mixed,
            weights=class_weights(n, "balanced"),
            label_smoothing=smoothing,
        )
        return np.mean(losses, dtype=np.float64) / far

    assert side(-far) == pytest.approx(0.5, rel=1e-5)
    assert side(far) == pytest.approx(0.5, rel=1e-5)


def test_weighted_bce_known_values():
    loss = weighted_bce(tf.constant([0.0, 0.0, 2.0]), tf.constant([1.0, 0.0, 1.0]))
    assert np.allclose(loss, [math.log(2), math.log(2), math.log1p(math.exp(-2))])


@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize("weighting", ["none", "balanced"])
def test_a_calibrated_model_learns_the_prior_that_is_taken_away(weighting, share):
    """The constant logit of least loss on uninformative data is the log prior odds."""
    n = ClassCounts(30, 90)
    hard = np.repeat([1.0, 0.0], n)
    labels = (share * hard + (1 - share) * np.roll(hard, 41)).astype(np.float32)
    weights = class_weights(n, weighting)
    grid = np.linspace(-3, 3, 601, dtype=np.float32)
    losses = weighted_bce(
        np.repeat(grid, sum(n)), np.tile(labels, len(grid)), weights=weights
    ).numpy()
    best = grid[np.argmin(losses.reshape(len(grid), sum(n)).sum(axis=1, dtype=np.float64))]
    assert best == pytest.approx(log_prior_odds(n, weights), abs=0.011)


def test_every_loss_of_the_settings_is_there():
    assert tuple(LOSSES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_falls_towards_the_right_side_and_is_linear_in_the_label(name):
    loss = make_loss(name, weights=ClassWeights(2.0, 0.5), label_smoothing=0.1)
    outputs = tf.constant([-0.9, -0.2, 0.4, 0.95])
    bonafide, spoof = loss(outputs, tf.ones([4])).numpy(), loss(outputs, tf.zeros([4])).numpy()
    assert (np.diff(bonafide) < 0).all()
    assert (np.diff(spoof) > 0).all()
    mixed = loss(outputs, tf.fill([4], 0.3)).numpy()
    np.testing.assert_allclose(mixed, 0.3 * bonafide + 0.7 * spoof, rtol=1e-5)


def test_focal_loss_by_hand():
    # p = 0.8 for a logit of ln 4: 0.2^2 times the cross entropy.
    loss = focal(tf.fill([2], math.log(4)), tf.constant([1.0, 0.0]))
    np.testing.assert_allclose(loss, [0.04 * -math.log(0.8), 0.64 * -math.log(0.2)], rtol=1e-5)
    plain = focal(tf.constant([0.3, -2.0]), tf.constant([1.0, 0.0]), gamma=0.0)
    np.testing.assert_allclose(
        plain, weighted_bce(tf.constant([0.3, -2.0]), tf.constant([1.0, 0.0])), rtol=1e-6
    )


def test_oc_softmax_by_hand():
    loss = oc_softmax(tf.constant([0.9, 0.2, 1.0, -1.0]), tf.constant([1.0, 0.0, 0.0, 1.0]))
    expected = [math.log(2), math.log(2), math.log1p(math.exp(16.0)), 38.0]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_am_softmax_is_the_softmax_of_two_cosines_with_a_margin():
    first, second = np.array([0.9, 0.1, -0.3]), np.array([-0.5, 0.2, 0.4])
    for label, own, other in ((1.0, first, second), (0.0, second, first)):
        expected = np.logaddexp(20 * (own - 0.9), 20 * other) - 20 * (own - 0.9)
        found = am_softmax(tf.constant(first - second), tf.fill([3], label))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
