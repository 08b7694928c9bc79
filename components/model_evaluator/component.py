"""ModelEvaluator component."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from bonafide.metrics.costs import AsvErrorRates
from components.declaration import channels, filled, properties
from components.model_evaluator import executor
from components.model_evaluator.settings import EvaluatorSettings


class ModelEvaluatorSpec(component_spec.ComponentSpec):
    """Interface of ModelEvaluator."""

    PARAMETERS = properties("settings", "asv_error_rates", "code_fingerprint")
    INPUTS = channels(
        examples=standard_artifacts.Examples,
        model=standard_artifacts.Model,
        baseline_model=standard_artifacts.Model,
    )
    OUTPUTS = channels(
        evaluation=standard_artifacts.ModelEvaluation,
        blessing=standard_artifacts.ModelBlessing,
        scores=standard_artifacts.InferenceResult,
    )


class ModelEvaluator(base_beam_component.BaseBeamComponent):
    """Evaluates a model, compares it with the champion, and blesses it if it passes the gate.

    It replaces TFX's Evaluator, whose verdict compares point estimates with thresholds. Here TFMA
    scores every utterance of dev and eval once and computes its metrics and plots; the verdict
    comes from `bonafide.metrics.gate`, which uses intervals by speakers and paired differences.

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
        settings: EvaluatorSettings,
        asv_error_rates: Mapping[str, AsvErrorRates] | None = None,
        code_fingerprint: str = "",
    ) -> None:
        """Builds the component.

        Args:
            examples: Raw `Examples` of UtteranceGen; splits `dev` and `eval` are scored.
            model: The trained `Model`.
            champion: Output `model` of Champion; may contain no model.
            settings: Settings of the evaluation and rules of the gate.
            asv_error_rates: Split -> error rates of a speaker verifier, for the t-DCF.
            code_fingerprint: Fingerprint of the metrics' code, so that TFX's cache notices a
                change.
        """
        asv = {split: dataclasses.asdict(r) for split, r in (asv_error_rates or {}).items()}
        super().__init__(
            filled(
                ModelEvaluatorSpec,
                examples=examples,
                model=model,
                baseline_model=champion,
                settings=settings,
                asv_error_rates=json.dumps(asv, sort_keys=True),
                code_fingerprint=code_fingerprint,
            )
        )
