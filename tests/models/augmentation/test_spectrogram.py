"""Each operation alone, the law of CutMix, and everything inside tf.data."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.augmentation import spectrogram
from models.settings.augment import CUTMIX_AXES, AugmentConfig

seeds = st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))


def clips_of_their_label(labels, frames, bands):
    """Clips whose every cell is the label: after any mixing, a clip's mean is its true label."""
    labels = np.asarray(labels, np.float32)
    return tf.constant(np.broadcast_to(labels[:, None, None], (len(labels), frames, bands)))


def random_batch(batch=6, frames=50, bands=20, seed=0):
    rng = np.random.default_rng(seed)
    features = tf.constant(rng.normal(size=(batch, frames, bands)).astype(np.float32))
    return features, tf.constant((np.arange(batch) % 2).astype(np.float32))


@settings(max_examples=60)
@given(
    seed=seeds,
    labels=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=6),
    frames=st.integers(1, 40),
    bands=st.integers(1, 20),
    axes=st.sampled_from(CUTMIX_AXES),
    alpha=st.sampled_from([0.05, 0.4, 1.0, 5.0]),
)
def test_cutmix_label_is_the_kept_area(seed, labels, frames, bands, axes, alpha):
    features = clips_of_their_label(labels, frames, bands)
    mixed, new_labels = spectrogram.cutmix(
        features, tf.constant(labels, tf.float32), seed=tf.constant(seed), alpha=alpha, axes=axes
    )
    assert mixed.shape == features.shape
    np.testing.assert_allclose(new_labels, tf.reduce_mean(mixed, [1, 2]), atol=1e-5)
    assert np.all((new_labels.numpy() >= 0) & (new_labels.numpy() <= 1))


@pytest.mark.parametrize("axes", CUTMIX_AXES)
def test_cutmix_replaces_one_box_of_the_right_kind(axes):
    batch, frames, bands = 16, 30, 12
    # Clip i holds the number i, so every cell tells where it came from.
    features = clips_of_their_label(np.arange(batch), frames, bands)
    mixed, _ = spectrogram.cutmix(
        features, tf.zeros([batch]), seed=tf.constant([3, 4]), alpha=1.0, axes=axes
    )
    changed = mixed.numpy() != features.numpy()
    sizes = set()
    for i in range(batch):
        rows, columns = changed[i].any(axis=1), changed[i].any(axis=0)
        np.testing.assert_array_equal(changed[i], rows[:, None] & columns[None, :])
        for marks in (rows, columns):  # contiguous
            assert np.count_nonzero(np.diff(np.r_[0, marks, 0])) in (0, 2)
        assert len(np.unique(mixed[i].numpy()[changed[i]])) <= 1
        if rows.any():
            assert rows.all() or axes != "frequency"
            assert columns.all() or axes != "time"
        sizes.add((rows.sum(), columns.sum()))
    assert len(sizes) > batch // 4  # the boxes are not all alike


def test_mixup_blends_features_and_labels_alike():
    labels = [0.0, 1.0, 0.25, 0.75]
    features = clips_of_their_label(labels, 5, 3)
    mixed, new_labels = spectrogram.mixup(
        features, tf.constant(labels), seed=tf.constant([1, 2]), alpha=1.0
    )
    np.testing.assert_allclose(
        mixed, np.broadcast_to(new_labels[:, None, None], (4, 5, 3)), atol=1e-6
    )
    assert not np.allclose(new_labels, labels)


def test_mixup_weights_follow_the_beta_distribution():
    batch = 4000
    labels = tf.constant((np.arange(batch) == 0).astype(np.float32))
    for alpha in (0.4, 2.0):
        weights = spectrogram._symmetric_beta(batch, alpha, tf.constant([5, 6])).numpy()
        assert weights.mean() == pytest.approx(0.5, abs=0.03)
        assert weights.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)
    mixed, new = spectrogram.mixup(
        labels[:, None, None], labels, seed=tf.constant([1, 1]), alpha=1e-3
    )
    assert np.isfinite(mixed).all()  # both Gamma draws can underflow to 0
    assert np.isfinite(new).all()


def test_partners_are_other_clips():
    for i in range(50):
        partner = spectrogram._partners(tf.constant(5), tf.constant([i, 0])).numpy()
        assert sorted(partner) == list(range(5))
        assert np.all(partner != np.arange(5))
    assert spectrogram._partners(tf.constant(1), tf.constant([0, 0])).numpy().tolist() == [0]


def test_spec_augment_masks_no_more_than_asked():
    features = tf.ones([64, 100, 40])
    masked = spectrogram.spec_augment(
        features,
        seed=tf.constant([1, 9]),
        num_time_masks=2,
        max_time_mask_frames=10,
        num_frequency_masks=1,
        max_frequency_mask_bands=5,
    ).numpy()
    frames = (masked == 0).all(axis=2).sum(axis=1)
    bands = (masked == 0).all(axis=1).sum(axis=1)
    assert frames.max() <= 20
    assert bands.max() == 5
    assert bands.min() == 0
    assert len(set(frames)) > 5
    rows, columns = (masked == 0).all(axis=2), (masked == 0).all(axis=1)
    np.testing.assert_array_equal(masked == 0, rows[:, :, None] | columns[:, None, :])


