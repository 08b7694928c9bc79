"""Front end: from 16-bit PCM to features, in TensorFlow only.

The same functions run in Transform, in the input pipeline and in the exported model, so that there
is no training-serving skew. All functions process a batch at once, with static shapes if the
settings determine them.
"""

import numpy as np
import scipy.fft
import tensorflow as tf

from models.settings.features import FeatureConfig, filter_matrix

_PCM16_FULL_SCALE = 32768.0
_BYTES_PER_SAMPLE = 2
# Keeps a constant band (digital silence) at zero and avoids amplified rounding errors.
_VARIANCE_FLOOR = 1e-6


def decode_pcm16(pcm16: tf.Tensor, config: FeatureConfig) -> tf.Tensor:
    """Decodes little-endian 16-bit PCM and fits it to the clip length.

    Longer recordings are cropped to their beginning, shorter ones repeated; an empty one is
    silence. A trailing odd byte is ignored.

    Args:
        pcm16: Bytes of mono recordings at `config.sample_rate`, string [B].
        config: The front end's settings.

    Returns:
        Waveforms [B, clip_samples], float32 in [-1, 1).
    """
    clip_bytes = config.clip_samples * _BYTES_PER_SAMPLE
    num_samples = tf.strings.length(pcm16) // _BYTES_PER_SAMPLE
    whole = tf.minimum(num_samples * _BYTES_PER_SAMPLE, clip_bytes)
    cropped = tf.strings.substr(pcm16, tf.zeros_like(whole), whole)
    # Repeated as strings, which are copied in blocks: `fit_length` gathers sample by sample and
    # would take a fourth of the time of the front end. The decoder truncates at the clip's end and
    # fills empty recordings with zeros.
    repeats = -(-clip_bytes // tf.maximum(whole, _BYTES_PER_SAMPLE))
    rows = tf.repeat(tf.range(tf.size(pcm16)), repeats)
    repeated = tf.strings.unsorted_segment_join(tf.repeat(cropped, repeats), rows, tf.size(pcm16))
    samples = tf.io.decode_raw(repeated, tf.int16, fixed_length=clip_bytes)
    return pcm16_to_waveform(tf.ensure_shape(samples, [None, config.clip_samples]))


def pcm16_to_waveform(samples: tf.Tensor) -> tf.Tensor:
    """Scales int16 samples of any shape to float32 in [-1, 1)."""
    return tf.cast(samples, tf.float32) / _PCM16_FULL_SCALE


def fit_length(waveform: tf.Tensor, lengths: tf.Tensor, clip_samples: int) -> tf.Tensor:
    """Crops, or repeats, each recording to the same number of samples.

    Sample n of the result is sample `n mod length` of the recording: published systems repeat
    short clips because zero-padding would tell the detector how long a clip was.

    Args:
        waveform: Recordings padded to a common length, [B, M], any numeric type.
        lengths: Number of samples of each recording, int [B]; values outside [0, M] are clipped.
            A recording of length 0 becomes zeros.
        clip_samples: Length of the result, N.

    Returns:
        [B, N], same type as `waveform`.
    """
    # Recordings, and M, may be 0: a column of zeros provides a valid index.
    padded = tf.pad(waveform[:, :clip_samples], [[0, 0], [0, 1]])
    zero_column = tf.shape(padded)[1] - 1
    lengths = tf.clip_by_value(tf.cast(lengths, tf.int32), 0, zero_column)[:, None]
    index = tf.range(clip_samples)[None, :] % tf.maximum(lengths, 1)
    index = tf.where(lengths > 0, index, zero_column)  # [B, N]
    fitted = tf.gather(padded, index, batch_dims=1)
    return tf.ensure_shape(fitted, [None, clip_samples])


def compute_features(waveform: tf.Tensor, config: FeatureConfig) -> tf.Tensor:
    """Computes features of waveforms by the settings, before normalisation.

    Args:
        waveform: [B, N] float32, N at least `config.fft_length`.
        config: The front end's settings.

    Returns:
        [B, T, F] float32 with T = `config.num_frames` for a whole clip, F = `config.num_features`.
    """
    features = log_bands(condition(waveform, config), config)
    return cepstrum(features, config) if config.front_end == "lfcc" else features


def condition(waveform: tf.Tensor, config: FeatureConfig) -> tf.Tensor:
    """Removes the mean and applies pre-emphasis, by the settings: [B, N] to [B, N]."""
    if config.remove_dc:
        waveform -= tf.reduce_mean(waveform, axis=1, keepdims=True)
    if config.preemphasis:
        # The sample before the first is 0.
        waveform -= config.preemphasis * tf.pad(waveform[:, :-1], [[0, 0], [1, 0]])
    return waveform


def cepstrum(log_power: tf.Tensor, config: FeatureConfig) -> tf.Tensor:
    """Returns cepstral coefficients with their first and second differences in time.

    The orthonormal DCT-II of each frame; differences are x[t+1] - x[t-1], with the first and last
    frame repeated, as in the ASVspoof baseline's LFCC (Sahidullah et al., Interspeech 2015).

    Args:
        log_power: [B, T, num_bands].
        config: The front end's settings.

    Returns:
        [B, T, 3 num_coefficients].
    """
    basis = scipy.fft.dct(np.eye(config.num_bands), norm="ortho", axis=1)
    basis = basis[:, : config.num_coefficients].astype(np.float32)
    static = tf.matmul(log_power, tf.constant(basis))
    first = _difference(static)
    return tf.concat([static, first, _difference(first)], axis=-1)


def _difference(x: tf.Tensor) -> tf.Tensor:
    padded = tf.concat([x[:, :1], x, x[:, -1:]], axis=1)
    return padded[:, 2:] - padded[:, :-2]


def log_bands(waveform: tf.Tensor, config: FeatureConfig) -> tf.Tensor:
    """Returns the logarithm of the power in the bands of a filter bank.

    With mel bands equal, within float32 rounding, to `np.log(S.T + log_floor)` with `S =
    librosa.feature.melspectrogram(power=2, center=False, htk=True, norm=None, ...)` and the same
    sizes.

    Args:
        waveform: [B, N] float32, N at least `config.fft_length`.
        config: The front end's settings.

    Returns:
        [B, T, F] float32 with T = 1 + (N - fft_length) // hop_samples and F = num_bands.
    """
    # librosa centres a short window in its FFT frame; here the FFT pads the frame at its end. A
    # shift inside the frame does not change the power, so starting later by the margin is enough.
    # The last frame must agree too: librosa needs it whole, margins included.
    margin = config.fft_length - config.window_samples
    end = -(margin - margin // 2) or None
    frames = tf.signal.frame(
        waveform[:, margin // 2 : end], config.window_samples, config.hop_samples
    )  # [B, T, window_samples]
    windowed = frames * tf.constant(_hann_window(config.window_samples))
    spectrum = tf.signal.rfft(windowed, [config.fft_length])  # [B, T, num_bins]
    power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
    # One product of two matrices takes two thirds of the time of B small ones.
    flat = tf.reshape(power, [-1, config.num_bins])  # [B * T, num_bins]
    bands = tf.matmul(flat, tf.constant(filter_matrix(config)))  # [B * T, F]
    num_frames = power.shape[1] or tf.shape(power)[1]
    bands = tf.reshape(bands, [-1, num_frames, config.num_bands])  # [B, T, F]
    if config.relative_floor_db:
        return tf.math.log(relative_to_mean(bands) + 10.0 ** (config.relative_floor_db / 10.0))
    return tf.math.log(bands + config.log_floor)


def relative_to_mean(bands: tf.Tensor) -> tf.Tensor:
    """Divides the band powers of each clip by their mean, so that its level has no effect.

    Args:
        bands: Powers [B, T, F].

    Returns:
        [B, T, F] with mean 1; digital silence stays 0.
    """
    mean = tf.reduce_mean(bands, axis=[1, 2], keepdims=True)
    return tf.math.divide_no_nan(bands, mean)


def _hann_window(length: int) -> np.ndarray:
    """Periodic Hann window, float32; `tf.signal.hann_window` is symmetric for odd lengths."""
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)).astype(np.float32)


def remove_mean(features: tf.Tensor) -> tf.Tensor:
    """Subtracts the mean over time from every band of every clip (cepstral mean normalisation).

    A linear filter in front of the microphone or behind it adds a constant to the logarithm of each
    band, and so does gain: both are removed (Atal 1974). The variance over time stays.

    Args:
        features: [B, T, F] float32, logarithms of band powers or their cepstrum.

    Returns:
        [B, T, F], mean 0 over T.
    """
    return features - tf.reduce_mean(features, axis=1, keepdims=True)


def normalise_utterance(features: tf.Tensor) -> tf.Tensor:
    """Gives every band of every clip mean 0 and variance 1 over time.

    Args:
        features: [B, T, F] float32.

    Returns:
        [B, T, F]; a band that does not change over the clip becomes 0, within rounding.
    """
    mean, variance = tf.nn.moments(features, axes=[1], keepdims=True)
    return (features - mean) * tf.math.rsqrt(variance + _VARIANCE_FLOOR)
