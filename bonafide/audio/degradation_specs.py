"""Specs of degradations: available steps, parsing and validation.

A spec is a chain of one or more steps, `NAME` or `NAME:VALUE`, separated by `|`:
`mp3:64k`, `amrnb:12.2k|lowpass:3400`, `room:0.4|noise:20|opus:24k`. `none` is the empty chain.

| step | value | effect |
|---|---|---|
| `mp3`, `aac`, `opus`, `wma` | bit rate: `mp3:64k` | encoded and decoded |
| `vorbis` | quality: `vorbis:q3` | encoded and decoded |
| `amrnb`, `g726` | bit rate | the same at 8 kHz: nothing above 4 kHz remains |
| `alaw`, `mulaw` | none | the same at 8 kHz |
| `g722` | none | the same at 16 kHz |
| `lowpass`, `highpass` | Hz | a steep filter, 200 Hz wide |
| `resample` | Hz | converted to a sampling rate and back; `resample:8000` is narrow band |
| `noise`, `pink` | dB | white or pink noise at this signal-to-noise ratio |
| `room` | seconds | the response of a simulated room of this reverberation time |
| `gain` | dB | louder or quieter, clipped at full scale |
| `level` | dBFS | the mean removed, the speech at this level |

The value of a codec may end in its sampling rate: `mp3:64k@44100`.

Standard library only, so that settings are checked without slow imports.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

AS_RECORDED = "none"


class DegradationError(ValueError):
    """The spec is invalid; the message lists the degradations."""


@dataclass(frozen=True)
class Codec:
    """Parameters of a codec.

    Attributes:
        encoder: Name of FFmpeg's encoder; empty for libsndfile's Vorbis.
        container: Name of FFmpeg's muxer.
        rates_hz: Supported sampling rates, ascending. Others are converted to the next higher one,
            or else to the highest, and back.
        rates: Its bit rates or qualities, as written in a spec; the first is the default. Empty if
            it has only one.
        lead_seconds: Silence before the samples, for an encoder that drops its first frames.
    """

    encoder: str
    container: str
    rates_hz: tuple[int, ...]
    rates: tuple[str, ...] = ()
    lead_seconds: float = 0.0

    def rate_for(self, sample_rate: int) -> int:
        """Returns the sampling rate in Hz at which it codes samples of a given rate."""
        return next((rate for rate in self.rates_hz if rate >= sample_rate), self.rates_hz[-1])


@dataclass(frozen=True)
class Step:
    """One step of a chain.

    Attributes:
        name: One of STEPS.
        number: The number after the colon of a step that is no codec.
        rate: One of the rates of a codec; empty if it has only one.
        rate_hz: Sampling rate of a codec; None for that of `Codec.rate_for`.
    """

    name: str
    number: float = 0.0
    rate: str = ""
    rate_hz: int | None = None


@dataclass(frozen=True)
class _Range:
    least: float
    most: float
    unit: str


_NARROW, _WIDE = (8_000,), (16_000,)
_MUSIC_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def _kilobits(*rates: float) -> tuple[str, ...]:
    return tuple(f"{rate:g}k" for rate in rates)


# Bit rates of speech; MP3 below 32 kHz (MPEG-2 layer III) has at most 160 kbit/s.
CODECS: Mapping[str, Codec] = {
    "mp3": Codec(
        "libmp3lame", "mp3", _MUSIC_HZ, _kilobits(64, 16, 24, 32, 40, 48, 56, 80, 96, 128, 160)
    ),
    "aac": Codec("aac", "ipod", _MUSIC_HZ, _kilobits(64, 16, 24, 32, 48, 80, 96, 128)),
    "opus": Codec(
        "libopus",
        "ogg",
        (8_000, 12_000, 16_000, 24_000, 48_000),
        _kilobits(24, 6, 8, 12, 16, 20, 32, 48, 64, 96),
    ),
    "vorbis": Codec("", "ogg", _MUSIC_HZ, ("q3", "q0", "q1", "q2", "q4", "q5", "q6")),
    "amrnb": Codec(
        "libopencore_amrnb",
        "amr",
        _NARROW,
        _kilobits(12.2, 4.75, 5.15, 5.9, 6.7, 7.4, 7.95, 10.2),
    ),
    "g722": Codec("g722", "wav", _WIDE),
    "g726": Codec("g726", "wav", _NARROW, _kilobits(32, 16, 24, 40)),
    "alaw": Codec("pcm_alaw", "wav", _NARROW),
    "mulaw": Codec("pcm_mulaw", "wav", _NARROW),
    # FFmpeg's encoder drops its first frame, of 512 to 2,048 samples.
    "wma": Codec("wmav2", "asf", _MUSIC_HZ, _kilobits(64, 24, 32, 48, 96, 128), lead_seconds=0.2),
}
_RANGES: Mapping[str, _Range] = {
    "lowpass": _Range(200, 96_000, "Hz"),
    "highpass": _Range(100, 3_000, "Hz"),
    "resample": _Range(2_000, 192_000, "Hz"),
    "noise": _Range(-20, 100, "dB"),
    "pink": _Range(-20, 100, "dB"),
    "room": _Range(0.05, 3, "seconds"),
    "gain": _Range(-60, 60, "dB"),
    "level": _Range(-60, 0, "dBFS"),
}
STEPS: tuple[str, ...] = (*CODECS, *_RANGES)


@functools.lru_cache(maxsize=1024)
def parse(spec: str) -> tuple[Step, ...]:
    """Reads a spec.

    Returns:
        Its steps, in order; an empty tuple for `none`.

    Raises:
        DegradationError: There is no such degradation.
    """
    if spec.strip() == AS_RECORDED:
        return ()
    return tuple(_step(text.strip(), spec) for text in spec.split("|"))


def _step(text: str, spec: str) -> Step:
    name, _, value = text.partition(":")
    where = "" if text == spec else f" in {spec!r}"
    if name in CODECS:
        return _codec_step(name, value, where)
    if name in _RANGES:
        return Step(name, number=_number(name, value, where))
    raise DegradationError(
        f"expected a degradation ({', '.join(STEPS)}), got {text!r}{where}. Write NAME or "
        "NAME:VALUE, several with | between them"
    )


def _codec_step(name: str, value: str, where: str) -> Step:
    codec = CODECS[name]
    rate, at, hertz = value.partition("@")
    rate = rate or (codec.rates[0] if codec.rates else "")
    if rate and rate not in codec.rates:
        known = f"{name}:RATE with RATE one of {', '.join(codec.rates)}" if codec.rates else name
        raise DegradationError(f"expected {known}, got '{name}:{value}'{where}")
    allowed = [str(rate_hz) for rate_hz in codec.rates_hz]
    if at and hertz not in allowed:
        raise DegradationError(
            f"expected {name} at a sampling rate of {', '.join(allowed)} Hz, got "
            f"'{name}:{value}'{where}"
        )
    return Step(name, rate=rate, rate_hz=int(hertz) if at else None)


def _number(name: str, value: str, where: str) -> float:
    allowed = _RANGES[name]
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not allowed.least <= number <= allowed.most:
        raise DegradationError(
            f"expected {name}:NUMBER, {allowed.least:g} to {allowed.most:g} {allowed.unit}, got "
            f"'{name}:{value}'{where}"
        )
    return number


# Default conditions of evaluation: common processing of recordings, and degradations on which
# detectors were found to fail.
CONDITIONS = (
    *("mp3:64k", "mp3:32k", "lowpass:7000", "lowpass:3400"),
    *("opus:24k", "resample:22050", "noise:30"),
)
_TITLES = {"mp3": "MP3", "aac": "AAC", "opus": "Opus", "vorbis": "Vorbis", "wma": "WMA"} | {
    "amrnb": "AMR-NB (mobile telephone)",
    "g722": "G.722 (wide-band telephone)",
    "g726": "G.726 (telephone)",
    "alaw": "A-law (telephone)",
    "mulaw": "mu-law (telephone)",
}
_NUMBER_TITLES = {
    "lowpass": "nothing above {:g} Hz",
    "highpass": "nothing below {:g} Hz",
    "resample": "resampled through {:g} Hz",
    "noise": "white noise {:g} dB below the speech",
    "pink": "pink noise {:g} dB below the speech",
    "room": "a room with {:g} s of reverberation",
    "gain": "{:+g} dB of level",
    "level": "speech at {:g} dBFS",
}


def title_of(spec: str) -> str:
    """Returns a spec in words; an invalid spec is returned unchanged."""
    try:
        steps = parse(spec)
    except DegradationError:
        return spec
    words = ", then ".join(map(_words, steps)) or "as recorded"
    return words[0].upper() + words[1:]


def _words(step: Step) -> str:
    if step.name in _NUMBER_TITLES:
        return _NUMBER_TITLES[step.name].format(step.number)
    words = _TITLES[step.name]
    if step.rate:
        kind = "bit/s" if step.rate.endswith("k") else ""
        rate = f"{step.rate[:-1]} k{kind}" if kind else f"quality {step.rate[1:]}"
        words += f" at {rate}"
    return f"{words}, coded at {step.rate_hz:,} Hz" if step.rate_hz else words
