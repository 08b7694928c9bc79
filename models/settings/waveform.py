"""Settings of waveform augmentation, in a module that imports no framework."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from bonafide.settings import Bounds, Items, Section
from bonafide.settings.types import Probability

# From the lowest to the highest value of a random draw.
Decibels = Annotated[tuple[float, float], Bounds(unit="dB"), Items(ascending=True)]
Frequencies = Annotated[tuple[float, float], Bounds(gt=0, unit="Hz"), Items(ascending=True)]
Speeds = Annotated[tuple[float, float], Bounds(ge=0.5, le=2.0), Items(ascending=True)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WaveformConfig(Section, section="waveform"):
    """Waveform augmentation in training, before the features; probability 0 disables a method.

    Probabilities are per clip and independent. Methods are applied in the order of the fields.

    Attributes:
        random_start: Whether a clip starts anywhere in the recording (a short recording is repeated
            from there) instead of at its beginning.
        resynthesis_probability: Share of *bona fide* clips that a vocoder converts to spoofs:
            their short-time spectrum is smoothed and their phase replaced, so that the model learns
            that resynthesised speech is spoofed.
        speed_probability: Share of clips that are played faster or slower.
        speed_range: Lowest and highest speed, as multiples of the original.
        room_probability: Share of clips that get a room impulse response from `room_dir`.
        room_dir: Folder with WAV or FLAC files of room impulse responses; empty for none.
        rawboost_probability: Share of clips that RawBoost distorts.
        rawboost_order: How RawBoost combines its three parts: in `series` or in `parallel`.
        rawboost_snr_db: Range of the signal-to-noise ratio of RawBoost's stationary noise.
        noise_probability: Share of clips that get coloured noise, from white to brown.
        noise_snr_db: Range of the signal-to-noise ratio of the coloured noise.
        equalizer_probability: Share of clips that get a random smooth frequency response.
        equalizer_db: Largest gain or cut of that frequency response.
        band_limit_probability: Share of clips that are limited to below a random frequency and to
            above up to 300 Hz, as in telephone channels and codecs.
        band_limit_hz: Range of the random frequency of `band_limit_probability`.
        companding_probability: Share of clips that are quantised to 8 bits by telephony's mu-law.
        gain_probability: Share of clips whose level is changed.
        gain_db: Range of the level change.
    """

    random_start: bool = False
    resynthesis_probability: Probability = 0.0
    speed_probability: Probability = 0.0
    speed_range: Speeds = (0.9, 1.1)
    room_probability: Probability = 0.0
    room_dir: str = ""
    rawboost_probability: Probability = 0.0
    rawboost_order: Literal["series", "parallel"] = "series"
    rawboost_snr_db: Decibels = (10.0, 40.0)
    noise_probability: Probability = 0.0
    noise_snr_db: Decibels = (10.0, 30.0)
    equalizer_probability: Probability = 0.0
    equalizer_db: Annotated[float, Bounds(ge=0, le=60, unit="dB")] = 12.0
    band_limit_probability: Probability = 0.0
    band_limit_hz: Frequencies = (3400.0, 7600.0)
    companding_probability: Probability = 0.0
    gain_probability: Probability = 0.0
    gain_db: Decibels = (-12.0, 6.0)

    def __post_init__(self) -> None:
        """Checks ranges, and that rooms have a folder.

        Raises:
            SettingsError: A setting is out of range; the message names it.
        """
        super().__post_init__()
        if self.room_probability and not self.room_dir:
            raise self.refused(
                "room_dir", "a folder of room responses, because waveform.room_probability is not 0"
            )

    @property
    def enabled(self) -> bool:
        """Whether any method is enabled."""
        probabilities = [f.name for f in dataclasses.fields(self) if "_probability" in f.name]
        return self.random_start or any(getattr(self, name) for name in probabilities)
