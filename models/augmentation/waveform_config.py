"""Settings of waveform augmentation, in a module that imports no framework."""

from __future__ import annotations

import dataclasses

from bonafide.checks import Checks

RAWBOOST_ORDERS = ("series", "parallel")
_PROBABILITIES = (
    "speed_probability",
    "room_probability",
    "rawboost_probability",
    "noise_probability",
    "equalizer_probability",
    "band_limit_probability",
    "companding_probability",
    "gain_probability",
    "resynthesis_probability",
)
_RANGES = (
    "noise_snr_db",
    "band_limit_hz",
    "gain_db",
    "speed_range",
    "rawboost_snr_db",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WaveformConfig:
    """What is done to training waveforms before their features; a probability of 0 turns one off.

    Probabilities are per clip and independent. Everything happens in the order of the fields.

    Attributes:
        random_start: A clip begins anywhere in the recording (a short recording is repeated from
            there), not at its beginning.
        resynthesis_probability: Share of *bona fide* clips that become spoofs by a crude vocoder:
            their short-time spectrum is smoothed and their phase invented. Teaches that
            resynthesised real speech is not real.
        speed_probability: Share of clips played faster or slower.
        speed_range: Lowest and highest speed.
        room_probability: Share of clips that get a room response from `room_dir`.
        room_dir: Folder with WAV or FLAC files of room responses; empty for none.
        rawboost_probability: Share of clips that RawBoost distorts.
        rawboost_order: Of its three parts: one after the other, or added up.
        rawboost_snr_db: Range of the signal-to-noise ratio of its stationary noise.
        noise_probability: Share of clips with coloured noise, from white to brown.
        noise_snr_db: Range of its signal-to-noise ratio.
        equalizer_probability: Share of clips with a random smooth frequency response.
        equalizer_db: Largest gain or cut of it.
        band_limit_probability: Share of clips that lose what is above a random frequency, and what
            is below up to 300 Hz, as telephone channels and codecs do.
        band_limit_hz: Range of that frequency.
        companding_probability: Share of clips quantised to 8 bits by the mu-law of telephony.
        gain_probability: Share of clips whose level changes.
        gain_db: Range of the change.
    """

    random_start: bool = False
    resynthesis_probability: float = 0.0
    speed_probability: float = 0.0
    speed_range: tuple[float, ...] = (0.9, 1.1)
    room_probability: float = 0.0
    room_dir: str = ""
    rawboost_probability: float = 0.0
    rawboost_order: str = "series"
    rawboost_snr_db: tuple[float, ...] = (10.0, 40.0)
    noise_probability: float = 0.0
    noise_snr_db: tuple[float, ...] = (10.0, 30.0)
    equalizer_probability: float = 0.0
    equalizer_db: float = 12.0
    band_limit_probability: float = 0.0
    band_limit_hz: tuple[float, ...] = (3400.0, 7600.0)
    companding_probability: float = 0.0
    gain_probability: float = 0.0
    gain_db: tuple[float, ...] = (-12.0, 6.0)

    def __post_init__(self) -> None:
        """Checks ranges.

        Raises:
            ValueError: A setting is out of range; the message names it.
        """
        # JSON has no tuples, and a list would make the settings unhashable.
        for name in _RANGES:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        checks = Checks(self, "waveform")
        checks.finite()
        checks.require(_PROBABILITIES, lambda p: 0.0 <= p <= 1.0, "in [0, 1]")
        checks.require(
            _RANGES,
            lambda ends: len(ends) == 2 and all(map(_finite, ends)) and ends[0] <= ends[1],
            "two numbers, the lower first",
        )
        checks.require(
            ["speed_range"], lambda ends: ends[0] >= 0.5 and ends[1] <= 2.0, "within 0.5 to 2"
        )
        checks.require(["band_limit_hz"], lambda ends: ends[0] > 0, "above 0")
        checks.require(["equalizer_db"], lambda gain: 0 <= gain <= 60, "from 0 to 60")
        checks.one_of("rawboost_order", RAWBOOST_ORDERS)
        if self.room_probability and not self.room_dir:
            raise ValueError("waveform.room_probability needs a folder in waveform.room_dir")

    @property
    def enabled(self) -> bool:
        """Whether anything at all is done."""
        return self.random_start or any(getattr(self, name) for name in _PROBABILITIES)


def _finite(value: float) -> bool:
    return abs(value) < float("inf")
