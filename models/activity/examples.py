"""Examples for the detector of speech: recordings with and without speech, and where it is."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Sequence

import numpy as np
import scipy.fft
import soundfile
import soxr

from bonafide.audio import activity
from models.activity.sounds import RATE, SOUNDS, Rng

# Of an example, in frames: those that are decided, and what the network sees around them.
DECIDED_FRAMES = 256
FRAMES = DECIDED_FRAMES + activity.FRAMES_BEFORE + activity.FRAMES_AFTER
SAMPLES = activity.samples_for(FRAMES, RATE)
_ENDINGS = (".wav", ".flac", ".ogg")
MADE = 800  # sounds made by rules, used again and again
_LONGEST_SECONDS = 90  # of a recording that is read
# A frame of a clean recording of speech is speech within so many dB of the recording's loud frames;
# gaps up to 0.2 s, such as the closure before a plosive, belong to it.
_ACTIVE_DB = 32.0
_GAP_FRAMES = 12


def load(folder: pathlib.Path) -> list[np.ndarray]:
    """Reads all recordings below a folder: float32, mono, at RATE, full scale 1."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    found = []
    for path in paths:
        try:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            print(f"passed over: {error}")
            continue
        mono = samples[: rate * _LONGEST_SECONDS].mean(axis=1)
        mono = soxr.resample(mono, rate, RATE) if rate != RATE else mono
        if len(mono) and np.abs(mono).max() > 0:
            found.append(mono - mono.mean())
    return found


