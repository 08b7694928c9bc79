"""ModelEvaluator component."""

from __future__ import annotations

from typing import Any, ClassVar

from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from components.model_evaluator import executor

_STOCK = standard_component_specs.EvaluatorSpec


class ModelEvaluatorSpec(component_spec.ComponentSpec):
    """Interface of ModelEvaluator: the stock Evaluator's and two parameters more."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        **_STOCK.PARAMETERS,
        "code_fingerprint": component_spec.ExecutionParameter(type=str),
        "force_blessing_reason": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = _STOCK.INPUTS
    OUTPUTS: ClassVar[dict[str, Any]] = _STOCK.OUTPUTS
    TYPE_ANNOTATION = _STOCK.TYPE_ANNOTATION


class ModelEvaluator(base_beam_component.BaseBeamComponent):
    """Measures a model, compares it with the champion and blesses it if the gate lets it pass.

    Outputs `evaluation` (`ModelEvaluation`; `summary.read_evaluation` reads it) and `blessing`
    (`ModelBlessing`), as TFX's Evaluator.
    """

    SPEC_CLASS = ModelEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        champion: types.BaseChannel,
        eval_config: config_pb2.EvalConfig,
        code_fingerprint: str = "",
        force_blessing_reason: str = "",
    ) -> None:
        """Builds the component.

        Args:
            examples: Raw `Examples`; split `eval` is used.
            model: The trained `Model`.
            champion: Output `model` of Champion; may hold no model.
            eval_config: `tfma.EvalConfig`, from `pipeline.gate.make_eval_config`.
            code_fingerprint: Fingerprint of the metrics' code, so that TFX's cache notices a
                change.
            force_blessing_reason: If not empty, a model that the gate refuses is blessed all the
                same; the reason is recorded in the blessing and in the pushed model.
        """
        super().__init__(
            ModelEvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=champion,
                eval_config=eval_config,
                example_splits=json_utils.dumps(["eval"]),
                fairness_indicator_thresholds=json_utils.dumps(None),
                code_fingerprint=code_fingerprint,
                force_blessing_reason=force_blessing_reason,
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
