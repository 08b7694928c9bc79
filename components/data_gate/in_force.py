"""Settings of the run that decide whether an advice is needed, or helps. Imports no framework."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from bonafide.settings import Bounds, Section
from bonafide.settings.types import Probability


@dataclasses.dataclass(frozen=True, kw_only=True)
class InForce(Section, section="in_force"):
    """What the run's settings do about shortcuts already; named as the settings themselves are.

    The defaults remove nothing, so that advice without a run names every remedy.

    Attributes:
        normalisation: `features.normalisation`.
        remove_dc: `features.remove_dc`.
        fmax_hz: `features.fmax_hz`.
        clip_seconds: `features.clip_samples` in seconds.
        random_start: `waveform.random_start`.
        gain_probability: `waveform.gain_probability`.
        noise_probability: `waveform.noise_probability`.
        degraded_copies: `utterances.degraded_copies`.
    """

    normalisation: Literal["corpus", "utterance"] = "corpus"
    remove_dc: bool = False
    fmax_hz: Annotated[float, Bounds(gt=0, unit="Hz")] = 1e6
    clip_seconds: Annotated[float, Bounds(gt=0, unit="s")] = 1e6
    random_start: bool = False
    gain_probability: Probability = 0.0
    noise_probability: Probability = 0.0
    degraded_copies: Annotated[int, Bounds(ge=0, unit="copies")] = 0
