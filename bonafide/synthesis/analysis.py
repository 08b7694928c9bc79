"""Analysis and resynthesis of speech that the engines share. NumPy and SciPy only.

Frames are along the first axis: magnitudes and envelopes are [T, F] with F = fft_length / 2 + 1.
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.fft
import soxr

LEAST = 1e-5  # magnitude, 100 dB below full scale
_PITCH_HZ = (65.0, 420.0)
_PITCH_RATE_HZ = 8_000
_PITCH_FRAME = 400  # 50 ms
_VOICED_FROM = 0.45
_PREFERENCE = 0.03  # for short lags, an octave: a period's multiples are periods, too


def hann(length: int) -> np.ndarray:
    """Returns a periodic Hann window, float32 [length]."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def frames_of(samples: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Cuts samples into frames centred on multiples of the hop; silence is beyond both ends.

    Args:
        samples: [N].
        length: Of a frame, a multiple of the hop.
        hop: In samples.

    Returns:
        float32 [ceil(N / hop) + 1, length], a view that must not be written to.
    """
    count = -(-len(samples) // hop) + 1
    padded = np.zeros((count - 1) * hop + length, np.float32)
    padded[length // 2 : length // 2 + len(samples)] = samples
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]


def overlapped(frames: np.ndarray, hop: int, count: int) -> np.ndarray:
    """Adds frames at their places: the inverse of `frames_of`, without windows.

    Args:
        frames: [T, length], the length a multiple of the hop.
        hop: In samples.
        count: Number of samples of the result.

    Returns:
        [count].
    """
    number, length = frames.shape
    parts = length // hop
    total = np.zeros((number + parts - 1, hop), frames.dtype)
    for part in range(parts):
        total[part : part + number] += frames[:, part * hop : (part + 1) * hop]
    flat = total.reshape(-1)[length // 2 :][:count]
    return np.pad(flat, (0, count - len(flat)))


def stft(samples: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Returns the short-time Fourier transform with a Hann window, complex64 [T, F]."""
    return np.asarray(scipy.fft.rfft(frames_of(samples, length, hop) * hann(length), axis=1))


def istft(spectra: np.ndarray, hop: int, count: int) -> np.ndarray:
    """Returns the samples with the nearest transform (Griffin and Lim 1984, eq. 6), [count]."""
    length = 2 * (spectra.shape[1] - 1)
    window = hann(length)
    frames = scipy.fft.irfft(spectra, length, axis=1) * window
    weights = _weights(length, hop, len(spectra), count)
    return np.asarray(overlapped(frames, hop, count) / weights)


@functools.lru_cache(maxsize=64)
def _weights(length: int, hop: int, number: int, count: int) -> np.ndarray:
    squares = np.broadcast_to(hann(length) ** 2, (number, length))
    return np.asarray(np.maximum(overlapped(squares, hop, count), 1e-3))


def griffin_lim(
    magnitudes: np.ndarray,
    hop: int,
    count: int,
    iterations: int,
    random: np.random.Generator,
    momentum: float = 0.9,
) -> np.ndarray:
    """Finds samples for magnitudes (Griffin and Lim 1984; momentum: Perraudin et al. 2013).

    Args:
        magnitudes: [T, F].
        hop: In samples.
        count: Number of samples of the result.
        iterations: At least one.
        random: Generator of the first phases.
        momentum: 0 is the classic algorithm.

    Returns:
        [count].
    """
    length = 2 * (magnitudes.shape[1] - 1)
    magnitudes = magnitudes.astype(np.float32)
    turns = random.uniform(0, 2 * np.pi, magnitudes.shape).astype(np.float32)
    spectra = magnitudes * np.exp(1j * turns)
    before: np.ndarray | None = None
    for _ in range(iterations):
        rebuilt = stft(istft(spectra, hop, count), length, hop)
        ahead = rebuilt if before is None else rebuilt + np.float32(momentum) * (rebuilt - before)
        before = rebuilt
        spectra = ahead * (magnitudes / np.maximum(np.abs(ahead), 1e-12))
    return istft(spectra, hop, count)


