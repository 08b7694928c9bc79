"""Trivial measures of an utterance, which a detector could use as a shortcut.

From a corpus whose spoofs are louder, shorter or band-limited, a detector learns just that.
UtteranceGen measures every utterance while its samples are in memory, and DataGate tests how well
the measures predict the class. One of them, the roughness of the spectrum, is no shortcut where
spoofs are smoother than speech, as synthesis is; where they are rougher, they went through a lossy
codec. Numpy and scipy only: Beam's workers stay light.
"""

import dataclasses
from collections.abc import Sequence

import google_crc32c
import numpy as np

from bonafide.audio import landmarks
from bonafide.audio.decoding import FileFacts

FLOOR_DB = -120.0  # Lower levels are set to this.
_FULL_SCALE = 32_768.0
_ACTIVE_BELOW_LOUDEST = 1e-4  # In power: 40 dB.
_QUIET_SHARE = 0.1
_USED_BELOW_LOUDEST = 1e-6  # In power: 60 dB.

# First of the samples, then of the file; the order of the columns of `Measures.numbers`.
NUMBERS = (
    "seconds",
    "leading_silence_seconds",
    "trailing_silence_seconds",
    "level_dbfs",
    "peak_dbfs",
    "noise_floor_dbfs",
    "dc_dbfs",
    "clipped_share",
    "bandwidth_hz",
    "roughness_db",
    "file_rate_hz",
    "file_channels",
    "file_bytes_per_second",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Measures:
    """Measures of N utterances.

    Attributes:
        utterances: str [N] their ids.
        numbers: float32 [N, len(NUMBERS)], all finite.
        encodings: str [N] container and encoding of the file, such as `FLAC/PCM_16`.
        digests: uint64 [N, 2] hashes of the samples; the probability of a collision is 2^-64 for
            a pair of equal length.
        marks: Landmarks, which copies of a recording share.
    """

    utterances: np.ndarray
    numbers: np.ndarray
    encodings: np.ndarray
    digests: np.ndarray
    marks: landmarks.Landmarks

    def __len__(self) -> int:
        return len(self.utterances)


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """An utterance to be measured.

    Attributes:
        utterance: Id of the utterance.
        samples: int16 [n], mono, n > 0.
        facts: Facts about the file that was decoded.
    """

    utterance: str
    samples: np.ndarray
    facts: FileFacts


def measure(clips: Sequence[Clip], sample_rate: int) -> Measures:
    """Measures utterances in batches: the calls for one would cost as much as for ten.

    A frame of 10 ms is active if its power, without the clip's mean, is at most 40 dB below that
    of the loudest frame. Derived from this:

    - leading and trailing silence: duration before the first and after the last active frame;
    - level: the power over active frames; noise floor: the 10th percentile of the power of frames
      between the first and the last active one;
    - DC: absolute mean; peak: the largest sample; clipped: the share at full scale;
    - bandwidth: the highest frequency whose power, around the peaks of the envelope, is at most
      60 dB below that of the strongest frequency; 0 if there is no peak;
    - roughness: how much the levels of neighbouring narrow bands differ, see `landmarks.Spectra`.

    Levels are in dB relative to full scale (a square wave of full scale has 0), -120 at least.

    Args:
        clips: At least one. Each is measured independently of the others.
        sample_rate: Sampling rate of all clips, in Hz.
    """
    frame = _frame_samples(sample_rate)
    frames, envelope, means, lengths = _frames([clip.samples for clip in clips], frame)
    owner = np.repeat(np.arange(len(clips)), lengths)  # [T]
    begins = np.cumsum(lengths) - lengths
    marks, spectra = landmarks.find(frames, envelope, owner, lengths)

    seconds = np.array([len(clip.samples) for clip in clips]) / sample_rate
    peaks = np.array([_peak(clip.samples) for clip in clips], np.float64)
    leading, trailing, level, floor = _levels(envelope, owner, begins, lengths)
    columns = {
        "seconds": seconds,
        "leading_silence_seconds": np.minimum(seconds, leading * landmarks.FRAME_SECONDS),
        "trailing_silence_seconds": np.minimum(seconds, trailing * landmarks.FRAME_SECONDS),
        "level_dbfs": _decibels(level),
        "peak_dbfs": _decibels(peaks**2),
        "noise_floor_dbfs": _decibels(floor),
        "dc_dbfs": _decibels(means**2),
        "clipped_share": [
            _clipped_share(clip.samples) if peak >= _FULL_SCALE - 1 else 0.0
            for clip, peak in zip(clips, peaks, strict=True)
        ],
        "bandwidth_hz": _bandwidth_hz(spectra.power, sample_rate),
        "roughness_db": spectra.roughness_db,
        "file_rate_hz": [clip.facts.rate_hz for clip in clips],
        "file_channels": [clip.facts.channels for clip in clips],
        "file_bytes_per_second": np.array([clip.facts.size_bytes for clip in clips]) / seconds,
    }
    return Measures(
        utterances=np.array([clip.utterance for clip in clips]),
        numbers=np.stack([np.asarray(columns[name], np.float32) for name in NUMBERS], axis=1),
        encodings=np.array([clip.facts.encoding for clip in clips]),
        digests=np.array([_digest(clip.samples) for clip in clips], np.uint64),
        marks=marks,
    )


def speech_of(samples: np.ndarray, sample_rate: int) -> tuple[slice, float]:
    """Finds the part between leading and trailing silence, as defined by `measure`.

    Args:
        samples: int16 [n], mono, n > 0.
        sample_rate: In Hz.

    Returns:
        The slice from the first to the last active frame, and the power over active frames
        (the sample 1 has the power 1). All samples, and 0, if no frame is active.
    """
    frame = _frame_samples(sample_rate)
    _, envelope, _, lengths = _frames([samples], frame)
    owner, begins = np.zeros(lengths[0], np.int64), np.zeros(1, np.int64)
    leading, trailing, power, _ = _levels(envelope, owner, begins, lengths)
    if not power[0]:
        return slice(0, len(samples)), 0.0
    stop = (lengths[0] - trailing[0]) * frame
    return slice(int(leading[0] * frame), min(int(stop), len(samples))), float(power[0])


def join(parts: Sequence[Measures]) -> Measures:
    """Concatenates measures; the sequence may be empty."""
    if not parts:
        none = np.zeros(0, np.uint32)
        return Measures(
            utterances=np.zeros(0, "U1"),
            numbers=np.zeros((0, len(NUMBERS)), np.float32),
            encodings=np.zeros(0, "U1"),
            digests=np.zeros((0, 2), np.uint64),
            marks=landmarks.Landmarks(np.zeros(0, np.int64), none, none),
        )
    marks = [part.marks for part in parts]
    return Measures(
        utterances=np.concatenate([part.utterances for part in parts]),
        numbers=np.concatenate([part.numbers for part in parts]),
        encodings=np.concatenate([part.encodings for part in parts]),
        digests=np.concatenate([part.digests for part in parts]),
        marks=landmarks.Landmarks(
            counts=np.concatenate([part.counts for part in marks]),
            codes=np.concatenate([part.codes for part in marks]),
            places=np.concatenate([part.places for part in marks]),
        ),
    )


def _frame_samples(sample_rate: int) -> int:
    return round(sample_rate * landmarks.FRAME_SECONDS)


def _frames(clips: Sequence[np.ndarray], frame: int) -> tuple[np.ndarray, ...]:
    """Returns the whole frames of all clips, without the mean of their clip.

    A clip shorter than a frame is padded with zeros.

    Returns:
        Frames, float32 [T, frame]; their power, float32 [T]; the mean of each clip, float64 [N];
        and its number of frames, int64 [N].
    """
    lengths = np.array([max(1, len(samples) // frame) for samples in clips])
    frames = np.empty((lengths.sum(), frame), np.float32)
    envelope = np.empty(len(frames), np.float32)
    means = np.empty(len(clips))
    place = 0
    # All passes over one clip before the next, which keeps it in the processor's cache.
    for number, (samples, length) in enumerate(zip(clips, lengths, strict=True)):
        own = frames[place : place + length]
        flat, whole = own.reshape(-1), samples[: length * frame]
        flat[: len(whole)] = whole
        flat[len(whole) :] = 0
        means[number] = np.add.reduce(flat) / len(flat)
        flat -= np.float32(means[number])
        np.einsum("tn,tn->t", own, own, out=envelope[place : place + length])
        place += length
    envelope /= np.float32(frame)
    return frames, envelope, means, lengths


def _levels(
    envelope: np.ndarray, owner: np.ndarray, begins: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Returns frames of silence before and after, power of active and of quiet frames, [N] each."""
    loudest = np.maximum.reduceat(envelope, begins)
    active = np.flatnonzero(envelope > loudest[owner] * _ACTIVE_BELOW_LOUDEST)
    count = np.bincount(owner[active], minlength=len(lengths))
    power = np.bincount(owner[active], weights=envelope[active], minlength=len(lengths))
    audible = count > 0  # The others are digital silence, both before and after.
    first, last = lengths.copy(), np.full(len(lengths), -1)
    ends = np.cumsum(count)
    first[audible] = active[(ends - count)[audible]] - begins[audible]
    last[audible] = active[ends[audible] - 1] - begins[audible]

    floor = np.zeros(len(lengths))
    for clip in np.flatnonzero(audible):
        between = envelope[begins[clip] + first[clip] : begins[clip] + last[clip] + 1]
        quiet = int(len(between) * _QUIET_SHARE)
        floor[clip] = np.partition(between, quiet)[quiet]
    return first, lengths - 1 - last, power / np.maximum(count, 1), floor


def _bandwidth_hz(spectra: np.ndarray, sample_rate: int) -> np.ndarray:
    # Not bin 0: the remainder of an offset is no speech.
    used = spectra[:, 1:] > spectra[:, 1:].max(axis=1, keepdims=True) * _USED_BELOW_LOUDEST
    highest = used.shape[1] - np.argmax(used[:, ::-1], axis=1)
    edges: np.ndarray = np.where(used.any(axis=1), highest, 0) * sample_rate / 2 / used.shape[1]
    return edges


def _decibels(power: np.ndarray) -> np.ndarray:
    """Converts powers to dB; the sample 1 has the power 1."""
    least = 10 ** (FLOOR_DB / 10)
    return 10 * np.log10(np.maximum(np.asarray(power, np.float64) / _FULL_SCALE**2, least))


def _peak(samples: np.ndarray) -> int:
    return max(int(samples.max()), -int(samples.min()))


def _clipped_share(samples: np.ndarray) -> float:
    at_full_scale = np.count_nonzero(samples == 32_767) + np.count_nonzero(samples == -32_768)
    return at_full_scale / len(samples)


def _digest(samples: np.ndarray) -> tuple[int, int]:
    # No protection against forgery is needed, and hardware checksums cost a fifth of SHA-256.
    samples = samples.astype("<i2", copy=False)
    half = len(samples) // 2
    first, second = (
        google_crc32c.value(part.tobytes()) for part in (samples[:half], samples[half:])
    )
    return len(samples), first << 32 | second
