"""Converts the input of clients, WAV files and floating-point samples, to PCM for the detector.

TensorFlow only, because these functions are part of the exported model. All of them return
little-endian 16-bit PCM, the format of training: equal samples have equal scores in every input
format. Each recording of a batch is a string of its own, so that it is independent of the others
and their lengths.
"""

from __future__ import annotations

import tensorflow as tf

_FULL_SCALE = 32768.0
_BYTES_PER_SAMPLE = 2
# The limit of floating-point audio at ingestion (`bonafide.audio.conversion`): larger samples are
# integers stored as floating point, and clipping them would convert speech to noise.
_MAX_PEAK = 8.0


def wav_to_pcm16(wav: tf.Tensor, *, sample_rate: int, max_samples: int) -> tf.Tensor:
    """Decodes WAV files of 16-bit PCM and averages their channels.

    Args:
        wav: Contents of the files, string [B].
        sample_rate: Required rate in Hz. TensorFlow has no resampler of the quality of
            that in training, so another rate is an error.
        max_samples: Maximum number of samples; the rest is dropped.

    Returns:
        Little-endian int16 bytes, string [B].

    Raises:
        tf.errors.InvalidArgumentError: At run time, for the whole batch: one of them is not a
            complete WAV file of 16-bit PCM, or has another rate.
    """

    def decode(content: tf.Tensor) -> tf.Tensor:
        audio, rate = tf.audio.decode_wav(content)  # [M, channels], scaled by 2^-15
        right_rate = tf.debugging.Assert(
            tf.equal(rate, sample_rate),
            [
                f"this model scores audio at {sample_rate} Hz and a WAV file of the request is at "
                "another rate: resample it before it is sent. Its rate in Hz:",
                rate,
            ],
        )
        with tf.control_dependencies([right_rate]):
            mono = tf.reduce_mean(audio[:max_samples], axis=1)  # [M]
        return _bytes_of(mono)

    return tf.map_fn(decode, wav, fn_output_signature=tf.TensorSpec([], tf.string))


def waveform_to_pcm16(waveform: tf.Tensor, lengths: tf.Tensor, *, max_samples: int) -> tf.Tensor:
    """Rounds floating-point samples to 16 bit, as ingestion does, and drops padding.

    Rounding loses nothing: the model was trained on 16-bit samples, and with it these scores equal
    those of the same recording sent as a file.

    Args:
        waveform: Recordings padded to a common length, float32 [B, N], full scale 1; samples beyond
            full scale are clipped.
        lengths: Number of samples of each recording, int32 [B]; padding after them is ignored.
        max_samples: Maximum number of samples; the rest is dropped.

    Returns:
        Little-endian int16 bytes, string [B]. Empty for recordings that cannot be scored: a length
        outside 1 to N, or samples that are not finite or beyond 8.
    """

    def encode(row: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        samples, length = row
        within = (length >= 1) & (length <= tf.size(samples))
        kept = samples[: tf.where(within, tf.minimum(length, max_samples), 0)]
        # This is also false for NaN.
        good = tf.reduce_all(tf.abs(kept) <= _MAX_PEAK)
        return _bytes_of(kept[: tf.where(good, tf.size(kept), 0)])

    return tf.map_fn(encode, (waveform, lengths), fn_output_signature=tf.TensorSpec([], tf.string))


def _bytes_of(mono: tf.Tensor) -> tf.Tensor:
    """Converts samples [M] of full scale 1 to little-endian int16 bytes, a scalar string."""
    rounded = tf.clip_by_value(tf.round(mono * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1)
    # TensorFlow has no inverse of decode_raw, but a serialized tensor ends with its numbers in
    # memory order.
    serialized = tf.io.serialize_tensor(tf.cast(rounded, tf.int16))
    size = _BYTES_PER_SAMPLE * tf.size(mono)
    return tf.strings.substr(serialized, tf.strings.length(serialized) - size, size)
