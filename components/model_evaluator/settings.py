"""Settings of ModelEvaluator. Imports no framework."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from bonafide.metrics.gate import GateConfig
from bonafide.settings import Bounds, Section
from bonafide.settings.types import LongSeed

# With fewer than a hundred draws, each end of a 95 % interval would be a single draw.
Resamples = Annotated[int, Bounds(ge=100, le=100_000, unit="draws")]
CueUtterances = Annotated[int, Bounds(ge=0, lt=2**31, unit="utterances")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluatorSettings(Section, section="model_evaluator"):
    """Settings of the evaluation and of the gate.

    Attributes:
        gate: Rules of the gate.
        resamples: Number of bootstrap resamples for each interval.
        bootstrap_seed: Seed of the bootstrap.
        cue_utterances: Number of utterances of eval that are also scored with shortcuts (silence,
            level, DC) removed, and under the conditions; 0 for none.
        conditions: Degradations to score them under, such as `mp3:64k`; see
            `bonafide.audio.degradation_specs`.
        force_blessing_reason: If not empty, a refused model is blessed nevertheless, and
            this reason is recorded in the blessing and in the pushed model.
    """

    gate: GateConfig
    resamples: Resamples = 1000
    bootstrap_seed: LongSeed = 1
    cue_utterances: CueUtterances = 0
    conditions: tuple[str, ...] = ()
    force_blessing_reason: str = ""
