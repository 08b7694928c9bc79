"""Executor of DataGate: reads artifacts, applies the rules, writes the report, stops the run."""

from __future__ import annotations

import datetime
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

from bonafide.registry.names import PAGE_FILE, PROFILE_FILE, REFUSED_FOLDER, REPORT_FILE
from bonafide.report.data_page import render_data_page
from bonafide.storage import beam_files
from bonafide.version import described_version
from components.data_gate import checks, profile, rules, served
from components.data_gate import findings as report
from components.data_gate.config import DataGateConfig
from components.data_gate.drift import DriftReference
from components.data_gate.in_force import InForce
from components.data_gate.serving_log import read_serving_log

_SHOWN = 6  # findings in the log; the report has all
_LOG = logging.getLogger("bonafide")


class Executor(base_executor.BaseExecutor):
    """Fails if the data is unfit for training."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Checks the data.

        Args:
            input_dict: `examples`, `statistics` and `anomalies`, one artifact each.
            output_dict: `report`; gets `report.json`, `data_report.html` and `data_profile.json`.
            exec_properties: `required_splits`, a JSON list; `settings`, those of `DataGateConfig`
                as JSON; `in_force`, those of `InForce` likewise; `title`; `serving`, the folder of
                pushed models, for drift.

        Raises:
            DataGateError: A finding is an error. The message lists the errors, and a note names the
                page.
            FileNotFoundError: The examples are of another producer, or of an older version.
            ServingLogError: The serving log cannot be read.
            ValueError: The examples are of another version, or incomplete.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples, statistics, anomalies = (
            artifact_utils.get_single_instance(input_dict[name])
            for name in ("examples", "statistics", "anomalies")
        )
        config = DataGateConfig.from_json(exec_properties["settings"])
        with fileio.open(f"{examples.uri}/summary.json") as stream:
            summary = json.loads(stream.read())
        counts = rules.without_copies(_read_counts(statistics), summary)
        required = json.loads(exec_properties["required_splits"])
        found = rules.class_counts(counts, required, min_utterances=config.min_utterances)
        found += rules.unknown_keys(counts)
        for split, of_split in _read_anomalies(anomalies).items():
            found += rules.schema_anomalies(split, of_split)
        table = checks.read_table(examples.uri)
        own = profile.train_profile(table, summary["corpus"], summary["corpus_fingerprint"])
        serving = exec_properties.get("serving") or ""
        reference = _drift_reference(serving, config, summary["sample_rate"])
        found += rules.unlike_channels(summary.get("splits", {}), summary.get("channels", "mix"))
        found += rules.without_speech(
            summary.get("splits", {}), rejected=summary.get("reject_without_speech", False)
        )
        checked = checks.check(
            table, config, own, reference, InForce.from_json(exec_properties["in_force"])
        )
        findings = report.settled(found, config) + checked.findings

        output = artifact_utils.get_single_instance(output_dict["report"])
        output.split_names = anomalies.split_names
        figures = report.report_of(findings, counts, checked.figures)
        files = {
            REPORT_FILE: report.to_json(figures),
            PROFILE_FILE: profile.to_json(own),
            PAGE_FILE: render_data_page(
                figures,
                title=exec_properties["title"],
                date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                version=described_version(),
            ),
        }
        _write(output.uri, files)
        # Errors are in the exception, which the runner shows.
        _log([found for found in findings if found.severity is report.Severity.WARNING])
        if report.errors_in(findings):
            # TFX removes the outputs of a failed component, but users need the findings.
            kept = f"{output.uri.rstrip('/').rsplit('/', 2)[0]}/{REFUSED_FOLDER}"
            _write(kept, files)
            error = report.DataGateError(report.refusal(findings))
            error.add_note(f"All findings are on the page {kept}/{PAGE_FILE}")
            raise error
        _LOG.info(
            "data passed its checks: %s",
            ", ".join(f"{split} {sum(by_class.values())}" for split, by_class in counts.items()),
        )


def _drift_reference(serving: str, config: DataGateConfig, sample_rate: int) -> DriftReference:
    """What the corpus is compared with; nothing is read for a rule that is off."""
    rules_of_drift = ("champion_drift", "serving_drift")
    wanted = [rule for rule in rules_of_drift if getattr(config, rule) != "off"]
    log = None
    if config.serving_log and "serving_drift" in wanted:
        # In a separate process, no Beam pipeline has set the options of the filesystems.
        beam_files.use_options(())
        log = read_serving_log(
            config.serving_log,
            root=config.serving_root,
            most=config.serving_recordings,
            sample_rate=sample_rate,
        )
        if log.unread:
            _LOG.warning("%s: %d recordings cannot be read", log.source, log.unread)
    return DriftReference(served.find_served(serving) if wanted else None, log)


def _write(folder: str, files: dict[str, str]) -> None:
    for name, text in files.items():
        io_utils.write_string_file(f"{folder}/{name}", text)


def _log(findings: list[report.Finding]) -> None:
    for finding in findings[:_SHOWN]:
        _LOG.warning("%s", finding)
    if len(findings) > _SHOWN:
        _LOG.warning("... and %d more (%s has all)", len(findings) - _SHOWN, REPORT_FILE)


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
