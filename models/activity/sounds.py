"""Sounds that are no speech, made by rules: what a detector of speech must not take for it.

Every function takes a generator of random numbers and a number of samples at `RATE`, and returns
float64 [N] with a root mean square of 1 (or digital silence).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

RATE = 16_000

Rng = np.random.Generator
Sound = Callable[[Rng, int], np.ndarray]


def silence(_: Rng, count: int) -> np.ndarray:
    """Digital silence."""
    return np.zeros(count)


def noise(rng: Rng, count: int) -> np.ndarray:
    """Noise whose power falls with frequency by 0 (white) to 2 (brown) times 3 dB an octave."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    steps = np.arange(len(spectrum)).clip(1)
    return _scaled(np.fft.irfft(spectrum * steps ** -rng.uniform(0, 1), count))


def band_noise(rng: Rng, count: int) -> np.ndarray:
    """Noise in one to three bands: wind, fans, hiss, engines."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    hz = np.arange(len(spectrum)) * RATE / count
    gain = np.full(len(hz), 10 ** -rng.uniform(1, 3))
    for _ in range(rng.integers(1, 4)):
        centre = np.exp(rng.uniform(np.log(60), np.log(6000)))
        gain += np.exp(-((np.log2(hz.clip(1) / centre) / rng.uniform(0.05, 0.8)) ** 2))
    return _scaled(np.fft.irfft(spectrum * gain, count))


def pulsing_noise(rng: Rng, count: int) -> np.ndarray:
    """Noise that comes and goes: machines, waves, breathing, keys, applause."""
    sound = (noise if rng.random() < 0.5 else band_noise)(rng, count)
    return _scaled(sound * _envelope(rng, count))


def clicks(rng: Rng, count: int) -> np.ndarray:
    """Short impulses through a resonance, at regular or random times."""
    impulses = np.zeros(count)
    number = max(1, int(count / RATE * np.exp(rng.uniform(np.log(0.5), np.log(60)))))
    places = np.linspace(0, count - 1, number) if rng.random() < 0.5 else rng.uniform(0, count - 1)
    impulses[np.asarray(places, int)] = 1
    decay = np.exp(-np.arange(4000) / rng.uniform(10, 1200))
    ringing = decay * np.cos(2 * np.pi * rng.uniform(50, 6000) * np.arange(4000) / RATE)
    return _scaled(_convolved(impulses, ringing if rng.random() < 0.5 else decay))


def hum(rng: Rng, count: int) -> np.ndarray:
    """Mains and its harmonics."""
    base = rng.choice([50.0, 60.0, 100.0, 120.0]) * rng.uniform(0.995, 1.005)
    return _scaled(_harmonics(rng, np.full(count, base), rng.integers(1, 20), rng.uniform(0.3, 2)))


def tone(rng: Rng, count: int) -> np.ndarray:
    """One to four steady sines, switched on and off or not: dial tones, ringing, alarms."""
    times = np.arange(count) / RATE
    sound = np.zeros(count)
    for _ in range(rng.integers(1, 5)):
        hz = np.exp(rng.uniform(np.log(60), np.log(4000)))
        sound += rng.uniform(0.2, 1) * np.sin(2 * np.pi * hz * times + rng.uniform(0, 6))
    if rng.random() < 0.5:
        sound = sound * _switched(rng, count)
    return _scaled(sound)


def keypad(rng: Rng, count: int) -> np.ndarray:
    """Tones of a telephone's keys (ITU-T Q.23)."""
    times = np.arange(count) / RATE
    period = int(RATE * rng.uniform(0.1, 0.5))
    sound = np.zeros(count)
    for start in range(0, count, period):
        part = slice(start, start + int(period * rng.uniform(0.3, 0.9)))
        for tones in ((697, 770, 852, 941), (1209, 1336, 1477, 1633)):
            sound[part] += np.sin(2 * np.pi * rng.choice(tones) * times[part])
    return _scaled(sound)


def sweep(rng: Rng, count: int) -> np.ndarray:
    """A tone, with harmonics or without, that goes up and down: sirens, whistles."""
    times = np.arange(count) / RATE
    middle = np.exp(rng.uniform(np.log(150), np.log(2000)))
    octaves = rng.uniform(0.1, 1.5) * np.sin(2 * np.pi * rng.uniform(0.05, 3) * times)
    return _scaled(_harmonics(rng, middle * 2**octaves, rng.integers(1, 8), rng.uniform(0.5, 2)))


def chord(rng: Rng, count: int) -> np.ndarray:
    """Three to five notes that last."""
    root = np.exp(rng.uniform(np.log(60), np.log(500)))
    steps = rng.choice([0, 3, 4, 5, 7, 8, 9, 12, 16, 19], rng.integers(3, 6), replace=False)
    sound = np.zeros(count)
    for step in steps:
        hz = np.full(count, root * 2 ** (step / 12))
        sound += _harmonics(rng, hz, rng.integers(1, 12), rng.uniform(0.5, 2))
    return _scaled(sound * (_envelope(rng, count) if rng.random() < 0.3 else 1))


