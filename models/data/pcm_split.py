"""A training split with waveform augmentation and features at every pass."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from bonafide.memory import release_pages
from models.augmentation.waveform import augment_waveforms
from models.data.datasets import not_kept, without_tuning
from models.data.ordering import epoch_order
from models.features import frontend as features_lib
from models.features.preprocessing import FEATURES, PCM16
from models.settings.waveform import WaveformConfig

_FULL_SCALE = 32767.0
# Separates the seeds of waveforms from others that are derived from (seed, epoch).
_STREAM = 0x3A7E


@dataclasses.dataclass(frozen=True)
class Recordings:
    """Concatenated recordings.

    Attributes:
        samples: int16 [total], in memory or mapped from a file.
        offsets: int64 [N + 1]: recording i is `samples[offsets[i] : offsets[i + 1]]`.
    """

    samples: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        """Number of recordings."""
        return len(self.offsets) - 1

    def clips(self, rows: np.ndarray, clip_samples: int, starts: np.ndarray) -> np.ndarray:
        """Returns clips of one length; shorter recordings are repeated (`features.fit_length`).

        Args:
            rows: [b] indices of recordings.
            clip_samples: Length of a clip.
            starts: [b] in [0, 1): relative start of the clip. In a longer recording, the clip ends
                inside; in a shorter one, it can start anywhere.

        Returns:
            int16 [b, clip_samples]; an empty recording is silence.
        """
        result = np.zeros((len(rows), clip_samples), np.int16)
        for place, (row, start) in enumerate(zip(rows, starts, strict=True)):
            recording = self.samples[self.offsets[row] : self.offsets[row + 1]]
            spare = len(recording) - clip_samples
            if spare >= 0:
                first = int(start * (spare + 1))
                result[place] = recording[first : first + clip_samples]
            elif len(recording):
                turned = np.roll(recording, -int(start * len(recording)))
                result[place] = np.resize(turned, clip_samples)
        return result


@dataclasses.dataclass(frozen=True)
class PcmSplit:
    """A split that keeps its recordings and computes features at every pass (`Split`).

    Attributes:
        recordings: N recordings.
        labels: [N] int64.
        transform: Transform's layer, from `pcm16` [b, 1] to `features` [b, T, F].
        feature_shape: (T, F).
        sample_rate: In Hz.
        clip_samples: Samples per clip.
        config: Augmentation of the waveforms of a shuffled pass.
        rooms: Room responses [R, M]; None if the settings require none.
        weights: See `Split.weights`.
    """

    recordings: Recordings
    labels: np.ndarray
    transform: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]
    feature_shape: tuple[int, int]
    sample_rate: int
    clip_samples: int
    config: WaveformConfig
    rooms: np.ndarray | None = None
    weights: np.ndarray | None = None

    def batches(self, batch_size: int, *, order_seed: tuple[int, int] | None) -> tf.data.Dataset:
        """See `Split.batches`; a pass in the fixed order is not augmented."""
        order = np.arange(len(self.labels))
        starts = np.zeros(len(order))
        seed = None
        if order_seed is not None:
            random = np.random.default_rng(order_seed)
            order = epoch_order(len(order), random, self.weights)
            if self.config.random_start:
                starts = random.random(len(order))
            base = tf.constant([order_seed[0], _STREAM])
            seed = tf.random.experimental.stateless_fold_in(base, order_seed[1])

        held_samples = not_kept(self.recordings.samples)
        offsets, clip_samples = self.recordings.offsets, self.clip_samples

        def read(rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
            samples = held_samples()
            clips = Recordings(samples, offsets).clips(rows, clip_samples, starts)
            release_pages(samples)
            return clips

        labels = tf.constant(self.labels, tf.float32)

        def make(
            index: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]
        ) -> tuple[tf.Tensor, tf.Tensor]:
            rows, starts = batch
            pcm = tf.numpy_function(read, [rows, starts], tf.int16, stateful=False)
            pcm = tf.ensure_shape(pcm, [None, clip_samples])
            y = tf.gather(labels, rows)
            if seed is None:
                return self._features(pcm), y
            return self._augmented(pcm, y, tf.random.experimental.stateless_fold_in(seed, index))

        rows = without_tuning(tf.data.Dataset.from_tensor_slices((order, starts)))
        batches = rows.batch(batch_size).enumerate()
        return batches.map(make, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    @functools.cached_property
    def _augmented(self) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
        """Returns the function from clips, labels, seed to features and labels; traced once."""

        @tf.function
        def augmented(
            pcm: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            waveforms, labels = augment_waveforms(
                features_lib.pcm16_to_waveform(pcm),
                labels,
                config=self.config,
                sample_rate=self.sample_rate,
                seed=seed,
                rooms=self.rooms,
            )
            return self._features(tf.cast(tf.round(waveforms * _FULL_SCALE), tf.int16)), labels

        return augmented

    def _features(self, pcm: tf.Tensor) -> tf.Tensor:
        """Returns Transform's features [b, T, F] of clips int16 [b, clip_samples].

        The clips are passed as bytes, the input of Transform's graph: training uses the same graph
        as serving.
        """
        encoded = tf.numpy_function(_to_bytes, [pcm], tf.string, stateful=False)
        encoded = tf.ensure_shape(encoded, [None])
        features = self.transform({PCM16: encoded[:, None]})[FEATURES]
        return tf.ensure_shape(features, [None, *self.feature_shape])


def _to_bytes(pcm: np.ndarray) -> np.ndarray:
    return np.array([row.astype("<i2").tobytes() for row in pcm], dtype=object)
