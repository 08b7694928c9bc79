"""Opens the splits of a run: selects their examples and the location of their features.

Features are computed once and kept in an array, in memory or in an unnamed file on disk. Batches
depend on (seed, epoch) only, so training that resumes at epoch 7 receives the same batches as an
uninterrupted run.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_transform as tft

from bonafide.memory import keep_freed_memory, release_pages
from models.augmentation.rooms import load_rooms
from models.data.corpus_weights import row_weights, shares_text
from models.data.feature_cache import GIB, cache_folder, choose_cache, new_array
from models.data.holdout import Ids, hold_out
from models.data.pcm_split import PcmSplit, Recordings
from models.data.splits import ArraySplit, ExampleFiles, Split, read_records
from models.features.preprocessing import CORPUS, LABEL, PCM16, SPEAKER_ID, SYSTEM_ID
from models.settings.corpus_weights import not_weightable, parse_weights
from models.settings.features import FeatureConfig
from models.settings.trainer import TrainerConfig
from models.settings.waveform import WaveformConfig

_LOG = logging.getLogger("bonafide")
# Utterances per call of the transform graph: enough to amortise the call, and few enough that no
# block of spectra exceeds 32 MiB (see `keep_freed_memory`).
_TRANSFORM_BATCH = 16
_BYTES_PER_SAMPLE = 2


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
        settings.cache, needed_bytes, budget_bytes=round(settings.cache_budget_gib * GIB)
    )
    places = {
        "memory": "kept in memory",
        "disk": f"kept in a file in {cache_folder(settings.cache_dir)}",
        "none": "computed in every epoch",
    }
    _LOG.info("features: %.2f GiB, %s", needed_bytes / GIB, places[cache])
    if cache == "none":
        return list(splits)
    return [_cache(s, on_disk=cache == "disk", folder=settings.cache_dir) for s in splits]


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
        tf.io.parse_example(batch, spec)[LABEL].numpy() for batch in read_records(files).batch(256)
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
        settings.cache, needed_bytes, budget_bytes=round(settings.cache_budget_gib * GIB)
    )
    where = "memory" if cache == "memory" else f"a file in {cache_folder(settings.cache_dir)}"
    _LOG.info("recordings: %.2f GiB, kept in %s", needed_bytes / GIB, where)
    samples = new_array(
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
    found = [tf.io.parse_example(batch, spec) for batch in read_records(files).batch(256)]
    return [
        np.array([text.decode() for part in found for text in part[name].numpy().reshape(-1)])
        for name in names
    ]


def _cache(split: ExampleFiles, *, on_disk: bool, folder: str) -> ArraySplit:
    """Computes the features of a split once."""
    shape = (len(split.labels), *split.feature_shape)
    features = new_array(shape, np.float32, on_disk=on_disk, folder=folder)
    filled = 0
    for batch, _ in split.batches(_TRANSFORM_BATCH, order_seed=None):
        features[filled : filled + len(batch)] = batch.numpy()
        filled += len(batch)
        release_pages(features)
    if filled != len(features):
        raise RuntimeError(f"expected {len(features)} examples, got {filled}")
    return ArraySplit(features, split.labels)
