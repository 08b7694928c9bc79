"""Where somebody speaks: a probability of speech for every 16 ms of a recording.

Energy says where a recording is loud, not where it is speech: white noise, a dial tone and hold
music are loud. So a small network looks at what speech has and these have not: the shape of the
spectrum over a second, and how well a fundamental between 70 and 400 Hz explains it.

Features of a frame (`features`), from 80 to 3,800 Hz, which a telephone passes, too:

- the power in 20 bands of equal width in mel (triangles), in dB relative to full scale. What is
  below -66 dBFS counts as -66 dBFS, so that digital silence and faint noise are the same;
- the height and the place of the highest peak of the real cepstrum between 1/400 s and 1/70 s
  (Noll, "Cepstrum pitch determination", 1967): voices have one, noise and single tones do not.

A frame below -57 dBFS in these bands, or without a sample of that level in its own 16 ms, is no
speech, whatever is around it: speech ends where its sound ends, and faint noise behind it does not
move its end.

The network (`_forward`) is five convolutions over time, of which the first four are dilated and
followed by ReLU (a small temporal convolutional network; Bai et al., arXiv 1803.01271). It sees
0.64 s before a frame and 0.32 s after it; beyond both ends of a recording it sees silence. So
silence behind a recording changes nothing in it. `models.activity.train` has fitted its weights;
`benchmarks/activity.py` measures what it takes for speech (docs/measurements/listening.md).

Imports numpy and SciPy only.
"""

from __future__ import annotations

import functools
import importlib.resources
import math
from collections.abc import Iterable, Iterator

import numpy as np
import scipy.fft

HOP_SECONDS = 0.016
FLOOR_DB = -66.0
# Probability from which a frame counts as speech.
SPEECH_FROM = 0.5
# Probability from which a frame may be speech: a recording without such frames has none for sure.
MAY_BE_SPEECH_FROM = 0.12
FAINTEST_SPEECH_DBFS = -57.0
KERNEL = 5
DILATIONS = (1, 2, 4, 8)
FRAMES_BEFORE, FRAMES_AFTER = 40, 20
FRAMES_A_PASS = 256
NUM_BANDS = 20
NUM_FEATURES = NUM_BANDS + 2

_WEIGHTS = "activity.npz"
_LOWEST_HZ, _HIGHEST_HZ = 80.0, 3800.0
_PITCH_HZ = (70.0, 400.0)
_SPECTRUM_HZ = 4000.0  # up to which it is looked at
_FULL_SCALE = 32_768.0
_FAINTEST_SAMPLE = round(_FULL_SCALE * 10 ** (FAINTEST_SPEECH_DBFS / 20))
# NumPy's OpenBLAS divides larger products among all processors, and the threads' waiting for each
# other takes ten times as long as the product where others use the machine.
_ROWS_AT_ONCE = 20
# In steps of 20 dB around half of the floor.
_CENTRE = -FLOOR_DB / 40
_LEAST = np.float32(10 ** (FLOOR_DB / 10))
_REACH = 7  # of the filter that halves a sampling rate, in samples


