import dataclasses
import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from splits import collect, numbered_split

from models.augmentation.spectrogram import AugmentConfig
from models.data.batches import evaluation_batches, fill_batch, random_crop, training_batches
from models.data.splits import class_counts


@given(count=st.integers(1, 40), batch_size=st.integers(1, 17), epoch=st.integers(1, 3))
@settings(max_examples=15)
def test_every_utterance_once_per_epoch_in_full_batches(count, batch_size, epoch):
    split = numbered_split(count)
    batches = collect(training_batches(split, batch_size=batch_size, seed=3, epoch=epoch))
    seen = []
    for features, labels, weights in batches:
        assert features.shape == (batch_size, 5, 3)
        assert set(weights) <= {0.0, 1.0}
        assert np.array_equal(labels, features[:, 0, 0] % 2)
        seen.extend(features[weights == 1, 0, 0])
    assert sorted(seen) == list(range(count))


def test_an_epoch_replays_and_epochs_and_seeds_differ():
    split = numbered_split(20, frames=12)

    def epoch(seed, number):
        return collect(
            training_batches(
                split,
                batch_size=8,
                seed=seed,
                epoch=number,
                crop_frames=6,
                augment=AugmentConfig(mixup_probability=1.0),
            )
        )

    first, again = epoch(1, 2), epoch(1, 2)
    for a, b in zip(first, again, strict=True):
        for x, y in zip(a, b, strict=True):
            assert np.array_equal(x, y)
    assert not np.array_equal(first[0][0], epoch(1, 3)[0][0])
    assert not np.array_equal(first[0][0], epoch(2, 2)[0][0])
    # Batches of one epoch must not share their random numbers either.
    assert not np.allclose(first[0][1], first[1][1])


def test_features_are_let_go_when_training_is_over():
    split = numbered_split(9)
    collect(training_batches(split, batch_size=4, seed=3, epoch=1))
    collect(evaluation_batches(split, batch_size=4))
    features = weakref.ref(split.features)
    del split
    gc.collect()
    assert features() is None


def test_without_weights_the_order_is_as_ever():
    """Models were trained in this order."""
    [(features, _, _)] = collect(training_batches(numbered_split(9), batch_size=9, seed=3, epoch=2))
    expected = np.random.default_rng((3, 2)).permutation(np.arange(9))
    assert features[:, 0, 0].tolist() == expected.tolist()


def test_an_epoch_draws_by_weights_and_dev_never():
    weights = np.array([4.0, 1.0, 1.0, 1.0, 1.0])
    split = dataclasses.replace(numbered_split(5), weights=weights)

    def rows(epoch):
        batches = collect(training_batches(split, batch_size=2, seed=3, epoch=epoch))
        assert all(np.array_equal(y, x[:, 0, 0] % 2) for x, y, _ in batches)
        return np.concatenate([x[w == 1, 0, 0] for x, _, w in batches]).astype(int).tolist()

    assert [len(rows(epoch)) for epoch in (1, 2, 3)] == [5, 5, 5]
    assert {rows(epoch).count(0) for epoch in range(1, 9)} == {2, 3}  # 5 * 4 / 8
    assert rows(4) == rows(4)
    [(features, _, _)] = collect(evaluation_batches(split, batch_size=5))
    assert features[:, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_classes_are_counted_as_they_are_drawn():
    plain = numbered_split(5)  # bona fide are 1 and 3
    assert class_counts(plain) == (2, 3)
    split = dataclasses.replace(plain, weights=np.array([1.0, 4.0, 1.0, 1.0, 1.0]))
    drawn = class_counts(split)
    assert drawn == pytest.approx((5 * 5 / 8, 5 * 3 / 8))
    bonafide = [
        float(labels.sum())
        for epoch in range(60)
        for _, labels, _ in collect(training_batches(split, batch_size=5, seed=1, epoch=epoch))
    ]
    assert np.mean(bonafide) == pytest.approx(drawn.bonafide, abs=0.2)
    equal = class_counts(dataclasses.replace(plain, weights=np.full(5, 0.1)))
    assert equal == pytest.approx((2, 3), rel=1e-12)


def test_fill_batch_repeats_with_weight_zero():
    features, labels, weights = fill_batch(
        tf.constant([[[1.0]], [[2.0]]]), tf.constant([1.0, 0.0]), batch_size=5
    )
    assert features.numpy()[:, 0, 0].tolist() == [1, 2, 1, 2, 1]
    assert labels.numpy().tolist() == [1, 0, 1, 0, 1]
    assert weights.numpy().tolist() == [1, 1, 0, 0, 0]


def test_fill_batch_in_a_graph_has_a_fixed_size_and_leaves_a_whole_batch_alone():
    batches = numbered_split(5).batches(2, order_seed=None)
    assert batches.element_spec[0].shape.as_list() == [None, 5, 3]
    filled = batches.map(lambda x, y: fill_batch(x, y, batch_size=2))
    assert [spec.shape.as_list() for spec in filled.element_spec] == [[2, 5, 3], [2], [2]]
    rows = [features[:, 0, 0].tolist() for features, _, _ in collect(filled)]
    assert rows == [[0, 1], [2, 3], [4, 4]]
    assert [weights.tolist() for _, _, weights in collect(filled)] == [[1, 1], [1, 1], [1, 0]]


def test_random_crop_takes_neighbouring_frames_from_all_places():
    features = numbered_split(200, frames=10).features
    crop = random_crop(tf.constant(features), 4, seed=tf.constant([1, 2])).numpy()
    assert crop.shape == (200, 4, 3)
    starts = np.round((crop[:, 0, 0] - np.arange(200)) * 100).astype(int)
    assert set(starts) == set(range(7))
    for row, start in enumerate(starts):
        assert np.array_equal(crop[row], features[row, start : start + 4])


def test_crop_longer_than_the_features_is_refused():
    with pytest.raises(ValueError, match="crop_frames: expected at most 5 .*, got 6"):
        training_batches(numbered_split(4), batch_size=2, seed=0, epoch=1, crop_frames=6)
