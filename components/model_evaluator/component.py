"""ModelEvaluator component."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from bonafide.metrics.costs import AsvErrorRates
from bonafide.metrics.gate import GateConfig
from components.model_evaluator import executor


class ModelEvaluatorSpec(component_spec.ComponentSpec):
    """Interface of ModelEvaluator."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        "gate": component_spec.ExecutionParameter(type=str),
        "asv_error_rates": component_spec.ExecutionParameter(type=str),
        "resamples": component_spec.ExecutionParameter(type=int),
        "cue_utterances": component_spec.ExecutionParameter(type=int),
        "conditions": component_spec.ExecutionParameter(type=str, optional=True),
        "bootstrap_seed": component_spec.ExecutionParameter(type=int),
        "code_fingerprint": component_spec.ExecutionParameter(type=str),
        "force_blessing_reason": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "scores": component_spec.ChannelParameter(type=standard_artifacts.InferenceResult),
    }


class ModelEvaluator(base_beam_component.BaseBeamComponent):
    """Measures a model, compares it with the champion and blesses it if the gate lets it pass.

    It stands in for TFX's Evaluator, whose verdict is TFMA's: point estimates against thresholds.
    Here every utterance of dev and eval is scored once by TFMA, which keeps its metrics and plots,
    and the verdict is `bonafide.metrics.gate`'s, on intervals by speakers and paired differences.

    Outputs `evaluation` and `scores` (files: see `records`; `summary.read_evaluation` reads the
    figures) and `blessing` (`ModelBlessing`, as TFX's Evaluator's).
    """

    SPEC_CLASS = ModelEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        champion: types.BaseChannel,
        gate: GateConfig,
        asv_error_rates: Mapping[str, AsvErrorRates] | None = None,
        resamples: int = 1000,
        bootstrap_seed: int = 1,
        cue_utterances: int = 0,
        conditions: Sequence[str] = (),
        code_fingerprint: str = "",
        force_blessing_reason: str = "",
    ) -> None:
        """Builds the component.

        Args:
            examples: Raw `Examples` of UtteranceGen; splits `dev` and `eval` are scored.
            model: The trained `Model`.
            champion: Output `model` of Champion; may hold no model.
            gate: The rules.
            asv_error_rates: Split -> error rates of a speaker verifier, for the t-DCF.
            resamples: Draws of the bootstrap behind every interval.
            bootstrap_seed: Its seed.
            cue_utterances: How many utterances of eval are scored again with shortcuts (silence,
                level, DC) taken out, and under the conditions; 0 for none.
            conditions: Degradations under which they are scored, such as `mp3:64k`; see
                `bonafide.audio.degradation_specs`.
            code_fingerprint: Fingerprint of the metrics' code, so that TFX's cache notices a
                change.
            force_blessing_reason: If not empty, a model that the gate refuses is blessed all the
                same; the reason is recorded in the blessing and in the pushed model.
        """
        asv = {split: dataclasses.asdict(r) for split, r in (asv_error_rates or {}).items()}
        super().__init__(
            ModelEvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=champion,
                gate=json.dumps(dataclasses.asdict(gate), sort_keys=True),
                asv_error_rates=json.dumps(asv, sort_keys=True),
                resamples=resamples,
                bootstrap_seed=bootstrap_seed,
                cue_utterances=cue_utterances,
                conditions=json.dumps(list(conditions)),
                code_fingerprint=code_fingerprint,
                force_blessing_reason=force_blessing_reason,
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
                scores=types.Channel(type=standard_artifacts.InferenceResult),
            )
        )
