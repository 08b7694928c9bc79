"""ModelPusher component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import pusher_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

import report_artifacts
from components.declaration import channels, filled
from components.model_pusher import executor

_STOCK = standard_component_specs.PusherSpec


class ModelPusherSpec(component_spec.ComponentSpec):
    """Interface of ModelPusher: that of TFX's Pusher, and the records pushed with the model."""

    PARAMETERS = _STOCK.PARAMETERS
    INPUTS = _STOCK.INPUTS | channels(
        optional=True,
        report=report_artifacts.HTML,
        model_card=report_artifacts.Markdown,
        evaluation=standard_artifacts.ModelEvaluation,
        data_report=standard_artifacts.ExampleAnomalies,
    )
    OUTPUTS = _STOCK.OUTPUTS


class ModelPusher(base_component.BaseComponent):
    """Pushes a blessed model to `<push_destination>/<version>/` atomically.

    Inputs and output (`pushed_model`) are those of TFX's Pusher, plus the evaluation of the model
    (page, model card, figures), which is copied into the version's `assets.extra/`.
    `executor.Executor` explains why the Pusher is replaced.
    """

    SPEC_CLASS = ModelPusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        push_destination: str,
        report: types.BaseChannel | None = None,
        model_card: types.BaseChannel | None = None,
        evaluation: types.BaseChannel | None = None,
        data_report: types.BaseChannel | None = None,
        code_fingerprint: str = "",
    ) -> None:
        """Builds the component.

        Args:
            model: The trained `Model`.
            model_blessing: `ModelBlessing` of ModelEvaluator; without a blessing nothing is pushed.
            push_destination: Serving folder of this model, `serving/<name>`.
            report: Page of EvalReport.
            model_card: Model card of EvalReport.
            evaluation: Figures and verdict of ModelEvaluator, for programs.
            data_report: Page of DataGate and its reference profile for drift.
            code_fingerprint: Fingerprint of the code that pushes, so that TFX's cache notices a
                change.
        """
        super().__init__(
            filled(
                ModelPusherSpec,
                model=model,
                model_blessing=model_blessing,
                report=report,
                model_card=model_card,
                evaluation=evaluation,
                data_report=data_report,
                push_destination=pusher_pb2.PushDestination(
                    filesystem=pusher_pb2.PushDestination.Filesystem(
                        base_directory=push_destination
                    )
                ),
                custom_config=json_utils.dumps({"code_fingerprint": code_fingerprint}),
            )
        )
