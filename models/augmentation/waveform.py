"""Augmentation of waveform batches, in pure TensorFlow, before any feature is computed.

Every function takes a stateless seed (int32 [2]) and works on the whole batch at once, so the same
seed gives the same batch in eager mode, in a graph and in tf.data with any number of threads. What
only some clips get is computed for those alone.

Filters are multiplications of the spectrum of the padded clip, so none of them shifts a clip in
time. Waveforms are float32 [B, N], full scale 1; a clip that is all zeros stays so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import scipy.fft
import tensorflow as tf

from models.augmentation import rawboost
from models.augmentation.resynthesis import resynthesise
from models.augmentation.spectrum import (
    apply_response,
    interpolate,
    power_of,
    scale_to_snr,
    uniform,
)
from models.settings.waveform import WaveformConfig

_MU = 255.0
_EQUALIZER_POINTS = 12
_LOWEST_CUT_HZ, _HIGHEST_CUT_HZ = 20.0, 300.0
_BAND_LIMIT_ORDER = 8  # of the Butterworth responses: codecs cut steeply


def augment_waveforms(
    waveforms: tf.Tensor,
    labels: tf.Tensor,
    *,
    config: WaveformConfig,
    sample_rate: int,
    seed: tf.Tensor,
    rooms: np.ndarray | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Applies everything that the settings ask for.

    Args:
        waveforms: [B, N] float32.
        labels: [B] float32, 1 = bona fide.
        config: What to apply.
        sample_rate: In Hz.
        seed: Stateless seed, int32 [2]; a new one for every batch.
        rooms: Room responses [R, M], see `load_rooms`; needed where the settings ask for rooms.

    Returns:
        Waveforms [B, N] in [-1, 1], and labels [B]: those of resynthesised clips are 0.
    """
    seeds = tf.unstack(tf.random.split(seed, 9))
    if config.resynthesis_probability:
        choice, own = tf.unstack(tf.random.split(seeds[0], 2))
        chosen = uniform(choice, tf.shape(labels)) < config.resynthesis_probability
        chosen &= labels > 0.5
        waveforms = _some(waveforms, chosen, functools.partial(resynthesise, seed=own))
        labels = tf.where(chosen, 0.0, labels)

    def add_one_of_rooms(waveforms: tf.Tensor, *, seed: tf.Tensor) -> tf.Tensor:
        if rooms is None:
            raise ValueError("room_probability is set, but no rooms are given: see load_rooms")
        return add_room(waveforms, seed=seed, rooms=rooms)

    steps: list[tuple[float, Callable[..., tf.Tensor]]] = [
        (config.speed_probability, functools.partial(change_speed, limits=config.speed_range)),
        (config.room_probability, add_one_of_rooms),
        (
            config.rawboost_probability,
            functools.partial(
                rawboost.distort,
                order=config.rawboost_order,
                snr_db=config.rawboost_snr_db,
                sample_rate=sample_rate,
            ),
        ),
        (config.noise_probability, functools.partial(add_noise, snr_db=config.noise_snr_db)),
        (config.equalizer_probability, functools.partial(equalize, max_db=config.equalizer_db)),
        (
            config.band_limit_probability,
            functools.partial(limit_band, highest_hz=config.band_limit_hz, sample_rate=sample_rate),
        ),
        (config.companding_probability, compand),
        (config.gain_probability, functools.partial(change_gain, limits_db=config.gain_db)),
    ]
    for (probability, operation), step_seed in zip(steps, seeds[1:], strict=True):
        if probability:
            choice, own = tf.unstack(tf.random.split(step_seed, 2))
            chosen = uniform(choice, [tf.shape(waveforms)[0]]) < probability
            waveforms = _some(waveforms, chosen, functools.partial(operation, seed=own))
    return tf.clip_by_value(waveforms, -1.0, 1.0), labels