@functools.lru_cache(maxsize=64)
def mel_bands(
    rate: int,
    fft_length: int,
    bands: int,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    *,
    scale: str = "slaney",
    unit_area: bool = True,
) -> np.ndarray:
    """Returns triangular bands of equal width in mel.

    Args:
        rate: Sampling rate in Hz.
        fft_length: Of the transform.
        bands: Number of bands.
        low_hz: Lower edge of the first band.
        high_hz: Upper edge of the last band; None for half the sampling rate.
        scale: `slaney` (linear up to 1 kHz) or `htk` (2595 log10(1 + f / 700)).
        unit_area: Whether bands have the same area rather than the same height.

    Returns:
        float32 [F, bands].
    """
    ends = _mel(np.array([low_hz, high_hz or rate / 2]), scale)
    edges = _hertz(np.linspace(ends[0], ends[1], bands + 2), scale)
    places = np.linspace(0, rate / 2, fft_length // 2 + 1)[:, None]
    rising = (places - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - places) / np.diff(edges)[1:]
    weights = np.maximum(0, np.minimum(rising, falling))
    if unit_area:
        weights *= 2 / (edges[2:] - edges[:-2])
    return np.asarray(weights, np.float32)


_LINEAR_MELS, _LINEAR_HZ, _LOG_STEP = 15.0, 1000.0, np.log(6.4) / 27  # Slaney, Auditory Toolbox


def _mel(hertz: np.ndarray, scale: str) -> np.ndarray:
    if scale == "htk":
        return np.asarray(2595 * np.log10(1 + hertz / 700))
    above = _LINEAR_MELS + np.log(np.maximum(hertz, 1) / _LINEAR_HZ) / _LOG_STEP
    return np.where(hertz < _LINEAR_HZ, hertz * _LINEAR_MELS / _LINEAR_HZ, above)


def _hertz(mels: np.ndarray, scale: str) -> np.ndarray:
    if scale == "htk":
        return np.asarray(700 * (10 ** (mels / 2595) - 1))
    above = _LINEAR_HZ * np.exp(_LOG_STEP * (mels - _LINEAR_MELS))
    return np.where(mels < _LINEAR_MELS, mels * _LINEAR_HZ / _LINEAR_MELS, above)


def pitch(samples: np.ndarray, rate: int, hop: int) -> np.ndarray:
    """Estimates the fundamental frequency by the normalised autocorrelation of frames of 50 ms.

    Args:
        samples: [N].
        rate: Sampling rate in Hz.
        hop: In samples.

    Returns:
        float64 [ceil(N / hop) + 1] in Hz, 0 where there is no voice.
    """
    count = -(-len(samples) // hop) + 1
    low = np.asarray(soxr.resample(samples, rate, _PITCH_RATE_HZ, "HQ"), np.float32)
    low_hop = max(1, round(hop * _PITCH_RATE_HZ / rate / 4)) * 4
    frames = frames_of(low, _PITCH_FRAME // low_hop * low_hop or low_hop, low_hop)
    window = hann(frames.shape[1])
    size = 1 << (2 * frames.shape[1] - 1).bit_length()
    power = np.abs(scipy.fft.rfft(frames * window, size, axis=1)) ** 2
    shortest, longest = (round(_PITCH_RATE_HZ / hertz) for hertz in reversed(_PITCH_HZ))
    lags = np.arange(shortest, longest)
    correlation = scipy.fft.irfft(power, size, axis=1)
    own = scipy.fft.irfft(np.abs(scipy.fft.rfft(window, size)) ** 2, size)
    energy = np.maximum(correlation[:, :1], 1e-9)
    score = correlation[:, lags] / energy / (own[lags] / own[0])
    best = np.argmax(score - _PREFERENCE * np.log2(lags / lags[0]), axis=1)
    rows, inner = np.arange(len(score)), np.clip(best, 1, len(lags) - 2)
    height = score[rows, best]
    before, after = score[rows, inner - 1], score[rows, inner + 1]
    # The top of the parabola through the best lag and its neighbours.
    bend = np.minimum(before - 2 * score[rows, inner] + after, -1e-9)
    lag = lags[best] + np.clip((before - after) / (2 * bend), -0.5, 0.5)
    loud = energy[:, 0] > 1e-4 * energy.max()
    found = np.where((height > _VOICED_FROM) & loud, _PITCH_RATE_HZ / lag, 0.0)
    times = np.arange(count) * hop / rate
    places = np.clip(np.rint(times * _PITCH_RATE_HZ / low_hop).astype(int), 0, len(found) - 1)
    return np.asarray(_without_jumps(found)[places])


def _without_jumps(pitches: np.ndarray) -> np.ndarray:
    """Takes the median over five frames, which removes single errors of an octave."""
    padded = np.pad(pitches, 2, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1))


def envelopes(magnitudes: np.ndarray, order: int, rounds: int = 3) -> np.ndarray:
    """Returns smooth log envelopes over the peaks of spectra (Roebel and Rodet 2005).

    Args:
        magnitudes: [T, F].
        order: Number of cepstral coefficients kept.
        rounds: Iterations of the true envelope; 0 is plain cepstral smoothing.

    Returns:
        Natural logarithms of magnitudes, [T, F].
    """
    target = np.log(np.maximum(magnitudes, LEAST))
    smooth = liftered(target, order)
    for _ in range(rounds):
        target = np.maximum(target, smooth)
        smooth = liftered(target, order)
    return np.asarray(smooth)


def cepstra(logs: np.ndarray) -> np.ndarray:
    """Returns the real cepstra of log magnitudes [T, F], [T, 2 F - 2]."""
    return np.asarray(scipy.fft.irfft(logs, axis=1))


def liftered(logs: np.ndarray, order: int) -> np.ndarray:
    """Keeps the coefficients of the cepstrum below an order: [T, F] to [T, F]."""
    found = cepstra(logs)
    found[:, order : found.shape[1] - order + 1] = 0
    return np.asarray(scipy.fft.rfft(found, axis=1).real)


def minimum_phase(logs: np.ndarray) -> np.ndarray:
    """Returns minimum-phase spectra with the given log magnitudes: [T, F] to complex [T, F]."""
    found = cepstra(logs)
    half = found.shape[1] // 2
    found[:, 1:half] *= 2
    found[:, half + 1 :] = 0
    return np.asarray(np.exp(scipy.fft.rfft(found, axis=1)))


def filtered(excitation: np.ndarray, responses: np.ndarray, hop: int) -> np.ndarray:
    """Filters an excitation with responses that change from frame to frame.

    Args:
        excitation: [N].
        responses: complex [T, F], one for each frame of `frames_of(excitation, ..., hop)`. Their
            impulse responses fit into F - 1 samples.
        hop: In samples.

    Returns:
        [N].
    """
    size = 2 * (responses.shape[1] - 1)
    frames = frames_of(excitation, 2 * hop, hop) * hann(2 * hop)
    frames = frames[: len(responses)]
    made = scipy.fft.irfft(scipy.fft.rfft(frames, size, axis=1) * responses, size, axis=1)
    # A frame's response begins with the frame, one hop before its middle.
    parts = -(-size // hop)
    made = np.pad(made, ((0, 0), (0, parts * hop - size)))
    total = np.zeros((len(made) + parts, hop))
    for part in range(parts):
        total[part : part + len(made)] += made[:, part * hop : (part + 1) * hop]
    flat = total.reshape(-1)[hop:]
    return np.pad(flat, (0, max(0, len(excitation) - len(flat))))[: len(excitation)]


def excite(
    pitches: np.ndarray, hop: int, count: int, rate: int, random: np.random.Generator
) -> np.ndarray:
    """Makes the excitation of a classic vocoder: pulses where there is a voice, noise elsewhere.

    Args:
        pitches: [T] in Hz, 0 without a voice.
        hop: Between them, in samples.
        count: Number of samples.
        rate: In Hz.
        random: Generator of the noise.

    Returns:
        [count], with power 1.
    """
    hertz, voiced = along_samples(pitches, hop, count)
    cycles = np.cumsum(np.where(voiced, hertz, 0.0)) / rate
    pulses = np.diff(np.floor(cycles), prepend=0.0) * np.sqrt(rate / np.maximum(hertz, 1.0))
    noise = random.normal(size=count)
    return np.where(voiced, pulses, noise)


def along_samples(pitches: np.ndarray, hop: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Interpolates pitches over gaps and samples.

    Returns:
        Hz [count], 100 if there is no voice at all; and whether there is a voice, bool [count].
    """
    places = np.arange(count)
    voices = np.flatnonzero(pitches > 0)
    if not len(voices):
        return np.full(count, 100.0), np.zeros(count, bool)
    hertz = np.interp(places, voices * hop, pitches[voices])
    nearest = np.minimum((places + hop // 2) // hop, len(pitches) - 1)
    return hertz, pitches[nearest] > 0
