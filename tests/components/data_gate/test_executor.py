import dataclasses
import json
import pathlib

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.example_validator import executor as example_validator
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from bonafide import corpora
from bonafide.audio import decoding, measures
from bonafide.dataset import listing, measure_files
from components.data_gate import profile
from components.data_gate.component import DataGate
from components.data_gate.config import DataGateConfig
from components.data_gate.executor import Executor
from components.data_gate.findings import DataGateError
from components.data_gate.in_force import InForce

SCHEMA = text_format.Parse(
    """feature { name: "key" type: BYTES presence { min_fraction: 1 } shape { dim { size: 1 } } }
       feature { name: "label" type: INT presence { min_fraction: 1 }
                 int_domain { min: 0 max: 1 } shape { dim { size: 1 } } }""",
    schema_pb2.Schema(),
)


def make_statistics(uri, splits):
    """Writes statistics as StatisticsGen does, from rows of each split."""
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri = str(uri)
    artifact.splits = list(splits)
    for split, rows in splits.items():
        table = pa.RecordBatch.from_arrays(
            [
                pa.array([[key.encode()] for key, _ in rows]),
                pa.array([np.array([label]) for _, label in rows]),
            ],
            ["key", "label"],
        )
        statistics = stats_impl.generate_statistics_in_memory(table)
        folder = uri / f"Split-{split}"
        folder.mkdir(parents=True)
        (folder / "FeatureStats.pb").write_bytes(statistics.SerializeToString())
    return artifact


def validate(statistics, tmp_path):
    """Runs the real ExampleValidator."""
    schema = standard_artifacts.Schema()
    schema.uri = str(tmp_path / "schema")
    io_utils.write_pbtxt_file(f"{schema.uri}/schema.pbtxt", SCHEMA)
    anomalies = standard_artifacts.ExampleAnomalies()
    anomalies.uri = str(tmp_path / "anomalies")
    example_validator.Executor(base_executor.BaseExecutor.Context()).Do(
        {"statistics": [statistics], "schema": [schema]},
        {"anomalies": [anomalies]},
        {"exclude_splits": "[]"},
    )
    return anomalies


