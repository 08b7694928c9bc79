"""The chain that a real recording and its synthetic copies go through.

A detector learns whatever tells the classes apart. So that only the synthesis does, the channel of
the real recording is measured, and all its versions get it, by the same steps in the same order:

1. the mean and what lies below 60 Hz are removed, and so is silence at both ends;
2. a copy longer than the real speech is cut to its length;
3. the spectrum in 24 bands is moved to that of the real recording, by 12 dB at most;
4. the level of the speech is that of the real recording;
5. noise with the spectrum of the real recording's quiet frames is added: 6 dB below them to the
   real recording, and to a copy as much as its own quiet frames lack of the result;
6. all frequencies above the band of the real recording, or of the engine with the narrowest band
   among its copies, are removed;
7. everything is coded and decoded by the codec of the source file, if that is lossy;
8. both ends are faded for 5 ms.

The real recording passes steps 2 to 4 unchanged, by construction.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.fft
import scipy.signal

from bonafide.audio import coding, degradation_specs, distortions
from bonafide.audio.facts import FileFacts
from bonafide.audio.measures import speech_of
from bonafide.synthesis import analysis
from bonafide.synthesis.engine import FULL_SCALE, SynthesisError

_LOWEST_HZ = 60.0
_FADE_SECONDS = 0.005
_BANDS = 24
_MOST_DB = 12.0
_TONE_BELOW = 0.25  # in power: 6 dB
_FRAME_SECONDS = 0.02
_QUIET_SHARE = 0.1
_USED_BELOW_LOUDEST = 1e-6  # in power: 60 dB
_OPEN_SHARE = 0.97  # of half the sampling rate: a wider band is no limit
_LARGEST = 32_000.0 / FULL_SCALE
LEAST_SPEECH_SECONDS = 0.3
# Encodings of `FileFacts.encoding`, in lower case, and the codecs of `degradation_specs`.
_CODECS = {
    "ulaw": "mulaw",
    "mulaw": "mulaw",
    "alaw": "alaw",
    "mpeg_layer_iii": "mp3",
    "mp3": "mp3",
    "vorbis": "vorbis",
    "opus": "opus",
    "aac": "aac",
    "amr": "amrnb",
    "amrnb": "amrnb",
    "amr_nb": "amrnb",
    "g722": "g722",
    "g726": "g726",
    "g721_32": "g726",
    "wma": "wma",
    "wmav2": "wma",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Channel:
    """The channel of a real recording.

    Attributes:
        rate: Sampling rate in Hz.
        length: Duration of its speech with pauses, in samples.
        power: Of its active frames; full scale is 1.
        bands: Powers of its speech in bands, [24].
        floor: Power spectrum of its quiet frames, [F].
        top_hz: Upper end of its band.
        codec: Spec of the codec, such as `mp3:64k`; `none` without one.
    """

    rate: int
    length: int
    power: float
    bands: np.ndarray
    floor: np.ndarray
    top_hz: float
    codec: str


def codec_of(facts: FileFacts, seconds: float) -> str:
    """Returns the spec of the lossy codec of a file at its bit rate; `none` for lossless files.

    Args:
        facts: Facts about the file.
        seconds: Its duration.
    """
    coding_name = facts.encoding.rpartition("/")[2].lower().replace("-", "_")
    name = next((_CODECS[key] for key in _CODECS if coding_name.startswith(key)), None)
    if name is None:
        return degradation_specs.AS_RECORDED
    rates = degradation_specs.CODECS[name].rates
    if not rates or name == "vorbis":  # Its qualities have no bit rates.
        return name
    kilobits = facts.size_bytes * 8 / 1000 / max(seconds, 0.1)
    nearest = min(rates, key=lambda rate: abs(float(rate.removesuffix("k")) - kilobits))
    return f"{name}:{nearest}"


def measure(pcm: np.ndarray, rate: int, codec: str, top_hz: float) -> Channel:
    """Measures the channel of a real recording.

    Args:
        pcm: int16 [N], N > 0.
        rate: In Hz.
        codec: See `Channel`.
        top_hz: Upper end of the narrowest engine's band.

    Raises:
        SynthesisError: It contains too little speech.
    """
    samples = _trimmed(_cleaned(pcm / FULL_SCALE, rate), rate)
    if not np.any(np.abs(samples) > 1 / FULL_SCALE):
        raise SynthesisError("the recording is silent")
    if len(samples) < LEAST_SPEECH_SECONDS * rate:
        raise SynthesisError(
            f"expected {LEAST_SPEECH_SECONDS:g} s between the first and the last sound, got "
            f"{len(samples) / rate:.2f} s"
        )
    spectra = _power_spectra(samples, rate)
    active, quiet = _frames_by_power(spectra)
    speech = spectra[active].mean(axis=0)
    used = np.flatnonzero(speech > speech[1:].max() * _USED_BELOW_LOUDEST)
    own_top = (used[-1] + 1) * rate / 2 / (spectra.shape[1] - 1)
    return Channel(
        rate=rate,
        length=len(samples),
        power=_speech_power(samples, rate),
        bands=_in_bands(speech, rate),
        floor=spectra[quiet].mean(axis=0),
        top_hz=min(own_top, top_hz),
        codec=codec,
    )


def put_on(
    samples: np.ndarray, channel: Channel, random: np.random.Generator, *, synthetic: bool
) -> tuple[np.ndarray, int]:
    """Applies the chain of the module.

    Args:
        samples: float [M] at the channel's rate, full scale 1: the real recording or a copy.
        channel: Of the real recording.
        random: Generator of the noise.
        synthetic: Whether it is a copy.

    Returns:
        int16 [K], and the number of samples removed from the beginning.

    Raises:
        SynthesisError: There is too little sound in a copy.
    """
    rate = channel.rate
    cleaned = _cleaned(samples, rate)
    speech, power = speech_of(_int16(cleaned / max(np.abs(cleaned).max(), 1e-9) * 0.9), rate)
    start = speech.start
    found = cleaned[speech][: channel.length]
    if not power or len(found) < LEAST_SPEECH_SECONDS * rate:
        raise SynthesisError(f"the copy holds {len(found) / rate:.2f} s of sound")
    if synthetic:
        found = _equalised(found, channel)
    found = found * np.sqrt(channel.power / max(_speech_power(found, rate), 1e-12))
    found = found + _room_tone(found, channel, random, synthetic=synthetic)
    if channel.top_hz < _OPEN_SHARE * rate / 2:
        found = distortions.lowpass(found.astype(np.float32), rate, channel.top_hz)
    for step in degradation_specs.parse(channel.codec):
        found = _through(found.astype(np.float32), rate, step)
    fade = round(_FADE_SECONDS * rate)
    slope = np.linspace(0, 1, fade)
    found = np.array(found, np.float64)
    found[:fade] *= slope
    found[-fade:] *= slope[::-1]
    found = found - found.mean()
    found *= min(1.0, _LARGEST / max(np.abs(found).max(), 1e-9))
    return _int16(found), start


def _through(samples: np.ndarray, rate: int, step: degradation_specs.Step) -> np.ndarray:
    if step.name in degradation_specs.CODECS:
        return coding.round_trip(samples, rate, step.name, step.rate, step.rate_hz)
    match step.name:
        case "lowpass":
            return distortions.lowpass(samples, rate, step.number)
        case "highpass":
            return distortions.highpass(samples, rate, step.number)
    return distortions.through_rate(samples, rate, step.number)


def _cleaned(samples: np.ndarray, rate: int) -> np.ndarray:
    """Removes the mean and what lies below speech, without a delay."""
    sections = scipy.signal.butter(2, _LOWEST_HZ, "highpass", fs=rate, output="sos")
    centred = np.asarray(samples, np.float64) - np.mean(samples)
    pad = min(len(centred) - 1, rate // 10)
    return np.asarray(scipy.signal.sosfiltfilt(sections, centred, padlen=pad))


def _trimmed(samples: np.ndarray, rate: int) -> np.ndarray:
    speech, _ = speech_of(_int16(samples), rate)
    return samples[speech]


def _speech_power(samples: np.ndarray, rate: int) -> float:
    """Returns the power over active frames; full scale is 1."""
    peak = max(float(np.abs(samples).max()), 1e-9)
    _, power = speech_of(_int16(samples / peak), rate)
    return power / FULL_SCALE**2 * peak**2


def _power_spectra(samples: np.ndarray, rate: int) -> np.ndarray:
    """Returns the power density of frames of 20 ms, [T, F]; white noise of power 1 has 1."""
    length = round(_FRAME_SECONDS * rate / 2) * 2
    window = analysis.hann(length)
    frames = analysis.frames_of(samples, length, length // 2)[1:-1] * window
    return np.asarray(np.abs(scipy.fft.rfft(frames, axis=1)) ** 2 / np.sum(window**2), np.float64)


def _frames_by_power(spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places of active frames and of quiet ones."""
    powers = spectra.mean(axis=1)
    order = np.argsort(powers, kind="stable")
    quiet = order[: max(1, round(len(order) * _QUIET_SHARE))]
    return np.flatnonzero(powers > powers.max() * 1e-3), quiet