def music(rng: Rng, count: int) -> np.ndarray:
    """Notes of one to four instruments on one scale, with a beat or without."""
    scale = np.cumsum(rng.choice([1, 2, 2, 3], 14))
    root = np.exp(rng.uniform(np.log(50), np.log(250)))
    beat = int(RATE * rng.uniform(0.12, 0.6))
    sound = np.zeros(count)
    for _ in range(rng.integers(1, 5)):
        partials, slope = rng.integers(1, 15), rng.uniform(0.5, 2)
        attack, decay = rng.uniform(0.002, 0.1), np.exp(rng.uniform(np.log(0.08), np.log(3)))
        vibrato = rng.uniform(0, 0.4) * (rng.random() < 0.4)
        octave, loudness, start = rng.integers(0, 3), rng.uniform(0.3, 1), 0
        while start < count:
            length = beat * rng.choice([1, 1, 2, 2, 3, 4])
            times = np.arange(min(length, count - start)) / RATE
            hz = root * 2 ** (octave + rng.choice(scale) / 12)
            hz = hz * 2 ** (vibrato / 12 * np.sin(2 * np.pi * rng.uniform(4.5, 7) * times))
            note = _harmonics(rng, hz, partials, slope)
            note *= np.minimum(1, times / attack) * np.exp(-times / decay)
            if rng.random() > 0.15:
                sound[start : start + len(note)] += loudness * note
            start += length
    if rng.random() < 0.5:
        sound += rng.uniform(0.2, 2) * np.abs(sound).mean() * _drums(rng, count, beat)
    return _scaled(sound)


SOUNDS: tuple[Sound, ...] = (
    *(silence, noise, noise, band_noise, pulsing_noise, pulsing_noise, clicks, hum, tone),
    *(keypad, sweep, chord, music, music, music, music),
)


def _drums(rng: Rng, count: int, beat: int) -> np.ndarray:
    sound = np.zeros(count)
    kinds = [_drum(rng) for _ in range(3)]
    for start in range(0, count, beat):
        drum = kinds[rng.integers(3)] * rng.uniform(0.2, 1)
        part = sound[start : start + len(drum)]
        part += drum[: len(part)]
    return sound


def _drum(rng: Rng) -> np.ndarray:
    times = np.arange(int(RATE * 0.2)) / RATE
    hz = rng.uniform(50, 300) * np.exp(-times * rng.uniform(0, 20))
    mixed = rng.uniform(0, 1)
    body = mixed * np.sin(2 * np.pi * np.cumsum(hz) / RATE) + (1 - mixed) * rng.normal(
        size=len(times)
    )
    return 4 * body * np.exp(-times / rng.uniform(0.01, 0.08))


def _harmonics(rng: Rng, hz: np.ndarray, count: int | np.int64, slope: float) -> np.ndarray:
    """A sum of harmonics of a fundamental [N] in Hz, the n-th with an amplitude of n^-slope."""
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    loudness = np.arange(1, count + 1) ** -slope * rng.uniform(0.3, 1, count)
    sound = np.zeros(len(hz))
    for number in range(1, count + 1):
        audible = number * hz < RATE / 2
        sound += loudness[number - 1] * audible * np.sin(number * phase + rng.uniform(0, 6))
    return sound


def _envelope(rng: Rng, count: int) -> np.ndarray:
    """Amplitudes that rise and fall 0.2 to 12 times a second, evenly or by chance."""
    times = np.arange(count) / RATE
    rate = np.exp(rng.uniform(np.log(0.2), np.log(12)))
    if rng.random() < 0.5:
        depth = rng.uniform(0.3, 1)
        return 1 - depth / 2 * (1 + np.sin(2 * np.pi * rate * times + rng.uniform(0, 6)))
    points = max(2, int(count / RATE * rate * 2))
    levels = 10 ** (-rng.uniform(0, 2, points))
    return np.interp(np.linspace(0, points - 1, count), np.arange(points), levels)


def _switched(rng: Rng, count: int) -> np.ndarray:
    times = np.arange(count) / RATE
    return (times * np.exp(rng.uniform(np.log(0.2), np.log(8))) % 1) < rng.uniform(0.2, 0.8)


def _convolved(signal: np.ndarray, response: np.ndarray) -> np.ndarray:
    length = len(signal) + len(response)
    spectrum = np.fft.rfft(signal, length) * np.fft.rfft(response, length)
    return np.fft.irfft(spectrum, length)[: len(signal)]


def _scaled(sound: np.ndarray) -> np.ndarray:
    level = np.sqrt(np.mean(np.square(sound)))
    return sound / level if level > 0 else sound