def make_examples(uri, splits, speaker=None):
    """Writes what UtteranceGen leaves beside the examples: noise, a speaker each unless one."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(uri)
    (uri / "measures").mkdir(parents=True)
    random, rows = np.random.default_rng(0), []
    for split, keys in splits.items():
        collector = measure_files.Collector(16_000)
        for number, (key, _) in enumerate(keys):
            name = f"{split}{number}"
            samples = random.integers(-9999, 9999, 4000).astype(np.int16)
            facts = decoding.FileFacts(16_000, 1, "FLAC/PCM_16", 8000)
            collector.add(measures.Clip(name, samples, facts))
            system = "-" if key == "bonafide" else f"A-{split}"
            rows.append(
                corpora.Utterance(
                    name, speaker or name, system, key, split, f"{name}.flac", "c", "source"
                )
            )
        data = measure_files.to_bytes(collector.finish())
        (uri / "measures" / f"{split}-00000.npz").write_bytes(data)
    (uri / "utterances.tsv").write_text(listing.listing_tsv(rows, []))
    summary = {"corpus": "c", "corpus_fingerprint": "f00d", "sample_rate": 16_000}
    (uri / "summary.json").write_text(json.dumps(summary))
    return artifact


QUIET = DataGateConfig(attack_balance="off", speaker_balance="off")


OUTPUT = "DataGate/report/5"  # as TFX lays outputs


def gate(tmp_path, splits, config=QUIET, speaker=None, **properties):
    """Returns what DataGate reports on the rows, or lets its error through."""
    statistics = make_statistics(tmp_path / "statistics", splits)
    output = standard_artifacts.ExampleAnomalies()
    output.uri = str(tmp_path / OUTPUT)
    Executor(base_executor.BaseExecutor.Context()).Do(
        {
            "examples": [make_examples(tmp_path / "examples", splits, speaker)],
            "statistics": [statistics],
            "anomalies": [validate(statistics, tmp_path)],
        },
        {"report": [output]},
        {
            "required_splits": '["train", "dev", "eval"]',
            "settings": json.dumps(dataclasses.asdict(config)),
            "in_force": InForce().to_json(),
            "title": "corpus <1>",
            "code_fingerprint": "",
            **properties,
        },
    )
    return json.loads((pathlib.Path(output.uri) / "report.json").read_text())


ROWS = [("bonafide", 1), ("spoof", 0), ("spoof", 0)]


def test_good_data_passes(tmp_path):
    report = gate(tmp_path, {"train": ROWS, "dev": ROWS, "eval": ROWS})
    assert report["passed"] is True
    assert report["findings"] == []
    assert report["counts"]["dev"] == {"bonafide": 1, "spoof": 2}
    assert report["splits"]["dev"]["speakers"] == 3
    assert report["levels"]["shared_speakers"] == "error"


def test_the_page_stands_beside_the_report(tmp_path):
    gate(tmp_path, {"train": ROWS, "dev": ROWS, "eval": ROWS})
    page = (tmp_path / OUTPUT / "data_report.html").read_text()
    assert "corpus &lt;1&gt;" in page
    assert "Fit for training" in page


def test_what_train_sounds_like_is_kept_for_the_model(tmp_path):
    gate(tmp_path, {"train": ROWS, "dev": ROWS, "eval": ROWS})
    found = profile.from_json((tmp_path / OUTPUT / "data_profile.json").read_text())
    assert (found.corpus, found.fingerprint) == ("c", "f00d")
    assert {name: one.count for name, one in found.classes.items()} == {"bonafide": 1, "spoof": 2}


def test_drift_from_the_model_in_service_and_from_what_it_hears(tmp_path, wav):
    many = [("bonafide", 1)] * 200 + [("spoof", 0)] * 200
    splits = {"train": many, "dev": ROWS, "eval": ROWS}
    quiet = dataclasses.replace(QUIET, attack_shortcut="off")
    gate(tmp_path / "first", splits, quiet)
    text = (tmp_path / "first" / OUTPUT / "data_profile.json").read_text()
    extra = tmp_path / "serving" / "41" / "assets.extra"
    extra.mkdir(parents=True)
    (extra.parent / "saved_model.pb").write_text("graph")
    # The champion was trained on the like, but that all its files were at 44.1 kHz.
    changed = text.replace("16000.0", "44100.0").replace("f00d", "beef")
    assert changed.count("44100.0") > 2
    (extra / "data_profile.json").write_text(changed)

    (tmp_path / "call.wav").write_bytes(wav(np.full(16_000, 0.25)))
    (tmp_path / "log.csv").write_text("path,score\n" + "call.wav,1.0\n" * 200)
    logged = dataclasses.replace(quiet, serving_log=str(tmp_path / "log.csv"))
    report = gate(tmp_path / "second", splits, logged, serving=str(tmp_path / "serving"))
    found = [(one["rule"], one["severity"]) for one in report["findings"]]
    assert found == [
        ("champion_drift", "warning"),
        ("champion_drift", "warning"),
        ("serving_drift", "warning"),
    ]
    assert "sampling rate of the file 1.00" in report["findings"][0]["message"]
    page = (tmp_path / "second" / OUTPUT / "data_report.html").read_text()
    assert "the champion (version 41, corpus c)" in page

    # Nothing is read for rules that are off, not even a log that is not there.
    off = dataclasses.replace(logged, champion_drift="off", serving_drift="off", serving_log="gone")
    report = gate(tmp_path / "third", splits, off, serving=str(tmp_path / "serving"))
    assert (report["findings"], report["drift"]) == ([], {})


def test_a_leak_stops_the_run_unless_the_settings_let_it_pass(tmp_path):
    splits = {"train": ROWS, "dev": ROWS, "eval": ROWS}
    with pytest.raises(DataGateError, match=r"\[shared_speakers\] train and dev: S1: 1 speaker"):
        gate(tmp_path / "stops", splits, speaker="S1")
    relaxed = dataclasses.replace(QUIET, shared_speakers="warn")
    report = gate(tmp_path / "passes", splits, relaxed, speaker="S1")
    assert report["passed"] is True
    assert {found["rule"] for found in report["findings"]} == {"shared_speakers"}


def test_errors_are_in_the_exception_and_warnings_in_the_log(tmp_path, caplog):
    caplog.set_level("INFO", logger="bonafide")
    splits = {"train": ROWS, "dev": ROWS, "eval": ROWS}
    with pytest.raises(DataGateError, match=r"\[shared_speakers\]"):
        gate(tmp_path / "stops", splits, speaker="S1")
    assert "[shared_speakers]" not in caplog.text
    relaxed = dataclasses.replace(QUIET, shared_speakers="warn")
    gate(tmp_path / "passes", splits, relaxed, speaker="S1")
    assert caplog.text.count("[shared_speakers] train and dev") == 1


def test_unknown_speakers_are_reported(tmp_path):
    splits = {"train": ROWS, "dev": ROWS, "eval": ROWS}
    config = dataclasses.replace(QUIET, unknown_speakers="warn")
    report = gate(tmp_path, splits, config, speaker="-")
    [found] = [found for found in report["findings"] if found["rule"] == "unknown_speakers"]
    assert found["value"] == 3 * len(ROWS)
    assert "real/SPEAKER/" in found["message"]
    assert report["passed"] is True


def test_anomalies_of_the_schema_stop_the_run(tmp_path):
    with pytest.raises(
        DataGateError, match=r"(?s)1 error.*\[schema\] dev: label: .*[Oo]ut.of.range"
    ):
        gate(tmp_path, {"train": ROWS, "dev": [*ROWS, ("spoof", 2)], "eval": ROWS})


def test_a_missing_split_and_class_stop_the_run(tmp_path):
    with pytest.raises(DataGateError) as caught:
        gate(tmp_path, {"train": ROWS, "eval": ROWS[1:]})
    assert "2 errors" in str(caught.value)
    assert "[splits] dev: whole split: The split is missing" in str(caught.value)
    assert "[class_counts] eval: bonafide: expected at least 1 bonafide utterances, got 0" in str(
        caught.value
    )


def test_errors_are_in_the_exception_alone(tmp_path, caplog):
    """The runner prints the exception; a log line of the same would be a second copy."""
    caplog.set_level("INFO", logger="bonafide")
    with pytest.raises(DataGateError, match=r"\[splits\] dev: whole split"):
        gate(tmp_path, {"train": ROWS, "eval": ROWS[1:]})
    assert "[splits]" not in caplog.text
    assert "[class_counts]" not in caplog.text


def test_the_report_is_written_even_when_the_run_stops(tmp_path):
    with pytest.raises(DataGateError) as caught:
        gate(tmp_path, {"train": ROWS})
    report = json.loads((tmp_path / OUTPUT / "report.json").read_text())
    assert report["passed"] is False
    # And where it stays when TFX has removed the outputs, which the run's message says.
    kept = tmp_path / "DataGate" / "refused"
    assert json.loads((kept / "report.json").read_text()) == report
    assert caught.value.__notes__ == [f"All findings are on the page {kept}/data_report.html"]
    page = (tmp_path / OUTPUT / "data_report.html").read_text()
    assert (kept / "data_report.html").read_text() == page


def test_the_report_is_of_a_type_that_kubeflow_reads_back():
    from tfx import types
    from tfx.orchestration.kubeflow.v2 import compiler_utils

    component = DataGate(
        examples=types.Channel(type=standard_artifacts.Examples),
        statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
        anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
    )
    kind = component.outputs["report"].type
    assert f"tfx.{kind.__name__}" in compiler_utils.TITLE_TO_CLASS_PATH
    assert json.loads(component.exec_properties["required_splits"]) == ["train", "dev", "eval"]
    settings = json.loads(component.exec_properties["settings"])
    assert DataGateConfig(**settings) == DataGateConfig()
    assert InForce.from_json(component.exec_properties["in_force"]) == InForce()
