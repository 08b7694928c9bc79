"""RawBoost (Tak et al., ICASSP 2022, arXiv 2111.04433), vectorised over a batch.

Its three parts, with the constants of the authors' code: a linear and non-linear convolution (a sum
of powers of the signal, each through notch filters of its own), impulsive noise that depends on the
signal, and stationary noise of a random colour. As in the paper, each part leaves the clip at a
peak of 1; the level of the clip is restored at the end, so that only `waveform.gain_db` changes it.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import tensorflow as tf

from models.augmentation.spectrum import normalise_peak, power_of, scale_to_snr, uniform

_POWERS = 5  # N_f: the signal itself and four harmonics
_NOTCHES = 5
_CENTRE_HZ = (20.0, 8000.0)
_WIDTH_HZ = (100.0, 1000.0)
_TAPS = (10, 100)
_BIAS_DB = (5.0, 20.0)  # by which harmonics are weaker than the signal
_IMPULSES_PERCENT = 10.0  # P: at most this share of the samples
_IMPULSE_GAIN = 2.0
# Taps of five notch filters one after the other: 5 x 101 - 4, on a grid that holds them.
_GRID = 1024
_LONGEST = 101


def distort(
    waveforms: tf.Tensor,
    *,
    seed: tf.Tensor,
    order: str,
    snr_db: tuple[float, ...],
    sample_rate: int,
) -> tf.Tensor:
    """Applies all three parts.

    Args:
        waveforms: [B, N].
        seed: Stateless seed.
        order: `series` (algorithm 4 of the authors' code) or `parallel` (its 8: the first two
            parts side by side and added up, without the third).
        snr_db: Range of the stationary noise.
        sample_rate: In Hz.

    Returns:
        [B, N], each clip with the power that it had.
    """
    seeds = tf.unstack(tf.random.split(seed, 3))
    convolved = convolve(waveforms, seed=seeds[0], sample_rate=sample_rate)
    if order == "parallel":
        result = normalise_peak(convolved + impulses(waveforms, seed=seeds[1]))
    else:
        result = impulses(convolved, seed=seeds[1])
        result = stationary(result, seed=seeds[2], snr_db=snr_db, sample_rate=sample_rate)
    return result * tf.sqrt(tf.math.divide_no_nan(power_of(waveforms), power_of(result)))


def convolve(waveforms: tf.Tensor, *, seed: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """Linear and non-linear convolutive noise: sum over i of notches_i(x^i), i = 1 ... 5."""
    filter_seed, gain_seed = tf.unstack(tf.random.split(seed, 2))
    batch, length = tf.shape(waveforms)[0], waveforms.shape[1]
    size = scipy.fft.next_fast_len(length + _GRID, real=True)
    bias_db = uniform(gain_seed, [batch, 1], *_BIAS_DB)
    gain_db = tf.concat([tf.zeros([batch, 1]), -tf.repeat(bias_db, _POWERS - 1, axis=1)], axis=1)
    response = notches(filter_seed, [batch, _POWERS], size, sample_rate)  # [B, P, bins]
    response *= tf.pow(10.0, gain_db / 20.0)[:, :, None]
    total = tf.zeros([], tf.complex64)
    for i in range(_POWERS):  # one at a time: the spectra of all would be large
        spectrum = tf.signal.rfft(waveforms ** (i + 1), [size])
        total += spectrum * tf.cast(response[:, i], tf.complex64)
    result = tf.signal.irfft(total, [size])[:, :length]
    return normalise_peak(result - tf.reduce_mean(result, axis=1, keepdims=True))


def impulses(waveforms: tf.Tensor, *, seed: tf.Tensor) -> tf.Tensor:
    """Impulsive signal-dependent noise: up to 10 % of the samples grow or shrink at random.

    Every sample is taken with the clip's own probability, where the authors take an exact share.
    """
    share_seed, where_seed, first_seed, second_seed = tf.unstack(tf.random.split(seed, 4))
    shape = tf.shape(waveforms)
    share = uniform(share_seed, [shape[0], 1], 0.0, _IMPULSES_PERCENT / 100.0)
    factor = uniform(first_seed, shape, -1.0, 1.0) * uniform(second_seed, shape, -1.0, 1.0)
    noise = _IMPULSE_GAIN * waveforms * factor
    return normalise_peak(
        tf.where(uniform(where_seed, shape) < share, waveforms + noise, waveforms)
    )


def stationary(
    waveforms: tf.Tensor, *, seed: tf.Tensor, snr_db: tuple[float, ...], sample_rate: int
) -> tf.Tensor:
    """Stationary signal-independent noise, through notch filters of its own."""
    noise_seed, filter_seed, snr_seed = tf.unstack(tf.random.split(seed, 3))
    batch, length = tf.shape(waveforms)[0], waveforms.shape[1]
    size = scipy.fft.next_fast_len(length + _GRID, real=True)
    response = notches(filter_seed, [batch, 1], size, sample_rate)[:, 0]
    noise = tf.signal.rfft(tf.random.stateless_normal([batch, length], noise_seed), [size])
    noise = tf.signal.irfft(noise * tf.cast(response, tf.complex64), [size])[:, :length]
    return waveforms + scale_to_snr(noise, waveforms, uniform(snr_seed, [batch, 1], *snr_db))


def notches(seed: tf.Tensor, shape: list, size: int, sample_rate: int) -> tf.Tensor:
    """Responses of random notch filters, five one after the other.

    Each is a windowed-sinc band-stop (Hamming, as `scipy.signal.firwin`) of 11 to 101 taps, centred
    so that it shifts nothing; the five together have a largest gain of 1.

    Args:
        seed: Stateless seed.
        shape: Of the result, without the bins; [B, P].
        size: Length of the FFT that will be multiplied.
        sample_rate: In Hz.

    Returns:
        float32 [B, P, 1 + size // 2].
    """
    centre_seed, width_seed, taps_seed = tf.unstack(tf.random.split(seed, 3))
    shape = [*shape, _NOTCHES, 1]
    centre = uniform(centre_seed, shape, *_CENTRE_HZ)
    width = uniform(width_seed, shape, *_WIDTH_HZ)
    taps = tf.random.stateless_uniform(shape, taps_seed, _TAPS[0], _TAPS[1], tf.int32)
    half = tf.cast((taps + 1 - taps % 2) // 2, tf.float32)  # odd numbers of taps, 2 half + 1
    edge = 0.001
    low = tf.maximum(centre - width / 2, edge) / sample_rate
    high = tf.minimum(centre + width / 2, sample_rate / 2 - edge) / sample_rate
    low = tf.minimum(low, high)
    middle = _LONGEST // 2
    m = tf.range(-middle, middle + 1, dtype=tf.float32)  # [taps]
    window = tf.where(tf.abs(m) <= half, 0.54 + 0.46 * tf.cos(np.pi * m / half), 0.0)
    band = 2 * high * _sinc(2 * high * m) - 2 * low * _sinc(2 * low * m)
    taps = (tf.where(m == 0, 1.0, 0.0) - band) * window
    taps /= tf.reduce_sum(taps, axis=-1, keepdims=True)  # gain 1 at 0 Hz
    # Turned so that the middle tap is the first: the response of a symmetric filter is then real.
    turned = tf.concat(
        [
            taps[..., middle:],
            tf.zeros([*tf.unstack(tf.shape(taps)[:-1]), _GRID - _LONGEST]),
            taps[..., :middle],
        ],
        axis=-1,
    )
    together = tf.reduce_prod(tf.math.real(tf.signal.rfft(turned)), axis=-2)  # [B, P, grid bins]
    together /= tf.reduce_max(tf.abs(together), axis=-1, keepdims=True)
    together = tf.signal.irfft(tf.cast(together, tf.complex64), [_GRID])  # taps again
    centre_of_grid = _GRID // 2
    padded = tf.concat(
        [
            together[..., :centre_of_grid],
            tf.zeros([*tf.unstack(tf.shape(together)[:-1]), size - _GRID]),
            together[..., centre_of_grid:],
        ],
        axis=-1,
    )
    return tf.math.real(tf.signal.rfft(padded))


def _sinc(x: tf.Tensor) -> tf.Tensor:
    """Returns sin(pi x) / (pi x), 1 at 0."""
    safe = tf.where(x == 0, 1.0, np.pi * x)
    return tf.where(x == 0, 1.0, tf.sin(safe) / safe)
