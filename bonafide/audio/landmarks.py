"""Landmarks of a recording, which survive recoding, trimming and changes of level.

Similar to Haitsma and Kalker ("A Highly Robust Audio Fingerprinting System", ISMIR 2002): bits
state whether the energy in a band falls or rises relative to its neighbours. They compute them at
every frame; here they are computed only at energy peaks, whose position does not depend on where
the file begins, so that a few dozen short spectra suffice. Numpy and scipy only.
"""

import dataclasses
import functools

import numpy as np
from scipy import fft

FRAME_SECONDS = 0.010  # Of the envelope, and of `places`.
MOST = 32  # Landmarks per recording, the loudest ones.
_LOWEST_HZ, _HIGHEST_HZ, _BANDS = 250.0, 3600.0, 13  # The band of a telephone.
_HANN = np.hanning(11)[1:-1]
_SMOOTHING = (_HANN / _HANN.sum()).astype(np.float32)  # Over 9 frames.
_WINDOW_SECONDS = 0.032
_STEP_SECONDS = 0.040  # From a peak to the middle of the windows before and after it.
# Within this many frames of an end, a window or the smoothing would exceed it.
_EDGE = 7
_LOUD = 1e-3  # Of the loudest peak, in power: 30 dB.
_TINY = 1e-20
# Roughness: part of the band from 0 Hz to half the rate, bins of one band, and the least power of a
# band (of int16 samples, far below the noise of their rounding).
_ROUGH_FROM, _ROUGH_TO, _ROUGH_BINS, _ROUGH_FLOOR = 3 / 8, 7 / 8, 3, 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Landmarks:
    """The landmarks of recordings, concatenated, in order of time.

    Attributes:
        counts: int64 [N] number of landmarks of each recording.
        codes: uint32 [A], 24 bits each.
        places: uint32 [A] positions in frames of 10 ms from the beginning of the recording.
    """

    counts: np.ndarray
    codes: np.ndarray
    places: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Spectra:
    """What the spectra around the landmarks of N recordings tell.

    Attributes:
        power: float32 [N, K] their sum, from 0 Hz to half the rate; zeros without landmarks.
        roughness_db: float64 [N] standard deviation, over windows and bands, of the difference in
            level between neighbouring bands of 94 Hz, from 3/8 to 7/8 of half the rate (3 to 7 kHz
            at 16 kHz); 0 without landmarks. White noise has about 4.5 dB, smooth synthesis less,
            and lossy codecs at low bit rates, which leave gaps in the spectrum, up to twice as
            much.
    """

    power: np.ndarray
    roughness_db: np.ndarray


