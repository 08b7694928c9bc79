"""Source-filter vocoders: an envelope of the spectrum, a pitch, pulses and noise."""

from __future__ import annotations

import functools

import numpy as np
import scipy.fft

from bonafide.synthesis import analysis
from bonafide.synthesis.engine import CopySynthesis, Engine, Made, SynthesisError, as_float

_HOP_SECONDS = 0.005
_WINDOW_SECONDS = 0.04


class Lpc(CopySynthesis):
    """Linear prediction: an all-pole filter (autocorrelation method) on pulses and noise."""

    name = "lpc"

    def copied(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> Made:
        """Makes a copy; see `CopySynthesis.copied`."""
        speech = Speech(samples, rate)
        order = int(random.integers(rate // 1000, rate // 1000 + 13))
        shift = float(random.uniform(0.9, 1.12))
        responses = _all_pole(speech.magnitudes, order)
        samples = speech.rebuilt(responses, random, pitch_factor=shift)
        return Made(samples, rate, {"order": order, "pitch_factor": round(shift, 3)})


class MelCepstral(CopySynthesis):
    """Mel cepstrum and its filter, the transfer function of MLSA (Imai 1983).

    `H(z) = exp(sum_m c_m z'^-m)` with an all-pass `z'`. MLSA approximates it by a rational filter;
    here it is computed in the frequency domain.
    """

    name = "mel_cepstral"

    def copied(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> Made:
        """Makes a copy; see `CopySynthesis.copied`."""
        speech = Speech(samples, rate)
        order = int(random.integers(24, 41))
        shift = float(random.uniform(0.88, 1.15))
        logs = mel_cepstral_logs(speech.envelopes, order, warping(rate))
        samples = speech.rebuilt(analysis.minimum_phase(logs), random, pitch_factor=shift)
        return Made(samples, rate, {"order": order, "pitch_factor": round(shift, 3)})


class Sinusoidal(CopySynthesis):
    """Harmonics with the amplitudes of the envelope, and filtered noise (Stylianou 2001)."""

    name = "sinusoidal"

    def copied(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> Made:
        """Makes a copy; see `CopySynthesis.copied`."""
        speech = Speech(samples, rate)
        voiced_hz = float(random.uniform(3_000, 6_500))
        shift = float(random.uniform(0.92, 1.1))
        samples = _harmonics(speech, shift, voiced_hz) + _noise(speech, voiced_hz, random)
        parameters = {"voiced_hz": round(voiced_hz), "pitch_factor": round(shift, 3)}
        return Made(samples, rate, parameters)


class FrameSelection(Engine):
    """Conversion to another speaker: each frame gets the envelope of that speaker's nearest ones.

    The pitch is moved to that speaker's median. Frames are compared by their mel cepstra without
    the mean of each speaker.
    """

    name = "frame_selection"
    kind = "conversion"
    needs_voice = True

    def make(
        self,
        pcm: np.ndarray,
        rate: int,
        text: str | None = None,
        voice: np.ndarray | None = None,
        *,
        seed: int,
        language: str = "",
    ) -> Made:
        """Makes a copy; see `Engine.make`."""
        if voice is None:
            raise SynthesisError("expected a recording of another speaker, got none")
        random = np.random.default_rng(seed)
        own, other = Speech(as_float(pcm), rate), Speech(as_float(voice), rate)
        neighbours = int(random.integers(2, 6))
        logs = _selected(own, other, neighbours, warping(rate))
        factor = _median_pitch(other) / _median_pitch(own)
        factor = float(np.clip(factor, 0.5, 2.0))
        samples = own.rebuilt(analysis.minimum_phase(logs), random, pitch_factor=factor)
        return Made(samples, rate, {"neighbours": neighbours, "pitch_factor": round(factor, 3)})


class Speech:
    """What source-filter vocoders keep of a recording.

    Args:
        samples: float64 [N], full scale 1.
        rate: Sampling rate in Hz.
    """

    def __init__(self, samples: np.ndarray, rate: int) -> None:
        self.count, self.rate = len(samples), rate
        self.hop = round(_HOP_SECONDS * rate)
        length = round(_WINDOW_SECONDS * rate / self.hop) * self.hop
        window = analysis.hann(length)
        frames = analysis.frames_of(samples, length, self.hop) * window
        self.fft_length = 1 << (length - 1).bit_length()
        # Divided by the window's energy: magnitudes of a signal with power 1 are about 1.
        energy = np.sqrt(np.sum(window**2))
        self.magnitudes = np.abs(scipy.fft.rfft(frames, self.fft_length, axis=1)) / energy
        self.pitches = analysis.pitch(samples, rate, self.hop)

    @functools.cached_property
    def envelopes(self) -> np.ndarray:
        """Log envelopes [T, F]."""
        # Coefficients below the shortest period: the harmonics of higher voices stay out.
        return analysis.envelopes(self.magnitudes, order=self.rate // 420)

    def rebuilt(
        self, responses: np.ndarray, random: np.random.Generator, *, pitch_factor: float
    ) -> np.ndarray:
        """Filters pulses and noise with responses, complex [T, F]; returns [N]."""
        excitation = analysis.excite(
            self.pitches * pitch_factor, self.hop, self.count, self.rate, random
        )
        return analysis.filtered(excitation, responses, self.hop)


def warping(rate: int) -> float:
    """Returns the all-pass constant with which frequencies resemble mel, 0.42 at 16 kHz."""
    known = {8_000: 0.31, 16_000: 0.42, 22_050: 0.455, 24_000: 0.466, 44_100: 0.53, 48_000: 0.554}
    return known[min(known, key=lambda each: abs(each - rate))]


def mel_cepstral_logs(logs: np.ndarray, order: int, alpha: float) -> np.ndarray:
    """Returns log magnitudes [T, F] that a mel cepstrum of an order can express."""
    count = 2 * (logs.shape[1] - 1)
    to_mel = frequency_transform(count // 2, order, alpha)
    back = frequency_transform(order, count // 2 - 1, -alpha)
    linear = one_sided(logs) @ to_mel @ back
    full = np.zeros((len(logs), count))
    full[:, 0] = linear[:, 0]
    full[:, 1 : count // 2] = linear[:, 1:] / 2
    full[:, count // 2 + 1 :] = linear[:, :0:-1] / 2
    return np.asarray(scipy.fft.rfft(full, axis=1).real)


def one_sided(logs: np.ndarray) -> np.ndarray:
    """Returns the cepstra of minimum phase of log magnitudes, [T, F]."""
    found = analysis.cepstra(logs)[:, : logs.shape[1]]
    found[:, 1:-1] *= 2
    return np.asarray(found)


@functools.lru_cache(maxsize=64)
def frequency_transform(order: int, warped_order: int, alpha: float) -> np.ndarray:
    """Returns the matrix of the frequency transform of cepstra (Oppenheim and Johnson 1972).

    Returns:
        float64 [order + 1, warped_order + 1]: a row of cepstrum times it is the warped one.
    """
    matrix = np.zeros((order + 1, warped_order + 1))
    # Column by column: the recursion of SPTK's freqt, for all unit vectors at once.
    unit = np.eye(order + 1)
    state = np.zeros((order + 1, warped_order + 1))
    for place in range(order, -1, -1):
        before = state.copy()
        state[:, 0] = unit[:, place] + alpha * before[:, 0]
        if warped_order:
            state[:, 1] = (1 - alpha**2) * before[:, 0] + alpha * before[:, 1]
        for column in range(2, warped_order + 1):
            state[:, column] = before[:, column - 1] + alpha * (
                before[:, column] - state[:, column - 1]
            )
    matrix[:] = state
    return matrix


def _all_pole(magnitudes: np.ndarray, order: int) -> np.ndarray:
    """Returns responses `g / A` by Levinson's recursion on all frames at once, complex [T, F]."""
    size = 2 * (magnitudes.shape[1] - 1)
    correlation = scipy.fft.irfft(np.square(magnitudes, dtype=np.float64), size, axis=1)
    correlation[:, 0] = (
        correlation[:, 0] * (1 + 1e-6) + 1e-10
    )  # White noise far below, for silence.
    count = len(magnitudes)
    predictor = np.zeros((count, order + 1))
    predictor[:, 0] = 1
    error = correlation[:, 0].copy()
    for step in range(1, order + 1):
        tail = correlation[:, step:0:-1]
        reflection = -np.einsum("tn,tn->t", predictor[:, :step], tail) / error
        flipped = predictor[:, step - 1 :: -1] if step > 1 else predictor[:, :1]
        predictor[:, 1 : step + 1] += reflection[:, None] * flipped[:, :step]
        error *= 1 - reflection**2
    gain = np.sqrt(np.maximum(error, 0))
    return np.asarray(gain[:, None] / scipy.fft.rfft(predictor, size, axis=1))


def _harmonics(speech: Speech, shift: float, voiced_hz: float) -> np.ndarray:
    hertz, voiced = analysis.along_samples(speech.pitches * shift, speech.hop, speech.count)
    total = np.zeros(speech.count)
    if not voiced.any():
        return total
    fade = np.convolve(voiced.astype(float), np.ones(speech.hop) / speech.hop, "same")
    turn = np.exp(2j * np.pi * np.cumsum(hertz) / speech.rate)
    current = np.ones(speech.count, complex)
    frames = np.arange(len(speech.pitches)) * speech.hop
    places = np.arange(speech.count)
    frame_hz = hertz[np.minimum(frames, speech.count - 1)]
    logs, rows = speech.envelopes, np.arange(len(frames))
    for number in range(1, int(voiced_hz / hertz.min()) + 1):
        current *= turn
        bins = np.minimum(number * frame_hz / speech.rate * speech.fft_length, logs.shape[1] - 2)
        low = bins.astype(int)
        share = bins - low
        level = np.exp((1 - share) * logs[rows, low] + share * logs[rows, low + 1])
        level = np.where(number * frame_hz < voiced_hz, level, 0.0)
        # A signal of power 1 has its power in rate / 2 Hz; each harmonic stands for one pitch.
        level = level * np.sqrt(4 * frame_hz / speech.rate)
        total += np.interp(places, frames, level) * current.imag
    return total * fade


def _noise(speech: Speech, voiced_hz: float, random: np.random.Generator) -> np.ndarray:
    """Noise above `voiced_hz` where there is a voice, at all frequencies elsewhere."""
    gains = np.exp(speech.envelopes)
    voiced = speech.pitches > 0
    edge = round(voiced_hz / speech.rate * speech.fft_length)
    gains[voiced, :edge] *= 0.03
    return analysis.filtered(random.normal(size=speech.count), gains.astype(complex), speech.hop)


def _selected(own: Speech, other: Speech, neighbours: int, alpha: float) -> np.ndarray:
    order = 24
    to_mel = frequency_transform(own.envelopes.shape[1] - 1, order, alpha)
    features = [one_sided(each.envelopes) @ to_mel for each in (own, other)]
    loud = [each[:, 0] > each[:, 0].max() - 5 for each in features]
    if loud[1].sum() < neighbours:
        raise SynthesisError("the recording of the other speaker holds too little speech")
    means = [each[kept].mean(axis=0) for each, kept in zip(features, loud, strict=True)]
    wanted, pool = ((each - mean)[:, 1:] for each, mean in zip(features, means, strict=True))
    pool = pool[loud[1]]
    distances = np.sum(pool**2, axis=1) - 2 * wanted @ pool.T
    nearest = np.argpartition(distances, neighbours - 1, axis=1)[:, :neighbours]
    nearest.sort(axis=1)
    envelope = other.envelopes[loud[1]][nearest].mean(axis=1)
    # The loudness is that of the recording.
    level = own.envelopes.mean(axis=1, keepdims=True) - envelope.mean(axis=1, keepdims=True)
    smooth = np.pad(envelope, ((1, 1), (0, 0)), mode="edge")
    return np.asarray((smooth[:-2] + smooth[1:-1] + smooth[2:]) / 3 + level)


def _median_pitch(speech: Speech) -> float:
    voiced = speech.pitches[speech.pitches > 0]
    return float(np.median(voiced)) if len(voiced) else 150.0
