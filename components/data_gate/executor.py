"""Executor of DataGate: reads artifacts, applies the rules, writes the report, stops the run."""

from __future__ import annotations

import json
import logging
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.example_validator import executor as example_validator
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.data_gate import findings as report
from components.data_gate import rules

REPORT_FILE = "report.json"
_LOG = logging.getLogger("bonafide")


class Executor(base_executor.BaseExecutor):
    """Fails when the data must not be trained on."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Checks the data.

        Args:
            input_dict: `statistics` and `anomalies`, one artifact each.
            output_dict: `report`; gets `report.json`.
            exec_properties: `required_splits`, a JSON list.

        Raises:
            DataGateError: There is an error among the findings. TFX then removes the output, so
                the message itself lists them.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        anomalies = artifact_utils.get_single_instance(input_dict["anomalies"])
        counts = _read_counts(statistics)
        findings = [
            *rules.class_counts(counts, json.loads(exec_properties["required_splits"])),
            *rules.unknown_keys(counts),
        ]
        for split, found in _read_anomalies(anomalies).items():
            findings += rules.schema_anomalies(split, found)
        output = artifact_utils.get_single_instance(output_dict["report"])
        output.split_names = anomalies.split_names
        io_utils.write_string_file(f"{output.uri}/{REPORT_FILE}", report.to_json(findings, counts))
        for finding in findings:
            _LOG.log(
                logging.ERROR if finding.severity is report.Severity.ERROR else logging.WARNING,
                "%s",
                finding,
            )
        if report.errors_in(findings):
            raise report.DataGateError(report.refusal(findings))
        _LOG.info(
            "data passed its checks: %s",
            ", ".join(f"{split} {sum(by_class.values())}" for split, by_class in counts.items()),
        )


def _read_counts(statistics: types.Artifact) -> dict[str, dict[str, int]]:
    return {
        split: rules.count_classes(stats_artifact_utils.load_statistics(statistics, split).proto())
        for split in artifact_utils.decode_split_names(statistics.split_names)
    }


def _read_anomalies(anomalies: types.Artifact) -> dict[str, anomalies_pb2.Anomalies]:
    found = {}
    for split in artifact_utils.decode_split_names(anomalies.split_names):
        folder = artifact_utils.get_split_uri([anomalies], split)
        with fileio.open(f"{folder}/{example_validator.DEFAULT_FILE_NAME}", "rb") as stream:
            found[split] = anomalies_pb2.Anomalies.FromString(stream.read())
    return found