def find(
    frames: np.ndarray, envelope: np.ndarray, owner: np.ndarray, lengths: np.ndarray
) -> tuple[Landmarks, Spectra]:
    """Finds the landmarks of recordings, each independently of the others.

    At each peak of the smoothed envelope, 24 bits: for each pair of neighbouring bands, whether the
    step from one to the other is above its mean over the peaks, and whether it rises from 40 ms
    before the peak to 40 ms after it.

    Args:
        frames: float32 [T, n] samples in frames of FRAME_SECONDS, without their mean, recordings
            concatenated, at any scale.
        envelope: float32 [T] power of each frame.
        owner: int64 [T] the recording of each frame.
        lengths: int64 [N] frames of each recording.

    Returns:
        At most MOST landmarks each (none if it is silent or shorter than 0.16 s), and the spectra
        around them.
    """
    sample_rate = frames.shape[1] / FRAME_SECONDS
    size = round(sample_rate * _WINDOW_SECONDS)
    places = _peaks(envelope, owner, lengths)  # [A] from the beginning of the first recording
    of = owner[places.astype(np.int64)]
    counts = np.bincount(of, minlength=len(lengths))
    spectra = np.zeros((len(lengths), size // 2 + 1), np.float32)
    if not places.size:
        none = np.zeros(0, np.uint32)
        return Landmarks(counts, none, none), Spectra(spectra, np.zeros(len(lengths)))

    steps = np.array([[-_STEP_SECONDS], [_STEP_SECONDS]]) * sample_rate
    starts = np.rint(places * frames.shape[1] + steps - size / 2).astype(np.int64).ravel()
    windows = np.lib.stride_tricks.sliding_window_view(frames.ravel(), size)[starts]  # [2 A, size]
    windows *= _window(size)
    parts = fft.rfft(windows, axis=1).view(np.float32)  # [2 A, 2 K], real and imaginary interleaved
    np.square(parts, out=parts)

    # Not a matrix product: for such small matrices, BLAS uses a second core and takes longer.
    edges = _edges(size, round(sample_rate))
    bands = np.log(np.add.reduceat(parts[:, : edges[-1]], edges[:-1], axis=1) + _TINY)
    before, after = np.diff(bands, axis=1).reshape(2, len(places), _BANDS - 1)
    here = before + after
    begins = (np.cumsum(counts) - counts)[counts > 0]
    means = np.zeros((len(lengths), _BANDS - 1))
    means[counts > 0] = np.add.reduceat(here, begins, axis=0) / counts[counts > 0, None]
    bits = np.concatenate([here > means[of], after > before], axis=1)  # [A, 24]
    codes = bits @ (1 << np.arange(bits.shape[1], dtype=np.uint32))

    total = np.add.reduceat(parts[: len(places)] + parts[len(places) :], begins, axis=0)
    spectra[counts > 0] = total[:, 0::2] + total[:, 1::2]
    own = places - (np.cumsum(lengths) - lengths)[of]
    found = Landmarks(counts, codes.astype(np.uint32), np.rint(own).astype(np.uint32))
    rough = _roughness(parts, np.concatenate([of, of]), len(lengths))
    return found, Spectra(spectra, rough)


def _roughness(parts: np.ndarray, of: np.ndarray, recordings: int) -> np.ndarray:
    """Returns the roughness in dB of each recording; see `Spectra`.

    Args:
        parts: float32 [W, 2 K] squares of the real and imaginary parts of W windows.
        of: int64 [W] the recording of each window.
        recordings: N.
    """
    first, last = (int(share * (parts.shape[1] // 2 - 1)) for share in (_ROUGH_FROM, _ROUGH_TO))
    count = (last - first) // _ROUGH_BINS
    width = 2 * _ROUGH_BINS
    edges = 2 * first + width * np.arange(count)
    bands = np.add.reduceat(parts[:, : 2 * first + width * count], edges, axis=1)
    steps = 10 * np.diff(np.log10(bands + np.float32(_ROUGH_FLOOR)), axis=1)  # [W, count - 1]
    size = np.bincount(of, minlength=recordings) * steps.shape[1]
    total, squares = (
        np.bincount(of, weights=values.sum(axis=1, dtype=np.float64), minlength=recordings)
        for values in (steps, steps * steps)
    )
    mean = total / np.maximum(size, 1)
    variance: np.ndarray = squares / np.maximum(size, 1) - mean**2
    rough: np.ndarray = np.sqrt(np.maximum(variance, 0))
    return rough


def _peaks(envelope: np.ndarray, owner: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns the positions of peaks [A] in frames, interpolated by a parabola."""
    smooth = np.convolve(envelope, _SMOOTHING)[4:-4]
    frame = np.arange(len(owner)) - (np.cumsum(lengths) - lengths)[owner]
    higher = (frame >= _EDGE) & (frame < lengths[owner] - _EDGE)
    higher[1:-1] &= (smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:])
    peaks = np.flatnonzero(higher)
    if not peaks.size:
        return np.zeros(0)
    most = np.zeros(len(lengths), np.float32)
    np.maximum.at(most, owner[peaks], smooth[peaks])
    peaks = peaks[smooth[peaks] > _LOUD * most[owner[peaks]]]
    held = np.bincount(owner[peaks], minlength=len(lengths))
    if held.max() > MOST:
        order = np.lexsort((-smooth[peaks], owner[peaks]))
        rank = np.arange(len(peaks)) - np.repeat(np.cumsum(held) - held, held)
        peaks = np.sort(peaks[order[rank < MOST]])
    before, top, after = smooth[peaks - 1], smooth[peaks], smooth[peaks + 1]
    # Plus half a frame: the middle of a frame.
    places: np.ndarray = peaks + 0.5 * (before - after) / (before - 2 * top + after) + 0.5
    return places


@functools.lru_cache(maxsize=4)
def _window(size: int) -> np.ndarray:
    return np.hanning(size + 1)[:-1].astype(np.float32)


@functools.lru_cache(maxsize=4)
def _edges(size: int, sample_rate: int) -> np.ndarray:
    """Returns the edges of bands of equal ratio, [_BANDS + 1] indices among 2 K."""
    hertz = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _BANDS + 1)
    return 2 * np.ceil(hertz * size / sample_rate).astype(np.int64)
