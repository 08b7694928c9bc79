"""Rules about schema and counts: plain functions that return findings.

A new rule is a function here and a line in the executor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.data_gate.findings import Finding, Severity

CLASSES = ("bonafide", "spoof")
_CLASS_FEATURE = "key"

_WHAT_TO_DO = {
    anomalies_pb2.AnomalyInfo.SCHEMA_NEW_COLUMN: (
        "Add the feature to the schema if it is intended."
    ),
    anomalies_pb2.AnomalyInfo.SCHEMA_MISSING_COLUMN: (
        "Find out why no utterance has it: UtteranceGen writes every feature of the schema."
    ),
    anomalies_pb2.AnomalyInfo.FEATURE_TYPE_NOT_PRESENT: (
        "Find out why no utterance has it: UtteranceGen writes every feature of the schema."
    ),
}
_DEFAULT_ADVICE = (
    "Correct the corpus or its protocol. Change the schema only if the data is correct."
)


def without_copies(
    counts: Mapping[str, Mapping[str, int]], summary: Mapping[str, Any]
) -> dict[str, dict[str, int]]:
    """Returns the number of recordings of each class without their degraded copies.

    StatisticsGen counts examples; all recordings of a split have the same number of copies.

    Args:
        counts: Split -> class -> examples.
        summary: Summary of UtteranceGen, with the recordings and copies of each split.
    """
    result = {}
    for split, of_split in counts.items():
        figures = summary.get("splits", {}).get(split, {})
        copies = figures.get("degraded_copies", 0)
        held = 1 + copies // figures["read"] if copies else 1
        result[split] = {name: number // held for name, number in of_split.items()}
    return result


def schema_anomalies(split: str, anomalies: anomalies_pb2.Anomalies) -> list[Finding]:
    """Returns a finding for each reason of each anomaly that ExampleValidator found in a split.

    TFDV's severity decides; an anomaly without one counts as an error, as TFDV's own tools do.
    """
    if anomalies.data_missing:
        return [
            Finding(
                rule="schema",
                severity=Severity.ERROR,
                split=split,
                subject="whole split",
                message="The split has no examples. Check the corpus and its protocol.",
            )
        ]
    found = [(name, anomalies.anomaly_info[name]) for name in sorted(anomalies.anomaly_info)]
    if anomalies.HasField("dataset_anomaly_info"):
        found.append(("whole split", anomalies.dataset_anomaly_info))
    return [
        _schema_finding(split, name, info, reason)
        for name, info in found
        for reason in (info.reason or [anomalies_pb2.AnomalyInfo.Reason()])
    ]


def _schema_finding(
    split: str,
    name: str,
    info: anomalies_pb2.AnomalyInfo,
    reason: anomalies_pb2.AnomalyInfo.Reason,
) -> Finding:
    warning = info.severity == anomalies_pb2.AnomalyInfo.WARNING
    short = reason.short_description or info.short_description
    long = reason.description or info.description
    what = ": ".join(text.strip().rstrip(".") for text in (short, long) if text) or "anomaly"
    return Finding(
        rule="schema",
        severity=Severity.WARNING if warning else Severity.ERROR,
        split=split,
        subject=name,
        message=f"{what}. {_WHAT_TO_DO.get(reason.type, _DEFAULT_ADVICE)}",
    )


def class_counts(
    counts: Mapping[str, Mapping[str, int]],
    required_splits: Sequence[str],
    *,
    min_utterances: int = 1,
) -> list[Finding]:
    """Returns a finding for each split that is missing or has too few utterances of a class.

    Args:
        counts: Split -> class -> utterances, from `count_classes`.
        required_splits: Splits that must be there.
        min_utterances: Least number of each class in each of them.
    """
    findings = []
    for split in required_splits:
        if split not in counts:
            findings.append(
                Finding(
                    rule="splits",
                    severity=Severity.ERROR,
                    split=split,
                    subject="whole split",
                    value=0,
                    limit=min_utterances,
                    message="The split is missing; the corpus has "
                    f"{', '.join(sorted(counts)) or 'none'}. Look for its protocol file in the "
                    "corpus. A corpus made for evaluation cannot be used for training.",
                )
            )
            continue
        for name in CLASSES:
            number = counts[split].get(name, 0)
            if number < min_utterances:
                findings.append(
                    Finding(
                        rule="class_counts",
                        severity=Severity.ERROR,
                        split=split,
                        subject=name,
                        value=number,
                        limit=min_utterances,
                        message=f"expected at least {min_utterances} {name} utterances, got "
                        f"{number}. Check the protocol of this split and the rejected utterances.",
                    )
                )
    return findings


def unknown_keys(counts: Mapping[str, Mapping[str, int]]) -> list[Finding]:
    """Returns a finding for each value of `key` that is neither bonafide nor spoof."""
    return [
        Finding(
            rule="unknown_key",
            severity=Severity.ERROR,
            split=split,
            subject=repr(name),
            value=number,
            limit=0,
            message=f"{number} utterances have this `key`, expected {' or '.join(CLASSES)}. "
            "Correct the protocol or its reader.",
        )
        for split, by_class in counts.items()
        for name, number in by_class.items()
        if name not in CLASSES
    ]


def unlike_channels(splits: Mapping[str, Mapping[str, Any]], taken: str) -> list[Finding]:
    """Returns a finding for each class of a split whose files have channels with different sound.

    Args:
        splits: `splits` of UtteranceGen's summary.
        taken: The setting `utterances.channels`.
    """
    findings = []
    for split, figures in splits.items():
        for name, kinds in figures.get("channels", {}).items():
            several = sum(kinds.values())
            unlike = {kind: number for kind, number in kinds.items() if kind != "alike"}
            if not (number := sum(unlike.values())):
                continue
            counted = ", ".join(f"{kind}: {count:,}" for kind, count in sorted(unlike.items()))
            what = (
                "They were averaged: the mean of two voices is neither, and that of opposite "
                "channels is silence. Set utterances.channels to left, right or reject."
                if taken == "mix"
                else f"The {taken} channel was used. Listen to some recordings to check the choice."
            )
            findings.append(
                Finding(
                    rule="unlike_channels",
                    severity=Severity.ERROR,
                    split=split,
                    subject=name,
                    value=number,
                    limit=0,
                    message=f"{number:,} of {several:,} recordings with several channels have "
                    f"different sound in the channels ({counted}). {what}",
                )
            )
    return findings


def without_speech(splits: Mapping[str, Mapping[str, Any]], *, rejected: bool) -> list[Finding]:
    """Returns a finding for each class of a split with recordings that contain no speech.

    Args:
        splits: `splits` of UtteranceGen's summary.
        rejected: Whether UtteranceGen has rejected them, `utterances.reject_without_speech`.
    """
    became = (
        "They were rejected (see rejected.tsv). Find out their origin: a corpus in which synthesis "
        "failed silently has fewer spoofs than its protocol."
        if rejected
        else "They were kept: a detector learns silence, noise or music as a cue of the class. Set "
        "utterances.reject_without_speech=true."
    )
    return [
        Finding(
            rule="without_speech",
            severity=Severity.ERROR,
            split=split,
            subject=name,
            value=number,
            limit=0,
            message=f"{number:,} recordings contain no speech. {became}",
        )
        for split, figures in splits.items()
        for name, number in figures.get("without_speech", {}).items()
        if number
    ]


def count_classes(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> dict[str, int]:
    """Returns utterances by class, from the statistics of the feature `key`; empty without it."""
    for feature in statistics.datasets[0].features if statistics.datasets else []:
        if list(feature.path.step) == [_CLASS_FEATURE] or feature.name == _CLASS_FEATURE:
            return {
                bucket.label: int(bucket.sample_count)
                for bucket in feature.string_stats.rank_histogram.buckets
            }
    return {}
