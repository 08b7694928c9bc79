"""Input pipeline: from example files to reproducible batches of features.

Features are computed once and kept in an array, in memory or in an unnamed file on disk. An epoch
is an order of rows that depends on (seed, epoch) only, so training that resumes at epoch 7 receives
the same batches as an uninterrupted run.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_transform as tft

from bonafide.memory import keep_freed_memory, release_pages
from models.augmentation.rooms import load_rooms
from models.augmentation.spectrogram import AugmentConfig, augment_batch
from models.data.class_counts import ClassCounts
from models.data.corpus_weights import row_weights, shares_text
from models.data.datasets import not_kept, without_tuning
from models.data.holdout import Ids, hold_out
from models.data.ordering import epoch_order
from models.data.pcm_split import PcmSplit, Recordings
from models.features.preprocessing import (
    CORPUS,
    FEATURES,
    LABEL,
    PCM16,
    SPEAKER_ID,
    SYSTEM_ID,
)
from models.settings.corpus_weights import not_weightable, parse_weights
from models.settings.features import FeatureConfig
from models.settings.trainer import TrainerConfig
from models.settings.waveform import WaveformConfig

_LOG = logging.getLogger("bonafide")
# Utterances per call of the transform graph: enough to amortise the call, and few enough that no
# block of spectra exceeds 32 MiB (see `keep_freed_memory`).
_TRANSFORM_BATCH = 16
_FILES_AT_ONCE = 4
# Separates the seeds of augmentation from others that are derived from the run's seed.
_STREAM = 0x0B0F
_GIB = 1 << 30
_BYTES_PER_SAMPLE = 2


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
        records = self.records() if order_seed is None else _read_records(files)
        if order_seed is not None:
            buffer_seed = int(np.random.SeedSequence(order_seed).generate_state(1)[0])
            records = records.shuffle(self.shuffle_buffer, seed=buffer_seed)
        return records.batch(batch_size).map(
            self._features_and_labels(), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )

    def records(self) -> tf.data.Dataset:
        """Serialized examples of the split in the fixed order."""
        records = _read_records(self.files)
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


def open_splits(
    patterns: Sequence[Sequence[str]],
    *,
    transform_output: tft.TFTransformOutput,
    materialized: bool,
    settings: TrainerConfig,
    features: FeatureConfig | None = None,
    waveform: WaveformConfig | None = None,
) -> list[Split]:
    """Opens splits and computes their features, unless the settings require it at every pass.

    Args:
        patterns: For each split, glob patterns of its files.
        transform_output: Output of Transform.
        materialized: Whether the files contain transformed examples.
        settings: Settings of the cache.
        features: Settings of the features; required for waveform augmentation.
        waveform: Augmentation of the waveforms of the first split; None for none.

    Returns:
        A split for each entry of `patterns`.

    Raises:
        FileNotFoundError: Patterns match no file.
        ValueError: A split is empty, there are no waveforms to augment (or the
            settings of the features are missing), or weights of corpora are not supported.
    """
    keep_freed_memory()
    augmented = waveform is not None and waveform.enabled
    if materialized and (augmented or settings.holdout_attacks):
        raise ValueError(
            "waveforms cannot be augmented, nor attacks held out, once Transform has written the "
            "features: set transform.materialize=false, or turn waveform.* and "
            "trainer.holdout_attacks off"
        )
    if settings.corpus_weights and (materialized or settings.cache == "none"):
        raise not_weightable(settings.corpus_weights)
    splits = [
        _open_files(p, transform_output, materialized, settings.shuffle_buffer) for p in patterns
    ]
    if settings.holdout_attacks:
        splits[:2] = _without_held_out(splits[0], splits[1], settings.holdout_attacks)
    weights = _weights(splits[0], settings.corpus_weights) if settings.corpus_weights else None
    opened: list[Split]
    if waveform is not None and waveform.enabled:
        if features is None:
            raise ValueError("waveform augmentation requires the settings of the features")
        recordings = _open_recordings(splits[0], transform_output, settings, features, waveform)
        opened = [recordings, *_with_features(splits[1:], settings)]
    else:
        opened = _with_features(splits, settings)
    if weights is not None:
        opened[0] = _weighted(opened[0], weights)
    return opened


def _weighted(split: Split, weights: np.ndarray) -> Split:
    """Returns the split with weights [N]; see `Split.weights`."""
    if not isinstance(split, ArraySplit | PcmSplit):
        raise TypeError(f"rows of {type(split).__name__} cannot be drawn by weight")
    return dataclasses.replace(split, weights=weights)


def _with_features(splits: Sequence[ExampleFiles], settings: TrainerConfig) -> list[Split]:
    """Computes the features of splits, unless the settings require it at every pass."""
    needed_bytes = sum(4 * len(s.labels) * s.feature_shape[0] * s.feature_shape[1] for s in splits)
    cache = choose_cache(
        settings.cache, needed_bytes, budget_bytes=round(settings.cache_budget_gib * _GIB)
    )
    places = {
        "memory": "kept in memory",
        "disk": f"kept in a file in {_cache_folder(settings.cache_dir)}",
        "none": "computed in every epoch",
    }
    _LOG.info("features: %.2f GiB, %s", needed_bytes / _GIB, places[cache])
    if cache == "none":
        return list(splits)
    return [_cache(s, on_disk=cache == "disk", folder=settings.cache_dir) for s in splits]


def choose_cache(requested: str, needed_bytes: int, *, budget_bytes: int) -> str:
    """Returns the location of features; `auto` is memory if they fit the budget, else disk."""
    if requested != "auto":
        return requested
    return "memory" if needed_bytes <= budget_bytes else "disk"


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


def _open_files(
    patterns: Sequence[str],
    transform_output: tft.TFTransformOutput,
    materialized: bool,
    shuffle_buffer: int,
) -> ExampleFiles:
    files = sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern))
    if not files:
        raise FileNotFoundError(f"no example files match {', '.join(patterns)}")
    spec = {LABEL: tf.io.FixedLenFeature([1], tf.int64)}
    labels = [
        tf.io.parse_example(batch, spec)[LABEL].numpy() for batch in _read_records(files).batch(256)
    ]
    if not labels:
        raise ValueError(f"expected examples in {', '.join(patterns)}, got none")
    return ExampleFiles(
        files, transform_output, materialized, np.concatenate(labels).reshape(-1), shuffle_buffer
    )


def _open_recordings(
    files: ExampleFiles,
    transform_output: tft.TFTransformOutput,
    settings: TrainerConfig,
    features: FeatureConfig,
    waveform: WaveformConfig,
) -> PcmSplit:
    """Reads whole recordings, into memory or a file on disk."""
    spec = {PCM16: transform_output.raw_feature_spec()[PCM16]}

    def recordings() -> Iterator[bytes]:
        for batch in files.records().batch(_TRANSFORM_BATCH):
            yield from tf.io.parse_example(batch, spec)[PCM16].numpy().reshape(-1)

    lengths = [len(pcm) // _BYTES_PER_SAMPLE for pcm in recordings()]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    needed_bytes = int(offsets[-1]) * _BYTES_PER_SAMPLE
    cache = choose_cache(
        settings.cache, needed_bytes, budget_bytes=round(settings.cache_budget_gib * _GIB)
    )
    where = "memory" if cache == "memory" else f"a file in {_cache_folder(settings.cache_dir)}"
    _LOG.info("recordings: %.2f GiB, kept in %s", needed_bytes / _GIB, where)
    samples = _array(
        (int(offsets[-1]),), np.int16, on_disk=cache != "memory", folder=settings.cache_dir
    )
    for row, pcm in enumerate(recordings()):
        whole = pcm[: lengths[row] * _BYTES_PER_SAMPLE]  # without a trailing odd byte
        samples[offsets[row] : offsets[row + 1]] = np.frombuffer(whole, "<i2")
        if row % _TRANSFORM_BATCH == 0:
            release_pages(samples)
    return PcmSplit(
        recordings=Recordings(samples, offsets),
        labels=files.labels,
        transform=transform_output.transform_features_layer(),
        feature_shape=files.feature_shape,
        sample_rate=features.sample_rate,
        clip_samples=features.clip_samples,
        config=waveform,
        rooms=load_rooms(waveform.room_dir, features.sample_rate) if waveform.room_dir else None,
    )


def _without_held_out(
    train: ExampleFiles, dev: ExampleFiles, attacks: Sequence[str]
) -> list[ExampleFiles]:
    """Removes held-out attacks from training, and all other attacks from dev."""
    kept = hold_out(_ids(train), _ids(dev), attacks)
    return [
        dataclasses.replace(split, labels=split.labels[mask], kept=mask)
        for split, mask in zip((train, dev), kept, strict=True)
    ]


def _ids(split: ExampleFiles) -> Ids:
    return Ids(*_texts(split.files, SYSTEM_ID, SPEAKER_ID))


def _weights(split: ExampleFiles, entries: Sequence[str]) -> npt.NDArray[np.float64]:
    """Returns the sampling weight [N] of each utterance of a split."""
    [corpora] = _texts(split.files, CORPUS)
    if split.kept is not None:
        corpora = corpora[split.kept]
    weights = row_weights(corpora, parse_weights(entries))
    _LOG.info("drawn in training (utterances x weight): %s", shares_text(corpora, weights))
    return weights


def _texts(files: Sequence[str], *names: str) -> list[npt.NDArray[np.str_]]:
    """Returns string features [M] of all M examples in the fixed order."""
    spec = {name: tf.io.FixedLenFeature([1], tf.string) for name in names}
    found = [tf.io.parse_example(batch, spec) for batch in _read_records(files).batch(256)]
    return [
        np.array([text.decode() for part in found for text in part[name].numpy().reshape(-1)])
        for name in names
    ]


def _read_records(files: Sequence[str]) -> tf.data.Dataset:
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


def _cache(split: ExampleFiles, *, on_disk: bool, folder: str) -> ArraySplit:
    """Computes the features of a split once."""
    shape = (len(split.labels), *split.feature_shape)
    features = _array(shape, np.float32, on_disk=on_disk, folder=folder)
    filled = 0
    for batch, _ in split.batches(_TRANSFORM_BATCH, order_seed=None):
        features[filled : filled + len(batch)] = batch.numpy()
        filled += len(batch)
        release_pages(features)
    if filled != len(features):
        raise RuntimeError(f"expected {len(features)} examples, got {filled}")
    return ArraySplit(features, split.labels)


def _array(
    shape: tuple[int, ...], dtype: npt.DTypeLike, *, on_disk: bool, folder: str
) -> np.ndarray:
    """Returns an empty array, in memory or in an unnamed file.

    Raises:
        OSError: The disk has not enough space.
    """
    if not on_disk:
        return np.empty(shape, dtype)
    place = _cache_folder(folder)
    needed_bytes, free_bytes = np.dtype(dtype).itemsize * math.prod(shape), shutil.disk_usage(place)
    if free_bytes.free < needed_bytes:
        raise OSError(
            f"the cache needs {needed_bytes / _GIB:.1f} GiB in {place}, where "
            f"{free_bytes.free / _GIB:.1f} GiB are free: set trainer.cache_dir to a larger disk, "
            "or trainer.cache=none"
        )
    # The file has no name, so that even a killed process leaves nothing; the array keeps the
    # descriptor open.
    with tempfile.TemporaryFile(dir=folder or None) as file:
        return np.memmap(file, dtype=dtype, mode="w+", shape=shape)


def _cache_folder(folder: str) -> str:
    return folder or tempfile.gettempdir()
