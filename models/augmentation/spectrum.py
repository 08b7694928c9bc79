"""What the waveform augmentations share: filters as spectra, levels, random numbers."""

from __future__ import annotations

from collections.abc import Callable

import scipy.fft
import tensorflow as tf

# Room for the tails of a filter, so that they do not come back in at the other end of the clip.
_TAIL_SAMPLES = 512


def uniform(seed: tf.Tensor, shape: list, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
    """Uniform random numbers of a stateless seed, float32."""
    return tf.random.stateless_uniform(shape, seed, low, high)


def apply_response(waveforms: tf.Tensor, response: Callable[[int], tf.Tensor]) -> tf.Tensor:
    """Filters each clip by a real response, which shifts nothing in time.

    Args:
        waveforms: [B, N].
        response: From a number of bins to gains [B or 1, bins], from 0 Hz to half the sample rate.

    Returns:
        [B, N].
    """
    length = waveforms.shape[1]
    size = scipy.fft.next_fast_len(length + _TAIL_SAMPLES, real=True)
    gains = tf.cast(response(1 + size // 2), tf.complex64)
    return tf.signal.irfft(tf.signal.rfft(waveforms, [size]) * gains, [size])[:, :length]


def interpolate(points: tf.Tensor, bins: int) -> tf.Tensor:
    """Values on a finer grid, straight between the points: [B, P] to [B, bins]."""
    place = tf.linspace(0.0, points.shape[1] - 1.0, bins)
    low = tf.cast(place, tf.int32)
    high = tf.minimum(low + 1, points.shape[1] - 1)
    share = place - tf.cast(low, tf.float32)
    return (1 - share) * tf.gather(points, low, axis=1) + share * tf.gather(points, high, axis=1)


def power_of(waveforms: tf.Tensor) -> tf.Tensor:
    """Mean square of each clip: [B, N] to [B, 1]."""
    return tf.reduce_mean(tf.square(waveforms), axis=1, keepdims=True)


def scale_to_snr(noise: tf.Tensor, signal: tf.Tensor, snr_db: tf.Tensor) -> tf.Tensor:
    """Noise at a ratio to a signal.

    Args:
        noise: [B, N].
        signal: [B, N].
        snr_db: [B, 1].
    """
    wanted = power_of(signal) * tf.pow(10.0, -snr_db / 10.0)
    return noise * tf.sqrt(tf.math.divide_no_nan(wanted, power_of(noise)))


def normalise_peak(waveforms: tf.Tensor) -> tf.Tensor:
    """Scales each clip so that its largest sample is 1 or -1; silence stays silence."""
    peak = tf.reduce_max(tf.abs(waveforms), axis=1, keepdims=True)
    return tf.math.divide_no_nan(waveforms, peak)
