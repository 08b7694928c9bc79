"""Settings of the run that determine the advice. Imports no framework."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from bonafide.settings import Bounds, Section
from bonafide.settings.types import Probability


@dataclasses.dataclass(frozen=True, kw_only=True)
class InForce(Section, section="in_force"):
    """Current settings that mitigate shortcuts, under their own names.

    The defaults mitigate nothing, so that advice without a run lists every remedy.

    Attributes:
        normalisation: `features.normalisation`.
        relative_floor_db: `features.relative_floor_db`.
        remove_dc: `features.remove_dc`.
        fmax_hz: `features.fmax_hz`.
        clip_seconds: `features.clip_samples` in seconds.
        random_start: `waveform.random_start`.
        gain_probability: `waveform.gain_probability`.
        noise_probability: `waveform.noise_probability`.
        degraded_copies: `utterances.degraded_copies`.
    """

    normalisation: Literal["corpus", "utterance", "utterance_mean"] = "corpus"
    relative_floor_db: Annotated[float, Bounds(le=0, unit="dB")] = 0.0
    remove_dc: bool = False
    fmax_hz: Annotated[float, Bounds(gt=0, unit="Hz")] = 1e6
    clip_seconds: Annotated[float, Bounds(gt=0, unit="s")] = 1e6
    random_start: bool = False
    gain_probability: Probability = 0.0
    noise_probability: Probability = 0.0
    degraded_copies: Annotated[int, Bounds(ge=0, unit="copies")] = 0