def _some(
    waveforms: tf.Tensor, chosen: tf.Tensor, operation: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    """Applies an operation to the chosen clips only; `chosen` is bool [B]."""
    rows = tf.where(chosen)  # [b, 1]

    def changed() -> tf.Tensor:
        return tf.tensor_scatter_nd_update(
            waveforms, rows, operation(tf.gather(waveforms, rows[:, 0]))
        )

    result = tf.cond(tf.shape(rows)[0] > 0, changed, lambda: waveforms)
    return tf.ensure_shape(result, waveforms.shape)


def change_speed(waveforms: tf.Tensor, *, seed: tf.Tensor, limits: tuple[float, ...]) -> tf.Tensor:
    """Plays each clip at a speed of its own: tempo and pitch change together.

    Samples between samples are found by cubic (Catmull-Rom) interpolation. A faster clip begins
    again where it ends, as a short recording does (`features.fit_length`).

    Args:
        waveforms: [B, N].
        seed: Stateless seed.
        limits: Lowest and highest speed.
    """
    batch, length = tf.shape(waveforms)[0], waveforms.shape[1]
    speed = uniform(seed, [batch, 1], *limits)
    place = tf.range(length, dtype=tf.float32)[None, :] * speed  # [B, N]
    whole = tf.floor(place)
    t = place - whole
    index = tf.cast(whole, tf.int32)
    before, here, after, beyond = (
        tf.gather(waveforms, (index + shift) % length, batch_dims=1) for shift in (-1, 0, 1, 2)
    )
    slope = 0.5 * (after - before)
    next_slope = 0.5 * (beyond - here)
    return (
        (2 * t**3 - 3 * t**2 + 1) * here
        + (t**3 - 2 * t**2 + t) * slope
        + (3 * t**2 - 2 * t**3) * after
        + (t**3 - t**2) * next_slope
    )


def add_room(waveforms: tf.Tensor, *, seed: tf.Tensor, rooms: np.ndarray) -> tf.Tensor:
    """Convolves each clip with a random room response and keeps its level.

    Args:
        waveforms: [B, N].
        seed: Stateless seed.
        rooms: [R, M], the direct sound first.
    """
    batch, length = tf.shape(waveforms)[0], waveforms.shape[1]
    which = tf.random.stateless_uniform([batch], seed, 0, rooms.shape[0], tf.int32)
    size = scipy.fft.next_fast_len(length + rooms.shape[1], real=True)
    response = tf.signal.rfft(tf.gather(tf.constant(rooms, tf.float32), which), [size])
    wet = tf.signal.irfft(tf.signal.rfft(waveforms, [size]) * response, [size])[:, :length]
    return wet * tf.sqrt(tf.math.divide_no_nan(power_of(waveforms), power_of(wet)))


def add_noise(waveforms: tf.Tensor, *, seed: tf.Tensor, snr_db: tuple[float, ...]) -> tf.Tensor:
    """Adds noise whose power falls as 1 / f^c, c from 0 (white) to 2 (brown) for each clip.

    Args:
        waveforms: [B, N].
        seed: Stateless seed.
        snr_db: Range of the ratio of the clip's power to the noise's.
    """
    noise_seed, colour_seed, snr_seed = tf.unstack(tf.random.split(seed, 3))
    batch, length = tf.shape(waveforms)[0], waveforms.shape[1]
    noise = tf.random.stateless_normal([batch, length], noise_seed)
    colour = uniform(colour_seed, [batch, 1], 0.0, 2.0)
    # The amplitude, hence half; the frequency of the lowest bin stands for 0 Hz.
    size = 1 + scipy.fft.next_fast_len(length, real=True) // 2
    frequency = tf.maximum(tf.range(size, dtype=tf.float32), 1.0)[None, :]
    noise = apply_response(noise, lambda bins: interpolate(frequency ** (-colour / 2), bins))
    return waveforms + scale_to_snr(noise, waveforms, uniform(snr_seed, [batch, 1], *snr_db))


def equalize(waveforms: tf.Tensor, *, seed: tf.Tensor, max_db: float) -> tf.Tensor:
    """Gives each clip a random smooth frequency response.

    Args:
        waveforms: [B, N].
        seed: Stateless seed.
        max_db: The response lies between plus and minus this, straight between twelve points
            that are equally far apart.
    """
    batch = tf.shape(waveforms)[0]
    gain_db = uniform(seed, [batch, _EQUALIZER_POINTS], -max_db, max_db)
    return apply_response(waveforms, lambda bins: tf.pow(10.0, interpolate(gain_db, bins) / 20.0))


def limit_band(
    waveforms: tf.Tensor, *, seed: tf.Tensor, highest_hz: tuple[float, ...], sample_rate: int
) -> tf.Tensor:
    """Removes what is above a random frequency and below another one (20 to 300 Hz).

    Args:
        waveforms: [B, N].
        seed: Stateless seed.
        highest_hz: Range of the upper frequency.
        sample_rate: In Hz.
    """
    low_seed, high_seed = tf.unstack(tf.random.split(seed, 2))
    batch = tf.shape(waveforms)[0]
    low = uniform(low_seed, [batch, 1], _LOWEST_CUT_HZ, _HIGHEST_CUT_HZ)
    high = uniform(high_seed, [batch, 1], *highest_hz)

    def response(bins: int) -> tf.Tensor:
        hz = tf.linspace(0.0, sample_rate / 2, bins)[None, :]
        power = 2 * _BAND_LIMIT_ORDER
        below = 1.0 / (1.0 + (hz / high) ** power)
        above = 1.0 - 1.0 / (1.0 + (hz / low) ** power)
        return tf.sqrt(below * above)

    return apply_response(waveforms, response)


def compand(waveforms: tf.Tensor, *, seed: tf.Tensor | None = None) -> tf.Tensor:
    """Quantises each clip to 8 bits by the mu-law of ITU-T G.711, at its own peak level.

    The continuous law with mu = 255, not the piecewise one of the recommendation.

    Args:
        waveforms: [B, N].
        seed: Not used; nothing here is random.
    """
    del seed
    peak = tf.reduce_max(tf.abs(waveforms), axis=1, keepdims=True)
    x = tf.math.divide_no_nan(waveforms, peak)
    code = tf.sign(x) * tf.math.log1p(_MU * tf.abs(x)) / np.log1p(_MU)
    code = tf.round(code * 127.0) / 127.0
    return peak * tf.sign(code) * tf.math.expm1(tf.abs(code) * np.log1p(_MU)) / _MU


def change_gain(
    waveforms: tf.Tensor, *, seed: tf.Tensor, limits_db: tuple[float, ...]
) -> tf.Tensor:
    """Changes the level of each clip by a random number of decibels."""
    gain_db = uniform(seed, [tf.shape(waveforms)[0], 1], *limits_db)
    return waveforms * tf.pow(10.0, gain_db / 20.0)