def _in_bands(spectrum: np.ndarray, rate: int) -> np.ndarray:
    weights = analysis.mel_bands(rate, 2 * (len(spectrum) - 1), _BANDS, unit_area=False)
    return np.asarray(spectrum @ weights / np.maximum(weights.sum(axis=0), 1e-9))


def _equalised(samples: np.ndarray, channel: Channel) -> np.ndarray:
    """Moves the spectrum of the speech to that of the channel."""
    spectra = _power_spectra(samples, channel.rate)
    active, _ = _frames_by_power(spectra)
    bands = _in_bands(spectra[active].mean(axis=0), channel.rate)
    least = channel.bands.max() * 1e-8
    shares = channel.bands / channel.bands.sum(), bands / max(bands.sum(), 1e-12)
    gains = 10 * np.log10((shares[0] + least) / (shares[1] + least))
    gains = np.clip(gains - np.median(gains), -_MOST_DB, _MOST_DB)
    weights = analysis.mel_bands(channel.rate, 1_024, _BANDS, unit_area=False)
    decibels = weights @ gains / np.maximum(weights.sum(axis=1), 1e-6)
    # Linear phase: symmetric around the middle, which is the delay.
    taps = scipy.fft.fftshift(scipy.fft.irfft(10 ** (decibels / 20)))[1:]
    taps *= np.hanning(len(taps))
    whole = scipy.signal.fftconvolve(samples, taps)
    middle = len(taps) // 2
    return np.asarray(whole[middle : middle + len(samples)])


def _room_tone(
    samples: np.ndarray, channel: Channel, random: np.random.Generator, *, synthetic: bool
) -> np.ndarray:
    """Returns the noise of step 5, [N]."""
    wanted = channel.floor * _TONE_BELOW
    if synthetic:
        spectra = _power_spectra(samples, channel.rate)
        _, quiet = _frames_by_power(spectra)
        lacking = channel.floor * (1 + _TONE_BELOW) - spectra[quiet].mean(axis=0)
        wanted = np.maximum(lacking, wanted)
    noise = random.normal(size=len(samples))
    spectrum = scipy.fft.rfft(noise)
    places = np.linspace(0, len(wanted) - 1, len(spectrum))
    size = np.sqrt(np.interp(places, np.arange(len(wanted)), wanted))
    return np.asarray(scipy.fft.irfft(spectrum * size, len(samples)))


def _int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples * FULL_SCALE), -32_768, 32_767).astype(np.int16)
