"""A voice made by rules: pulses through moving formants, which the detector takes for speech.

It begins and ends with a loud sample, so that windows begin and end with it.
Its mean over every `BLOCK` samples from the start is exactly 0. So a test model whose score is the
mean of samples scores `level(value)` as value, wherever its windows lie on blocks.
"""

import functools

import numpy as np

RATE = 16_000
BLOCK = 1_600
# First and second formant of vowels, in Hz (Peterson and Barney 1952, rounded).
_VOWELS = ((730, 1090), (270, 2290), (530, 1840), (300, 870), (570, 840), (660, 1720))
_SYLLABLE_SECONDS = 0.22


@functools.cache
def _voice(count, rate_hz):
    rng = np.random.default_rng(5)
    times = np.arange(count) / rate_hz
    hz = 120 * 2 ** (0.3 * np.sin(2 * np.pi * 0.9 * times) + 0.1 * np.sin(2 * np.pi * 2.3 * times))
    phase = np.cumsum(hz) / rate_hz
    syllables = times / _SYLLABLE_SECONDS
    order = rng.integers(len(_VOWELS), size=int(syllables[-1]) + 3)
    knots = np.array(_VOWELS)[order]
    loudness = 0.35 + 0.65 * np.sin(np.pi * (syllables % 1)) ** 2
    sound = np.zeros(count)
    for number in range(1, int(min(4000, 0.45 * rate_hz) / hz.min())):
        harmonic = number * hz
        gain = np.zeros(count)
        for formant, width in ((0, 90.0), (1, 130.0)):
            centre = np.interp(syllables, np.arange(len(knots)), knots[:, formant])
            gain += 0.7**formant / (1 + ((harmonic - centre) / width) ** 2)
        gain[harmonic > min(4000, 0.45 * rate_hz)] = 0
        sound += gain * np.sin(2 * np.pi * number * phase)
    sound *= loudness
    samples = np.rint(sound / np.abs(sound).max() * 8_000).astype(np.int64)
    samples[[0, -1]] = 6_000
    for start in range(0, count, BLOCK):
        part = samples[start : start + BLOCK]
        whole, rest = divmod(int(part.sum()), len(part))
        part -= whole
        part[:rest] -= 1
    return samples


def voice(seconds=1.0, rate_hz=RATE):
    """Samples of speech, int16."""
    return _voice(round(seconds * rate_hz), rate_hz).astype(np.int16)


def level(value, seconds=1.0, rate_hz=RATE):
    """Samples of speech whose mean is `value` thousands: the test model's score of them.

    Of several values, each is the mean of a part; the parts are of equal length.
    """
    samples = _voice(round(seconds * rate_hz), rate_hz)
    parts = np.array_split(np.arange(len(samples)), np.size(value))
    for part, mean in zip(parts, np.atleast_1d(value), strict=True):
        samples = samples + np.isin(np.arange(len(samples)), part) * round(mean * 1000)
    return samples.astype(np.int16)
