"""A crude vocoder: what a detector should not take for a recording, made from recordings.

Copy-synthesis is a known way to get spoofed training data without a synthesiser (Wang and
Yamagishi, ICASSP 2023, arXiv 2210.10570, with neural vocoders). This one needs no weights: it keeps
the short-time magnitudes of a clip, smoothed in frequency as a mel filter bank or a cepstral
envelope smooths them, disturbs the phase, and makes both consistent again by a few rounds of
Griffin and Lim (1984).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.augmentation.spectrum import power_of, uniform

_FRAME, _HOP, _FFT = 400, 100, 512
_ROUNDS = 2
_SMOOTHING_BINS = (0.5, 4.0)  # standard deviation of the smoothing, in FFT bins of 31 Hz
_KERNEL = 12


def resynthesise(waveforms: tf.Tensor, *, seed: tf.Tensor) -> tf.Tensor:
    """Makes each clip anew from its smoothed magnitudes, at the same level.

    Args:
        waveforms: [B, N].
        seed: Stateless seed.

    Returns:
        [B, N].
    """
    width_seed, phase_seed = tf.unstack(tf.random.split(seed, 2))
    batch, length = tf.shape(waveforms)[0], waveforms.shape[1]
    padded = tf.pad(waveforms, [[0, 0], [_FRAME, _FRAME]], mode="REFLECT")
    spectrum = _stft(padded)
    magnitude = _smooth(tf.abs(spectrum), uniform(width_seed, [batch, 1], *_SMOOTHING_BINS))
    strength_seed, noise_seed = tf.unstack(tf.random.split(phase_seed, 2))
    noise = uniform(noise_seed, tf.shape(magnitude), -np.pi, np.pi)
    phase = tf.math.angle(spectrum) + uniform(strength_seed, [batch, 1, 1]) * noise
    for _ in range(_ROUNDS):
        sound = _istft(tf.complex(magnitude * tf.cos(phase), magnitude * tf.sin(phase)))
        missing = tf.shape(padded)[1] - tf.shape(sound)[1]
        phase = tf.math.angle(_stft(tf.pad(sound, [[0, 0], [0, missing]])))
    sound = _istft(tf.complex(magnitude * tf.cos(phase), magnitude * tf.sin(phase)))
    sound = tf.pad(sound, [[0, 0], [0, missing]])[:, _FRAME : _FRAME + length]
    return sound * tf.sqrt(tf.math.divide_no_nan(power_of(waveforms), power_of(sound)))


def _stft(waveforms: tf.Tensor) -> tf.Tensor:
    return tf.signal.stft(waveforms, _FRAME, _HOP, _FFT)


def _istft(spectrum: tf.Tensor) -> tf.Tensor:
    window = tf.signal.inverse_stft_window_fn(_HOP)
    return tf.signal.inverse_stft(spectrum, _FRAME, _HOP, _FFT, window)


def _smooth(magnitude: tf.Tensor, deviation: tf.Tensor) -> tf.Tensor:
    """Weighted means over neighbouring bins, Gaussian weights: [B, T, F] with deviations [B, 1]."""
    offsets = tf.range(-_KERNEL, _KERNEL + 1, dtype=tf.float32)[None, :]
    weights = tf.exp(-0.5 * tf.square(offsets / deviation))
    weights /= tf.reduce_sum(weights, axis=1, keepdims=True)  # [B, K]
    padded = tf.pad(magnitude, [[0, 0], [0, 0], [_KERNEL, _KERNEL]], mode="REFLECT")
    bins = magnitude.shape[2]
    return tf.add_n(
        [weights[:, k, None, None] * padded[:, :, k : k + bins] for k in range(2 * _KERNEL + 1)]
    )
