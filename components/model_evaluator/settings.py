"""Settings of ModelEvaluator. Imports no framework."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from bonafide.metrics.gate import GateConfig
from bonafide.settings import Bounds, Section
from bonafide.settings.types import LongSeed

# Below a hundred, the ends of a 95 % interval are single draws; the gate needs one.
Resamples = Annotated[int, Bounds(ge=100, le=100_000, unit="draws")]
CueUtterances = Annotated[int, Bounds(ge=0, lt=2**31, unit="utterances")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluatorSettings(Section, section="model_evaluator"):
    """How a model is measured, and what it must reach.

    Attributes:
        gate: Rules of the gate.
        resamples: Draws of the bootstrap behind every interval.
        bootstrap_seed: Seed of the bootstrap.
        cue_utterances: Number of utterances of eval that are scored again with shortcuts (silence,
            level, DC) removed, and under the conditions; 0 for none.
        conditions: Degradations under which they are scored, such as `mp3:64k`; see
            `bonafide.audio.degradation_specs`.
        force_blessing_reason: If not empty, a model that the gate refuses is blessed all the same;
            the reason is recorded in the blessing and in the pushed model.
    """

    gate: GateConfig
    resamples: Resamples = 1000
    bootstrap_seed: LongSeed = 1
    cue_utterances: CueUtterances = 0
    conditions: tuple[str, ...] = ()
    force_blessing_reason: str = ""
