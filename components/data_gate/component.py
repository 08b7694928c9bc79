"""DataGate component."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.data_gate import executor


class DataGateSpec(component_spec.ComponentSpec):
    """Interface of DataGate."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        "required_splits": component_spec.ExecutionParameter(type=str),
        "code_fingerprint": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }
    # ExampleAnomalies is what it is, a list of what is wrong with examples, and it is one of the
    # few standard types that TFX's Kubeflow entrypoint can read back; as a folder, it has room for
    # figures and pages beside `report.json`.
    OUTPUTS: ClassVar[dict[str, Any]] = {
        "report": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }


class DataGate(base_component.BaseComponent):
    """Stops the run when the data must not be trained on.

    ExampleValidator only reports: nothing depends on its output, so a run goes on whatever it
    finds. Let what trains depend on this: `transform.add_upstream_node(data_gate)`.
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        statistics: types.BaseChannel,
        anomalies: types.BaseChannel,
        required_splits: Sequence[str] = ("train", "dev", "eval"),
        code_fingerprint: str = "",
    ) -> None:
        """Builds the component.

        Args:
            statistics: `ExampleStatistics` of StatisticsGen.
            anomalies: `ExampleAnomalies` of ExampleValidator.
            required_splits: Splits that must be there with both classes.
            code_fingerprint: Fingerprint of the rules' code, so that TFX's cache notices a change.
        """
        super().__init__(
            DataGateSpec(
                statistics=statistics,
                anomalies=anomalies,
                required_splits=json.dumps(list(required_splits)),
                code_fingerprint=code_fingerprint,
                report=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
