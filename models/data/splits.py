"""Splits of examples: rows of an array, or files that are read at every pass.

An epoch is an order of rows that depends on (seed, epoch) only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from bonafide.memory import release_pages
from models.data.class_counts import ClassCounts
from models.data.datasets import not_kept, without_tuning
from models.data.ordering import epoch_order
from models.features.preprocessing import FEATURES, LABEL, PCM16

_FILES_AT_ONCE = 4


class Split(Protocol):
    """A split that can be read in a fixed or in a shuffled order, any number of times."""

    @property
    def labels(self) -> np.ndarray:
        """[N] int64, 1 = bona fide, in the fixed order."""

    @property
    def weights(self) -> np.ndarray | None:
        """[N] sampling weight of each utterance in a shuffled pass.

        None: each exactly once.
        """

    @property
    def feature_shape(self) -> tuple[int, int]:
        """Frames and bands (T, F)."""

    def batches(self, batch_size: int, *, order_seed: tuple[int, int] | None) -> tf.data.Dataset:
        """Returns one pass of (features [b, T, F], labels [b] float32) over N utterances.

        Each utterance occurs once, except in a shuffled pass with weights (`epoch_order`).

        Args:
            batch_size: Size b of all batches except the last, which may be smaller.
            order_seed: (seed, epoch) of a shuffled pass; None for the fixed order.
        """


def class_counts(split: Split) -> ClassCounts:
    """Returns the number of utterances of each class in a shuffled pass over the split.

    With sampling weights, it is the mean of the drawn numbers: class weights and prior odds must be
    those of the utterances in the loss.
    """
    is_bonafide = split.labels == 1
    if split.weights is not None:
        draws = split.weights * (len(split.labels) / np.sum(split.weights))
        return ClassCounts(float(np.sum(draws[is_bonafide])), float(np.sum(draws[~is_bonafide])))
    bonafide = int(np.sum(is_bonafide))
    return ClassCounts(bonafide, len(split.labels) - bonafide)


@dataclasses.dataclass(frozen=True)
class ArraySplit:
    """A split whose features are an array, in memory or mapped from a file.

    Attributes:
        features: [N, T, F] float32.
        labels: [N] int64.
        weights: See `Split.weights`.
    """

    features: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None = None

    @property
    def feature_shape(self) -> tuple[int, int]:
        """Frames and bands (T, F)."""
        return self.features.shape[1], self.features.shape[2]

    def batches(self, batch_size: int, *, order_seed: tuple[int, int] | None) -> tf.data.Dataset:
        """See `Split.batches`; the whole split is shuffled at once.

        The batches are readable while a reference to the split exists.
        """
        order = np.arange(len(self.labels))
        if order_seed is not None:
            order = epoch_order(len(order), order_seed, self.weights)

        held_features = not_kept(self.features)

        def take(rows: np.ndarray) -> np.ndarray:
            array = held_features()
            taken = array[rows]
            release_pages(array)
            return taken

        def read(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            # In numpy, because an array mapped from a file must not become a tensor as a whole.
            features = tf.numpy_function(take, [rows], tf.float32)
            return tf.ensure_shape(features, [None, *self.feature_shape]), tf.gather(labels, rows)

        labels = tf.constant(self.labels, tf.float32)
        rows = without_tuning(tf.data.Dataset.from_tensor_slices(order))
        return rows.batch(batch_size).map(read)


@dataclasses.dataclass(frozen=True)
class ExampleFiles:
    """A split in TFRecord files of raw or transformed examples, read at every pass.

    Attributes:
        files: Paths, in the fixed order.
        transform_output: Output of Transform.
        materialized: Whether the examples contain features.
        labels: [N] int64.
        shuffle_buffer: Examples shuffled at a time.
        kept: [M] bool mask of the examples of the split, in the fixed order of all M examples;
            None for all.
    """

    files: Sequence[str]
    transform_output: tft.TFTransformOutput
    materialized: bool
    labels: np.ndarray
    shuffle_buffer: int = 1024
    kept: np.ndarray | None = None

    @property
    def weights(self) -> None:
        """None: files are read sequentially, so every utterance occurs once."""
        return None

    @property
    def feature_shape(self) -> tuple[int, int]:
        """Frames and bands (T, F)."""
        frames, bands = self.transform_output.transformed_feature_spec()[FEATURES].shape
        return frames, bands

    def batches(self, batch_size: int, *, order_seed: tuple[int, int] | None) -> tf.data.Dataset:
        """See `Split.batches`; files, and examples within a buffer, are shuffled."""
        files = list(self.files)
        if order_seed is not None and self.kept is not None:
            raise ValueError("trainer.holdout_attacks needs a cache: set trainer.cache=disk")
        if order_seed is not None:
            files = list(np.random.default_rng(order_seed).permutation(files))
        records = self.records() if order_seed is None else read_records(files)
        if order_seed is not None:
            buffer_seed = int(np.random.SeedSequence(order_seed).generate_state(1)[0])
            records = records.shuffle(self.shuffle_buffer, seed=buffer_seed)
        return records.batch(batch_size).map(
            self._features_and_labels(), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )

    def records(self) -> tf.data.Dataset:
        """Serialized examples of the split in the fixed order."""
        records = read_records(self.files)
        if self.kept is None:
            return records
        kept = tf.constant(self.kept)
        return records.enumerate().filter(lambda i, _: kept[i]).map(lambda _, record: record)

    def _features_and_labels(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        """Returns the function from a batch of serialized examples to features and labels."""
        if self.materialized:
            transform = None
            spec = self.transform_output.transformed_feature_spec()
            spec = {name: spec[name] for name in (FEATURES, LABEL)}
        else:
            # Loaded here, once: inside the mapped function it would be loaded into every graph.
            transform = self.transform_output.transform_features_layer()
            spec = self.transform_output.raw_feature_spec()
            spec = {name: spec[name] for name in (PCM16, LABEL)}

        def parse(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            example = tf.io.parse_example(serialized, spec)
            if transform is not None:
                example = transform(example)
            features = tf.ensure_shape(example[FEATURES], [None, *self.feature_shape])
            return features, tf.cast(tf.reshape(example[LABEL], [-1]), tf.float32)

        return parse


def read_records(files: Sequence[str]) -> tf.data.Dataset:
    """Returns serialized examples, interleaved from several files; `.gz` files are decompressed.

    Files are read in parallel, but the order depends on the list of files only.
    """
    zipped = ["GZIP" if str(path).endswith(".gz") else "" for path in files]
    paths = tf.data.Dataset.from_tensor_slices(([str(path) for path in files], zipped))
    return without_tuning(paths).interleave(
        lambda path, compression: tf.data.TFRecordDataset(path, compression),
        cycle_length=_FILES_AT_ONCE,
        num_parallel_calls=_FILES_AT_ONCE,
        deterministic=True,
    )
