import json

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.data_gate import findings as report
from components.data_gate import rules
from components.data_gate.config import DataGateConfig
from components.data_gate.findings import Finding, Severity

GOOD = {"bonafide": 3, "spoof": 7}


def anomalies(text):
    return text_format.Parse(text, anomalies_pb2.Anomalies())


def test_no_anomaly_is_no_finding():
    assert rules.schema_anomalies("train", anomalies("")) == []


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        ("severity: ERROR", Severity.ERROR),
        ("severity: WARNING", Severity.WARNING),
        ("", Severity.ERROR),
    ],
)
def test_severity_of_an_anomaly_decides(severity, expected):
    [finding] = rules.schema_anomalies(
        "dev",
        anomalies(
            f"""anomaly_info {{ key: "label" value {{ {severity}
                short_description: "Out-of-range values"
                description: "Unexpected value: 2." }} }}"""
        ),
    )
    assert finding.severity is expected
    assert (finding.rule, finding.split, finding.subject) == ("schema", "dev", "label")
    assert "Out-of-range values: Unexpected value: 2. Correct the corpus" in finding.message


def test_every_reason_is_told_with_its_own_advice():
    found = rules.schema_anomalies(
        "train",
        anomalies(
            """anomaly_info { key: "new" value {
               severity: ERROR short_description: "Multiple errors"
               reason { type: SCHEMA_NEW_COLUMN short_description: "New column" }
               reason { type: FEATURE_TYPE_LOW_FRACTION_PRESENT short_description: "Missing" } } }
               dataset_anomaly_info { severity: ERROR short_description: "Low num examples" }"""
        ),
    )
    assert [finding.subject for finding in found] == ["new", "new", "whole split"]
    assert found[0].message.startswith("New column. Add the feature to the schema")
    assert found[1].message.startswith("Missing. Correct the corpus")


def test_a_split_without_data_is_an_error():
    [finding] = rules.schema_anomalies("eval", anomalies("data_missing: true"))
    assert finding.severity is Severity.ERROR


def test_complete_splits_pass_the_counts():
    counts = {"train": GOOD, "dev": GOOD, "eval": GOOD}
    assert rules.class_counts(counts, ["train", "dev", "eval"]) == []
    assert rules.unknown_keys(counts) == []


def test_a_missing_split_and_a_missing_class_are_named():
    counts = {"train": GOOD, "eval": {"spoof": 5}}
    found = rules.class_counts(counts, ["train", "dev", "eval"])
    assert [(finding.split, finding.subject, finding.value) for finding in found] == [
        ("dev", "whole split", 0),
        ("eval", "bonafide", 0),
    ]
    assert all(finding.severity is Severity.ERROR and finding.limit == 1 for finding in found)


def test_a_higher_minimum_is_kept():
    found = rules.class_counts({"train": GOOD}, ["train"], min_utterances=4)
    assert [(finding.subject, finding.value, finding.limit) for finding in found] == [
        ("bonafide", 3, 4)
    ]


def test_an_unknown_key_is_named():
    [finding] = rules.unknown_keys({"train": {**GOOD, "bona-fide": 2}})
    assert finding.subject == "'bona-fide'"
    assert finding.value == 2


@pytest.mark.parametrize(("rejected", "said"), [(True, "were rejected"), (False, "were kept")])
def test_recordings_without_speech_are_counted_by_class_and_split(rejected, said):
    splits = {
        "train": {"without_speech": {"spoof": 48, "bonafide": 0}},
        "dev": {"without_speech": {"bonafide": 1}},
        "eval": {},
    }
    found = rules.without_speech(splits, rejected=rejected)
    assert [(one.rule, one.split, one.subject, one.value) for one in found] == [
        ("without_speech", "train", "spoof", 48),
        ("without_speech", "dev", "bonafide", 1),
    ]
    assert found[0].message.startswith("48 recordings contain no speech. They ")
    assert all(said in one.message for one in found)
    settled = report.settled(found, DataGateConfig())
    assert {one.severity for one in settled} == {Severity.WARNING}


def test_classes_are_counted_from_statistics():
    statistics = text_format.Parse(
        """datasets { num_examples: 5
             features { path { step: "label" } num_stats { } }
             features { path { step: "key" } string_stats { rank_histogram {
               buckets { label: "spoof" sample_count: 4 }
               buckets { label: "bonafide" sample_count: 1 } } } } }""",
        statistics_pb2.DatasetFeatureStatisticsList(),
    )
    assert rules.count_classes(statistics) == {"spoof": 4, "bonafide": 1}
    assert rules.count_classes(statistics_pb2.DatasetFeatureStatisticsList()) == {}


def finding(number, severity=Severity.ERROR):
    return Finding(
        rule="r", severity=severity, split="train", subject=f"s{number}", message="Bad. Mend it."
    )


def test_the_refusal_names_errors_only_and_is_bounded():
    text = report.refusal([finding(0, Severity.WARNING), *(finding(n) for n in range(1, 26))])
    assert "25 errors" in text
    assert "[r] train: s1: Bad. Mend it." in text
    assert "s0" not in text
    assert "s21" not in text
    assert "... and 5 more\n" in text
    assert text.endswith("accept it as it is (--set data_gate.r=warn).")


def test_the_report_says_whether_the_data_passed():
    warned = json.loads(
        report.to_json(report.report_of([finding(1, Severity.WARNING)], {"train": GOOD}, {"a": 1}))
    )
    assert warned["a"] == 1
    assert warned["passed"] is True
    assert warned["counts"] == {"train": GOOD}
    assert warned["findings"][0]["severity"] == "warning"
    assert report.report_of([finding(1)], {}, {})["passed"] is False


@pytest.mark.parametrize(
    ("level", "expected"),
    [("error", [Severity.ERROR]), ("warn", [Severity.WARNING]), ("off", [])],
)
def test_a_setting_makes_an_error_a_warning_or_nothing(level, expected):
    findings = rules.class_counts({"train": GOOD}, ["train"], min_utterances=4)
    config = DataGateConfig(class_counts=level)
    assert [found.severity for found in report.settled(findings, config)] == expected


def test_a_setting_makes_no_error_of_a_warning():
    warning = report.finding(
        DataGateConfig(schema="warn"), "schema", split="dev", subject="x", message="y"
    )
    assert report.settled([warning], DataGateConfig(schema="error")) == [warning]


def test_the_setting_of_a_rule_decides_what_its_finding_does():
    about = {"split": "", "subject": "", "message": ""}
    made = {
        level: report.finding(DataGateConfig(shortcut=level), "shortcut", **about)
        for level in ("off", "warn", "error")
    }
    assert made["off"] is None
    assert made["warn"].severity is Severity.WARNING
    assert made["error"].severity is Severity.ERROR


def test_degraded_copies_are_no_recordings():
    counts = {"train": {"bonafide": 9, "spoof": 21}, "dev": {"bonafide": 3, "spoof": 7}}
    summary = {"splits": {"train": {"read": 10, "degraded_copies": 20}, "dev": {"read": 10}}}
    assert rules.without_copies(counts, summary) == {"train": GOOD, "dev": GOOD}
    assert rules.without_copies({"extra": GOOD}, summary) == {"extra": GOOD}