class ActivityMeter:
    """Measures a recording while its blocks pass by, in bounded memory.

    Args:
        sample_rate: In Hz.
        frames_a_pass: How many frames are computed together. Always as many, so that the last
            digits, too, do not depend on how a recording came in blocks.
    """

    def __init__(self, sample_rate: int, frames_a_pass: int = FRAMES_A_PASS) -> None:
        self._rate = sample_rate
        self._frames_a_pass = frames_a_pass
        self._hop = hop_samples(sample_rate)
        # Half a hop of silence: a frame is centred on the hop that it stands for.
        self._held = np.zeros(self._hop // 2 + _margin(sample_rate), np.int16)
        self._pass_samples = samples_for(frames_a_pass, sample_rate)
        self._samples = self._frames = 0
        # What the network sees of the frames before those that are decided next, and how loud these
        # are. A recording begins behind silence.
        self._context = np.repeat(_silent_frame(sample_rate), FRAMES_BEFORE, axis=0)
        self._levels_db = np.zeros(0, np.float32)
        self._sounds = np.zeros(0, bool)  # which of these hold a sound of their own

    def add(self, block: np.ndarray) -> np.ndarray:
        """Takes the next samples.

        Args:
            block: int16 [M], mono.

        Returns:
            Probabilities of speech, float32 [T], of the frames that are certain now; T may be 0.
            They follow those that were returned before, and frame t is about the samples from
            `t * hop_samples(sample_rate)` on.
        """
        self._samples += len(block)
        self._held = np.concatenate([self._held, block]) if len(self._held) else block
        found = [np.zeros(0, np.float32)]
        while len(self._held) >= self._pass_samples:
            found.append(self._decide(self._held[: self._pass_samples]))
            self._held = self._held[self._frames_a_pass * self._hop :]
        self._frames += sum(len(part) for part in found)
        return np.concatenate(found)

    def finish(self) -> np.ndarray:
        """Returns the rest: together with what `add` returned, a frame for each hop begun."""
        silence = np.zeros(self._pass_samples, np.int16)
        missing = -(-self._samples // self._hop) - self._frames
        found = [np.zeros(0, np.float32)]
        while sum(len(part) for part in found) < missing:
            found.append(self._decide(np.concatenate([self._held, silence])[: len(silence)]))
            self._held = self._held[self._frames_a_pass * self._hop :]
        return np.concatenate(found)[:missing]

    def _decide(self, samples: np.ndarray) -> np.ndarray:
        """Probabilities of the frames for which the samples of a pass hold what comes after."""
        frames, levels_db = features(samples, self._rate)
        seen = np.concatenate([self._context, frames])
        levels_db = np.concatenate([self._levels_db, levels_db])
        self._context = seen[-(FRAMES_BEFORE + FRAMES_AFTER) :]
        found = _forward(seen)
        self._levels_db = levels_db[len(found) :]
        sounds = np.concatenate([self._sounds, _sounds(samples, len(frames), self._rate)])
        sounds, self._sounds = sounds[: len(found)], sounds[len(found) :]
        loud = levels_db[: len(found)] >= FAINTEST_SPEECH_DBFS
        return np.where(sounds & loud, found, np.float32(0))


def probabilities(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Returns the probability of speech of every frame, float32 [T].

    Args:
        samples: int16 [N], mono.
        sample_rate: In Hz.
    """
    return np.concatenate(list(measured([samples], sample_rate)))


def measured(blocks: Iterable[np.ndarray], sample_rate: int) -> Iterator[np.ndarray]:
    """Yields the probabilities of speech of a recording that comes in blocks, [T] each."""
    meter = ActivityMeter(sample_rate)
    for block in blocks:
        yield meter.add(block)
    yield meter.finish()


def speech_seconds(samples: np.ndarray, sample_rate: int) -> float:
    """Returns how many seconds of a recording, int16 [N], are speech."""
    return _seconds(probabilities(samples, sample_rate))


def holds_speech(samples: np.ndarray, sample_rate: int, seconds: float) -> bool:
    """Returns whether so many seconds of a recording may be speech; stops where they are found.

    Frames count from `MAY_BE_SPEECH_FROM`: who rejects what holds no speech must not reject voices
    that the detector takes for speech in few of their frames only.

    Args:
        samples: int16 [N], mono.
        sample_rate: In Hz.
        seconds: How much speech is enough, in seconds.
    """
    meter = ActivityMeter(sample_rate, frames_a_pass=64)
    found, step = 0.0, 32 * hop_samples(sample_rate)
    for start in range(0, len(samples), step):
        found += _seconds(meter.add(samples[start : start + step]), MAY_BE_SPEECH_FROM)
        if found >= seconds:
            return True
    return found + _seconds(meter.finish(), MAY_BE_SPEECH_FROM) >= seconds


def _seconds(probabilities: np.ndarray, speech_from: float = SPEECH_FROM) -> float:
    return np.count_nonzero(probabilities >= speech_from) * HOP_SECONDS


def hop_samples(sample_rate: int) -> int:
    """Returns the distance between frames, in samples."""
    step = 1 << _halvings(sample_rate)
    return max(1, round(HOP_SECONDS * sample_rate / step)) * step


def samples_for(frames: int, sample_rate: int) -> int:
    """Returns how many samples `features` needs for so many frames."""
    return (frames + 1) * hop_samples(sample_rate) + 2 * _margin(sample_rate)


def features(samples: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features of all whole frames, float32 [T, NUM_FEATURES], and their levels [T].

    Levels are the power in all bands, in dB relative to full scale.

    Args:
        samples: int16 [N], `samples_for` so many frames: each is two hops long, a hop after the
            one before, and around them lies what the filter of the sampling rate reaches.
        sample_rate: In Hz.
    """
    low, low_rate = samples, float(sample_rate)
    for _ in range(_halvings(sample_rate)):
        low, low_rate = _halved(low), low_rate / 2
    window, bands, cosines, shortest = _tables(low_rate)
    hop = len(window) // 2
    frames = np.lib.stride_tricks.sliding_window_view(low, 2 * hop)[::hop]
    result = np.empty((len(frames), NUM_FEATURES), np.float32)
    levels = np.empty(len(frames), np.float32)
    for first in range(0, len(frames), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        spectrum = scipy.fft.rfft(frames[rows] * window, axis=1)[:, : len(bands)]
        power = np.square(spectrum.real) + np.square(spectrum.imag)  # [rows, bins]
        in_bands = power @ bands
        in_bands.sum(axis=1, out=levels[rows])
        # A tenth of the floor in each bin, of which a band has some.
        cepstrum = np.log(np.maximum(power, _LEAST / 10)) @ cosines
        highest = cepstrum.argmax(axis=1)
        out = result[rows]
        out[:, :NUM_BANDS] = np.log10(np.maximum(in_bands, _LEAST)) * 0.5 + _CENTRE
        out[:, NUM_BANDS] = cepstrum[np.arange(len(cepstrum)), highest]
        out[:, NUM_BANDS + 1] = np.log2((shortest + highest) / shortest) - 1.25
    return result, 10 * np.log10(np.maximum(levels, _LEAST))


def _sounds(samples: np.ndarray, frames: int, sample_rate: int) -> np.ndarray:
    """Which of the frames of `features` hold a sound in the hop that they stand for, bool [T].

    A frame is two hops long: the last sound of a recording is in the frame behind it, too.
    """
    hop = hop_samples(sample_rate)
    first = _margin(sample_rate) + hop // 2
    hops = samples[first : first + frames * hop].reshape(frames, hop)
    sounds: np.ndarray = (hops.max(axis=1) >= _FAINTEST_SAMPLE) | (
        hops.min(axis=1) <= -_FAINTEST_SAMPLE
    )
    return sounds


def _halvings(sample_rate: int) -> int:
    """How often the sampling rate is halved: until it is below 16 kHz."""
    return max(0, math.floor(math.log2(sample_rate / 8000)))


def _margin(sample_rate: int) -> int:
    """Samples beyond the outermost frames that the filters reach."""
    return _REACH * ((1 << _halvings(sample_rate)) - 1)


def _halved(samples: np.ndarray) -> np.ndarray:
    """Every second sample, float32 [(N - 2 REACH + 1) // 2], behind a half-band low-pass filter.

    A sinc in a Hamming window; at the odd distances, for at the even ones it is zero.
    """
    samples = samples.astype(np.float32, copy=False)
    count = (len(samples) - 2 * _REACH + 1) // 2
    result = samples[_REACH : _REACH + 2 * count - 1 : 2] * np.float32(0.5)
    for distance in range(1, _REACH + 1, 2):
        tap = np.sin(np.pi * distance / 2) / (np.pi * distance)
        tap *= 0.54 + 0.46 * np.cos(np.pi * distance / (_REACH + 1))
        before = samples[_REACH - distance :][: 2 * count - 1 : 2]
        after = samples[_REACH + distance :][: 2 * count - 1 : 2]
        result += np.float32(tap) * (before + after)
    return result


@functools.lru_cache(maxsize=8)
def _tables(low_rate: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Window [W], bands [bins, NUM_BANDS], cosines [bins, quefrencies], and the first quefrency.

    Scaled so that the power over all bins is the mean square of the samples, full scale 1.
    """
    hop = max(1, round(HOP_SECONDS * low_rate))
    length = 2 * hop
    window = np.hanning(length + 1)[:-1]
    scale = np.sqrt(2.0 / (length * np.square(window).sum())) / _FULL_SCALE
    bins = min(hop, round(_SPECTRUM_HZ * length / low_rate)) + 1
    bins_hz = np.arange(bins) * low_rate / length
    lowest, highest = (2595 * np.log10(1 + hz / 700) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    edges = 700 * (10 ** (np.linspace(lowest, highest, NUM_BANDS + 2) / 2595) - 1)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins_hz[:, None] - left) / (centre - left)
    falling = (right - bins_hz[:, None]) / (right - centre)
    bands = np.maximum(0.0, np.minimum(rising, falling))
    # Of a spectrum up to the last bin, a step of the cepstrum is half a period of that.
    steps_a_second = 2 * bins_hz[-1]
    first, last = (round(steps_a_second / hz) for hz in reversed(_PITCH_HZ))
    quefrencies = np.arange(first, min(bins, last))
    cosines = 4 / bins * np.cos(np.pi * np.arange(bins)[:, None] * quefrencies / (bins - 1))
    cosines[[0, -1]] /= 2
    return (
        (window * scale).astype(np.float32),
        bands.astype(np.float32),
        cosines.astype(np.float32),
        int(first),
    )


@functools.lru_cache(maxsize=8)
def _silent_frame(sample_rate: int) -> np.ndarray:
    """Features [1, NUM_FEATURES] of digital silence."""
    return features(np.zeros(samples_for(1, sample_rate), np.int16), sample_rate)[0]


@functools.cache
def _weights() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Kernel [K, inputs, outputs] and bias [outputs] of each layer."""
    file = importlib.resources.files("bonafide.audio").joinpath(_WEIGHTS)
    with file.open("rb") as content, np.load(content) as arrays:
        count = len(DILATIONS) + 1
        return tuple(
            (arrays[f"kernel{i}"].astype(np.float32), arrays[f"bias{i}"].astype(np.float32))
            for i in range(count)
        )


def _forward(frames: np.ndarray) -> np.ndarray:
    """Features [T + 60, NUM_FEATURES] to probabilities [T]: of frame 40, frame 41, ..."""
    *hidden, (last, last_bias) = _weights()
    values = frames
    for (kernel, bias), dilation in zip(hidden, DILATIONS, strict=True):
        length = len(values) - (KERNEL - 1) * dilation
        out = np.tile(bias, (length, 1))
        for tap in range(KERNEL):
            out += values[tap * dilation : tap * dilation + length] @ kernel[tap]
        values = np.maximum(out, 0, out=out)
    logits: np.ndarray = values @ last[0, :, 0] + last_bias[0]
    return np.asarray(1 / (1 + np.exp(-logits)))