def active_frames(speech: np.ndarray) -> np.ndarray:
    """Returns which frames of a clean recording of speech are speech, bool [T]."""
    hop = activity.hop_samples(RATE)
    power = np.square(speech[: len(speech) // hop * hop].reshape(-1, hop)).mean(axis=1)
    loud = np.percentile(power, 95)
    active = power > loud * 10 ** (-_ACTIVE_DB / 10)
    places = np.flatnonzero(active)
    for before, after in itertools.pairwise(places):
        if after - before <= _GAP_FRAMES:
            active[before:after] = True
    return active


class Maker:
    """Makes examples.

    Args:
        speech: Clean recordings of speech.
        other: Recordings of what is no speech.
    """

    def __init__(self, speech: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> None:
        self._speech = [(clip, active_frames(clip)) for clip in speech]
        self._other = other
        # Music counts by its length, and a single beat is not lost beside it.
        lengths = np.array([len(clip) for clip in other], np.float64).clip(2 * RATE, 30 * RATE)
        self._shares = lengths / lengths.sum()
        rng = np.random.default_rng(MADE)
        self._made = [SOUNDS[i % len(SOUNDS)](rng, SAMPLES).astype(np.float32) for i in range(MADE)]

    def example(self, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
        """Returns features, float32 [FRAMES, F], and which frames are speech, [DECIDED_FRAMES]."""
        sound, active = np.zeros(SAMPLES), np.zeros(FRAMES, bool)
        with_speech = rng.random() < 0.55
        if with_speech:
            for _ in range(rng.choice([1, 1, 1, 1, 2, 4])):  # who speak at the same time
                self._add_speech(rng, sound, active)
            if rng.random() < 0.3:
                sound = _in_a_room(rng, sound)
        if not with_speech or rng.random() < 0.6:
            other = self._no_speech(rng)
            if with_speech:
                snr_db = rng.uniform(3, 40)
                level = np.sqrt(np.mean(np.square(sound)) + 1e-12)
                other *= level * 10 ** (-snr_db / 20)
            sound = sound + other
        sound = _filtered(rng, sound)
        peak = np.abs(sound).max()
        level_db = rng.uniform(-36, 0) if with_speech else rng.uniform(-66, 0)
        gain = 10 ** (level_db / 20) / peak if peak > 0 else 1.0
        if rng.random() < 0.03:
            gain *= 4  # clipped
        pcm16 = np.clip(np.rint(sound * gain * 32_767), -32_768, 32_767).astype(np.int16)
        before = activity.FRAMES_BEFORE
        decided = active[before : before + DECIDED_FRAMES]
        return activity.features(pcm16, RATE)[0], decided

    def _add_speech(self, rng: Rng, sound: np.ndarray, active: np.ndarray) -> None:
        hop = activity.hop_samples(RATE)
        frame = int(rng.integers(-60, FRAMES // 2))
        loudness = 10 ** (rng.uniform(-6, 6) / 20)
        while frame < FRAMES:
            clip, speaks = self._speech[rng.integers(len(self._speech))]
            gain = loudness / np.sqrt(np.mean(np.square(clip)) + 1e-12)
            begin = max(0, -frame)
            length = min(len(speaks) - begin, FRAMES - (frame + begin))
            if length > 0:
                place = (frame + begin) * hop + hop // 2
                part = clip[begin * hop : (begin + length) * hop]
                room = sound[place : place + len(part)]
                room += gain * part[: len(room)]
                active[frame + begin : frame + begin + length] |= speaks[begin : begin + length]
            frame += len(speaks) + int(rng.choice([0, 20, 60, 200]) * rng.random())

    def _no_speech(self, rng: Rng) -> np.ndarray:
        sound = self._one_sound(rng)
        if rng.random() < 0.25:  # one after the other
            at = rng.integers(SAMPLES)
            sound[at:] = self._one_sound(rng)[at:] * 10 ** (rng.uniform(-20, 20) / 20)
        if rng.random() < 0.25:
            sound = sound + self._one_sound(rng) * 10 ** (rng.uniform(-30, 0) / 20)
        return sound

    def _one_sound(self, rng: Rng) -> np.ndarray:
        if not self._other or rng.random() < 0.4:
            made = self._made[rng.integers(MADE)]
            return np.roll(made, rng.integers(SAMPLES)).astype(np.float64)
        clip = self._other[rng.choice(len(self._other), p=self._shares)]
        if len(clip) < SAMPLES:  # with pauses, each at another speed
            repeated = [np.pad(clip, (0, int(rng.uniform(0, RATE))))] * (1 + SAMPLES // len(clip))
            clip = np.concatenate(repeated)
        first = rng.integers(len(clip) - SAMPLES + 1)
        sound = np.array(clip[first : first + SAMPLES], np.float64)
        level = np.sqrt(np.mean(np.square(sound)))
        return sound / level if level > 1e-4 else sound


def _in_a_room(rng: Rng, sound: np.ndarray) -> np.ndarray:
    length = int(RATE * rng.uniform(0.05, 0.6))
    response = rng.normal(size=length) * np.exp(-6.9 * np.arange(length) / length)
    response *= rng.uniform(0.1, 0.6) / np.sqrt(np.sum(np.square(response)))
    response[0] = 1
    spectrum = scipy.fft.rfft(sound, SAMPLES + length) * scipy.fft.rfft(response, SAMPLES + length)
    return scipy.fft.irfft(spectrum, SAMPLES + length)[:SAMPLES]


def _filtered(rng: Rng, sound: np.ndarray) -> np.ndarray:
    """Band limits, a tilt and humps, as microphones, telephones and rooms have them."""
    if rng.random() < 0.3:
        return sound
    spectrum = scipy.fft.rfft(sound)
    hz = np.arange(len(spectrum)) * RATE / len(sound)
    octaves = np.log2(hz.clip(20) / 1000)
    decibels = octaves * rng.uniform(-4, 4)
    for _ in range(rng.integers(0, 3)):
        centre, width = rng.uniform(-3, 2.5), rng.uniform(0.3, 1.5)
        decibels += rng.uniform(-10, 10) * np.exp(-(((octaves - centre) / width) ** 2))
    if rng.random() < 0.4:
        low, high = rng.uniform(50, 400), rng.uniform(2800, 7000)
        decibels -= 60 * ((hz < low) * (low - hz) / low + (hz > high))
    return scipy.fft.irfft(spectrum * 10 ** (decibels / 20), len(sound))