def test_masks_reach_every_frame_and_band():
    masked = spectrogram.spec_augment(
        tf.ones([600, 12, 6]),
        seed=tf.constant([0, 1]),
        num_time_masks=1,
        max_time_mask_frames=3,
        num_frequency_masks=1,
        max_frequency_mask_bands=2,
    ).numpy()
    assert (masked == 0).all(axis=2).any(axis=0).all()
    assert (masked == 0).all(axis=1).any(axis=0).all()


def test_frequency_masking_alone_and_fill_with_the_mean():
    features, _ = random_batch(batch=8)
    masked = spectrogram.spec_augment(
        features,
        seed=tf.constant([2, 2]),
        num_time_masks=0,
        num_frequency_masks=1,
        max_frequency_mask_bands=6,
        fill="mean",
    ).numpy()
    changed = masked != features.numpy()
    assert changed.any()
    for i in range(8):
        np.testing.assert_array_equal(changed[i].any(axis=0), changed[i].all(axis=0))
        np.testing.assert_allclose(masked[i][changed[i]], features[i].numpy().mean(), atol=1e-6)


def test_masks_wider_than_the_clip_are_cut():
    masked = spectrogram.spec_augment(
        tf.ones([4, 3, 2]), seed=tf.constant([0, 0]), max_time_mask_frames=50
    )
    assert masked.shape == (4, 3, 2)


@pytest.mark.parametrize("name", ["spec_augment", "mixup", "cutmix"])
def test_probability_is_the_share_of_changed_clips(name):
    features = tf.random.stateless_normal([2000, 8, 6], [0, 1])
    labels = tf.zeros([2000])
    arguments = (features,) if name == "spec_augment" else (features, labels)
    operation = getattr(spectrogram, name)

    def changed(probability):
        result = operation(*arguments, seed=tf.constant([7, 7]), probability=probability)
        result = result if name == "spec_augment" else result[0]
        return np.any(result.numpy() != features.numpy(), axis=(1, 2)).mean()

    assert changed(0.0) == 0.0
    assert changed(0.3) == pytest.approx(0.3 * changed(1.0), abs=0.04)
    assert changed(1.0) > 0.6


ALL = AugmentConfig(spec_augment_probability=1.0, mixup_probability=0.5, cutmix_probability=0.5)


def test_augment_batch_in_tf_data_equals_eager_and_repeats():
    features, labels = random_batch()

    def dataset(first_seed):
        return (
            tf.data.Dataset.counter(first_seed)
            .take(3)
            .map(
                lambda i: spectrogram.augment_batch(
                    features, labels, config=ALL, seed=tf.stack([7, tf.cast(i, tf.int32)])
                ),
                num_parallel_calls=2,
            )
        )

    first, second = list(dataset(0)), list(dataset(0))
    for i, ((x, y), (x2, y2)) in enumerate(zip(first, second, strict=True)):
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)
        eager_x, eager_y = spectrogram.augment_batch(
            features, labels, config=ALL, seed=tf.constant([7, i])
        )
        np.testing.assert_allclose(x, eager_x, atol=1e-6)
        np.testing.assert_allclose(y, eager_y, atol=1e-6)
        assert y.dtype == tf.float32
        assert x.shape == features.shape
        assert tf.reduce_min(y) >= 0.0
        assert tf.reduce_max(y) <= 1.0
    assert not np.array_equal(first[0][0], first[1][0])


def test_augment_batch_with_dynamic_batch_and_integer_labels():
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 20, 8]),
            tf.TensorSpec([None], tf.int64),
            tf.TensorSpec([2], tf.int32),
        ]
    )
    def step(features, labels, seed):
        return spectrogram.augment_batch(features, labels, config=ALL, seed=seed)

    for batch in (0, 1, 5):
        x, y = step(tf.ones([batch, 20, 8]), tf.ones([batch], tf.int64), tf.constant([1, 2]))
        assert x.shape == (batch, 20, 8)
        np.testing.assert_array_equal(y, np.ones(batch, np.float32))


def test_everything_off_is_the_identity():
    off = AugmentConfig(spec_augment_probability=0.0, mixup_probability=0.0, cutmix_probability=0.0)
    features, labels = random_batch()
    x, y = spectrogram.augment_batch(features, labels, config=off, seed=tf.constant([0, 0]))
    np.testing.assert_array_equal(x, features)
    np.testing.assert_array_equal(y, labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mixup_probability": 1.5}, "mixup_probability"),
        ({"cutmix_alpha": 0.0}, "cutmix_alpha"),
        ({"num_time_masks": -1}, "num_time_masks"),
        ({"mask_fill": "noise"}, "mask_fill"),
        ({"cutmix_axes": "area"}, "cutmix_axes"),
    ],
)
def test_config_refuses_what_cannot_work(change, message):
    with pytest.raises(ValueError, match=message):
        AugmentConfig(**change)
