"""Degradations other than codecs: band limits, sampling rates, noise, rooms, level.

Every function takes float32 samples [N], full scale 1, and returns [N] aligned with them.
"""

from __future__ import annotations

import numpy as np
import scipy.signal
import soxr

from bonafide.audio.measures import speech_of
from bonafide.audio.treatments import level

_TRANSITION_HZ = 200.0
_STOPBAND_DB = 80.0
_DIRECT_TO_REVERBERANT = 1.0
_FULL_SCALE = 32_768.0


def lowpass(samples: np.ndarray, sample_rate: int, cut_hz: float) -> np.ndarray:
    """Removes frequencies above a limit as steeply as codecs do.

    A linear-phase Kaiser filter: -6 dB at the limit, 0 dB 100 Hz below it, -80 dB 100 Hz
    above it. A limit beyond the band does not change the samples.
    """
    if cut_hz + _TRANSITION_HZ / 2 >= sample_rate / 2:
        return samples
    return _filtered(samples, sample_rate, cut_hz, pass_zero=True)


def highpass(samples: np.ndarray, sample_rate: int, cut_hz: float) -> np.ndarray:
    """Removes frequencies below a limit, with a filter like that of `lowpass`.

    Raises:
        ValueError: The limit is outside the band of the samples.
    """
    if cut_hz + _TRANSITION_HZ / 2 >= sample_rate / 2:
        raise ValueError(f"expected a frequency below {sample_rate / 2:g} Hz, got {cut_hz:g}")
    return _filtered(samples, sample_rate, cut_hz, pass_zero=False)


def through_rate(samples: np.ndarray, sample_rate: int, rate_hz: float) -> np.ndarray:
    """Converts to a sampling rate and back, by soxr's HQ (band edge at 91 % of the lower half)."""
    there = soxr.resample(samples, sample_rate, rate_hz, "HQ")
    return fitted(soxr.resample(there, rate_hz, sample_rate, "HQ"), len(samples))


def add_noise(
    samples: np.ndarray,
    sample_rate: int,
    snr_db: float,
    random: np.random.Generator,
    *,
    tilt: float = 0.0,
) -> np.ndarray:
    """Adds Gaussian noise, `snr_db` below the power of the active speech.

    Args:
        samples: float32 [N].
        sample_rate: In Hz.
        snr_db: Signal-to-noise ratio.
        random: Generator of the noise.
        tilt: Exponent by which its power falls with frequency: 0 is white noise, 1 pink noise.

    Returns:
        float32 [N]; digital silence is not changed.
    """
    _, power = speech_of(_int16(samples), sample_rate)
    if not power:
        return samples
    noise = random.normal(size=len(samples))
    if tilt:
        spectrum = np.fft.rfft(noise)
        spectrum[1:] /= np.arange(1, len(spectrum)) ** (tilt / 2)
        spectrum[0] = 0
        noise = np.fft.irfft(spectrum, len(samples))
    size = np.sqrt(np.mean(noise**2))
    if not size:  # the spectrum of a single sample is its mean
        return samples
    wanted = np.sqrt(power) / _FULL_SCALE * 10 ** (-snr_db / 20)
    noisy: np.ndarray = samples + noise * (wanted / size)
    return noisy.astype(np.float32)


def add_room(
    samples: np.ndarray, sample_rate: int, decay_seconds: float, random: np.random.Generator
) -> np.ndarray:
    """Adds the reverberation of a simulated room.

    The response is the direct sound and, from 2 ms on, Gaussian noise that decays exponentially by
    60 dB in `decay_seconds` (Polack's model of a diffuse field), with as much total energy as the
    direct sound. The direct sound is not delayed.

    Args:
        samples: float32 [N].
        sample_rate: In Hz.
        decay_seconds: Reverberation time T60.
        random: Generator of the response.

    Returns:
        float32 [N] with the energy of the samples.
    """
    times = np.arange(1, round(decay_seconds * sample_rate)) / sample_rate
    late = random.normal(size=len(times)) * 10 ** (-3 * times / decay_seconds) * (times >= 0.002)
    late *= np.sqrt(_DIRECT_TO_REVERBERANT / np.sum(late**2))
    wet = scipy.signal.fftconvolve(samples, np.concatenate([[1.0], late]))[: len(samples)]
    before, after = np.sum(np.square(samples, dtype=np.float64)), np.sum(wet**2)
    wet *= np.sqrt(before / after if after else 1.0)
    return np.asarray(wet, np.float32)


def to_level(samples: np.ndarray, sample_rate: int, level_dbfs: float) -> np.ndarray:
    """Removes the mean and sets the level of the speech, as far as possible without clipping."""
    return (level(_int16(samples), sample_rate, level_dbfs) / _FULL_SCALE).astype(np.float32)


def gain(samples: np.ndarray, gain_db: float) -> np.ndarray:
    """Changes the level and clips at full scale, as recorders do."""
    return np.clip(samples * np.float32(10 ** (gain_db / 20)), -1.0, 1.0 - 1 / _FULL_SCALE)


def fitted(samples: np.ndarray, length: int) -> np.ndarray:
    """Truncates to a length, or pads with silence."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def _filtered(
    samples: np.ndarray, sample_rate: int, cut_hz: float, *, pass_zero: bool
) -> np.ndarray:
    width = _TRANSITION_HZ / (sample_rate / 2)
    count, beta = scipy.signal.kaiserord(_STOPBAND_DB, width)
    count += 1 - count % 2  # odd: a delay of whole samples, and a high-pass exists
    taps = scipy.signal.firwin(
        count, cut_hz, window=("kaiser", beta), fs=sample_rate, pass_zero=pass_zero
    )
    whole = scipy.signal.fftconvolve(samples, taps)
    return np.asarray(whole[count // 2 :][: len(samples)], np.float32)


def _int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples * _FULL_SCALE), -32_768, 32_767).astype(np.int16)
