"""Batches of one size from a split: shuffled, cropped and augmented, or in the fixed order."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from models.augmentation.spectrogram import AugmentConfig, augment_batch
from models.data.splits import Split

# Separates the seeds of augmentation from others that are derived from the run's seed.
_STREAM = 0x0B0F


def training_batches(
    split: Split,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    crop_frames: int = 0,
    augment: AugmentConfig | None = None,
) -> tf.data.Dataset:
    """Returns one shuffled, cropped and augmented epoch, which depends on (seed, epoch) only.

    Args:
        split: Training split.
        batch_size: Size of every batch, including the last (see `fill_batch`).
        seed: Seed of the run.
        epoch: Number of the epoch.
        crop_frames: Length of a random crop of each utterance; 0 for no crop.
        augment: Augmentation of features and labels; None for none.

    Returns:
        Batches of (features [B, T, F], labels [B], weights [B]), float32.

    Raises:
        ValueError: `crop_frames` is longer than the features.
    """
    frames, bands = split.feature_shape
    if crop_frames > frames:
        raise ValueError(
            f"trainer.crop_frames: expected at most {frames} (an utterance), got {crop_frames}"
        )
    prepare = _preparer(batch_size, crop_frames, augment)
    epoch_seed = tf.random.experimental.stateless_fold_in(tf.constant([seed, _STREAM]), epoch)
    shape = [batch_size, crop_frames or frames, bands]

    def prepare_one(
        index: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        batch_seed = tf.random.experimental.stateless_fold_in(epoch_seed, index)
        features, labels, weights = prepare(*batch, batch_seed)
        return tf.ensure_shape(features, shape), labels, weights

    batches = split.batches(batch_size, order_seed=(seed, epoch)).enumerate()
    # `deterministic` keeps the order of batches; their content depends on their number only.
    batches = batches.map(prepare_one, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return batches.prefetch(tf.data.AUTOTUNE)


@functools.lru_cache(maxsize=8)
def _preparer(
    batch_size: int, crop_frames: int, augment: AugmentConfig | None
) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """Fills, crops and augments a batch; cached, because tracing takes longer than a step."""

    @tf.function
    def prepare(
        features: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        features, labels, weights = fill_batch(features, labels, batch_size=batch_size)
        crop_seed, augment_seed = tf.unstack(tf.random.split(seed, 2))
        if crop_frames:
            features = random_crop(features, crop_frames, seed=crop_seed)
        if augment is not None:
            features, labels = augment_batch(features, labels, config=augment, seed=augment_seed)
        return features, labels, weights

    return prepare


def evaluation_batches(split: Split, *, batch_size: int) -> tf.data.Dataset:
    """Returns batches of (features [B, T, F], labels [B], weights [B]) in the fixed order."""
    batches = split.batches(batch_size, order_seed=None)
    batches = batches.map(lambda x, y: fill_batch(x, y, batch_size=batch_size))
    return batches.prefetch(tf.data.AUTOTUNE)


def fill_batch(
    features: tf.Tensor, labels: tf.Tensor, *, batch_size: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Fills a smaller last batch with repetitions of weight 0.

    Every batch then has the same static shape, which TPUs require; no utterance of an epoch is
    dropped, and no replica has an empty batch.

    Args:
        features: [b, T, F], 0 < b <= batch_size.
        labels: [b].
        batch_size: B.

    Returns:
        Features [B, T, F], labels [B] and weights [B]: 1 for the utterances, 0 for repetitions.
    """
    count = tf.shape(labels)[0]
    rows = tf.range(batch_size)

    def filled(values: tf.Tensor) -> tf.Tensor:
        # A full batch is not copied, which would take as long as reading it.
        whole = tf.cond(
            count == batch_size, lambda: values, lambda: tf.gather(values, rows % count)
        )
        return tf.ensure_shape(whole, [batch_size, *values.shape[1:]])

    return filled(features), filled(labels), tf.cast(rows < count, tf.float32)


def random_crop(features: tf.Tensor, frames: int, *, seed: tf.Tensor) -> tf.Tensor:
    """Returns a random crop of each utterance: [B, T, F] to [B, frames, F]."""
    batch, length = tf.shape(features)[0], tf.shape(features)[1]
    start = tf.random.stateless_uniform(
        [batch, 1], seed, maxval=length - frames + 1, dtype=tf.int32
    )
    return tf.gather(features, start + tf.range(frames)[None, :], batch_dims=1)
