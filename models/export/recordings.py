"""What clients have, WAV files and floating-point samples, as the PCM that a detector scores.

In TensorFlow only, for these functions are part of the exported model. All of them end in
little-endian 16-bit PCM, because that is what training saw: the same samples give the same score
whichever way they come in. Each recording of a batch stays a string of its own, so that nothing of
its neighbours, not even their length, can touch it.
"""

from __future__ import annotations

import tensorflow as tf

_FULL_SCALE = 32768.0
_BYTES_PER_SAMPLE = 2
# Where floating-point audio is refused at ingestion, too (`bonafide.audio.conversion`): beyond
# it are whole numbers written as floating point, and clipping them would make noise of speech.
_MAX_PEAK = 8.0


def wav_to_pcm16(wav: tf.Tensor, *, sample_rate: int, max_samples: int) -> tf.Tensor:
    """Decodes WAV files of 16-bit PCM and averages their channels.

    Args:
        wav: Contents of the files, string [B].
        sample_rate: What their rate must be, in Hz. There is no resampler in TensorFlow as good as
            the one that training used, so another rate is an error.
        max_samples: Only so many samples from the beginning are kept.

    Returns:
        Little-endian int16 bytes, string [B].

    Raises:
        tf.errors.InvalidArgumentError: When run, for the whole batch: one of them is not a whole
            WAV file of 16-bit PCM, or is at another rate.
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
    """Rounds floating-point samples to 16 bit, as ingestion does, and drops what is padding.

    Rounding is not a loss: the model has never seen anything finer than 16 bit, and with it these
    scores equal those of the same recording sent as a file.

    Args:
        waveform: Recordings padded to a common length, float32 [B, N], full scale 1; what is beyond
            full scale is clipped.
        lengths: Samples that belong to each recording, int32 [B]. What stands after them is never
            looked at.
        max_samples: Only so many samples from the beginning are kept.

    Returns:
        Little-endian int16 bytes, string [B]. Empty where there is nothing that can be scored: a
        length outside 1 to N, samples that are not finite or go beyond 8, which is no audio.
    """

    def encode(row: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        samples, length = row
        within = (length >= 1) & (length <= tf.size(samples))
        kept = samples[: tf.where(within, tf.minimum(length, max_samples), 0)]
        # A NaN is not below any limit either.
        good = tf.reduce_all(tf.abs(kept) <= _MAX_PEAK)
        return _bytes_of(kept[: tf.where(good, tf.size(kept), 0)])

    return tf.map_fn(encode, (waveform, lengths), fn_output_signature=tf.TensorSpec([], tf.string))


def _bytes_of(mono: tf.Tensor) -> tf.Tensor:
    """Samples [M] of full scale 1 as little-endian int16 bytes, a scalar string."""
    rounded = tf.clip_by_value(tf.round(mono * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1)
    # TensorFlow has no inverse of decode_raw, but a serialized tensor ends with its numbers as they
    # lie in memory.
    serialized = tf.io.serialize_tensor(tf.cast(rounded, tf.int16))
    size = _BYTES_PER_SAMPLE * tf.size(mono)
    return tf.strings.substr(serialized, tf.strings.length(serialized) - size, size)
