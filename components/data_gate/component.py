"""DataGate component."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.data_gate import executor
from components.data_gate.config import DataGateConfig
from components.data_gate.in_force import InForce
from components.declaration import channels, filled, properties


class DataGateSpec(component_spec.ComponentSpec):
    """Interface of DataGate."""

    PARAMETERS = properties(
        *("required_splits", "settings", "in_force", "title", "serving"),
        *("drift_state", "code_fingerprint"),
    )
    INPUTS = channels(
        examples=standard_artifacts.Examples,
        statistics=standard_artifacts.ExampleStatistics,
        anomalies=standard_artifacts.ExampleAnomalies,
    )
    # ExampleAnomalies is what it is, a list of what is wrong with examples, and it is one of the
    # few standard types that TFX's Kubeflow entrypoint can read back; as a folder, it has room for
    # figures and pages beside `report.json`.
    OUTPUTS = channels(report=standard_artifacts.ExampleAnomalies)


class DataGate(base_component.BaseComponent):
    """Stops the run if the data is unfit for training.

    It looks for anomalies of the schema, leaks between splits, shortcuts, imbalance and drift;
    output `report` holds `report.json`, `data_report.html` and `data_profile.json`, which goes with
    the model that is trained on this.

    ExampleValidator only reports anomalies; no component depends on its output, so the run
    continues. Training must depend on this component: `transform.add_upstream_node(data_gate)`.
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        statistics: types.BaseChannel,
        anomalies: types.BaseChannel,
        settings: DataGateConfig | None = None,
        in_force: InForce | None = None,
        title: str = "",
        serving: str = "",
        drift_state: str = "",
        required_splits: Sequence[str] = ("train", "dev", "eval"),
        code_fingerprint: str = "",
    ) -> None:
        """Builds the component.

        Args:
            examples: `Examples` of UtteranceGen, with its listing and its measures.
            statistics: `ExampleStatistics` of StatisticsGen.
            anomalies: `ExampleAnomalies` of ExampleValidator.
            settings: Level and limit of each rule; the defaults if None.
            in_force: What the settings of the run do about shortcuts, for advice; nothing if None.
            title: Name of the corpus, for the page.
            serving: Folder of pushed models, whose newest version is the reference of drift; empty
                for none.
            drift_state: Result of `served.drift_state` when the pipeline is built, so that TFX's
                cache notices another model or another log.
            required_splits: Splits that must exist with both classes.
            code_fingerprint: Fingerprint of the rules' code, so that TFX's cache notices a change.
        """
        super().__init__(
            filled(
                DataGateSpec,
                examples=examples,
                statistics=statistics,
                anomalies=anomalies,
                required_splits=json.dumps(list(required_splits)),
                settings=settings or DataGateConfig(),
                in_force=in_force or InForce(),
                title=title,
                serving=serving,
                drift_state=drift_state,
                code_fingerprint=code_fingerprint,
            )
        )
