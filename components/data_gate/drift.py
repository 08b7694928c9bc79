"""Rules about drift: from the champion's corpus, and from the recordings of a serving log."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from bonafide.audio.measures import NUMBERS, Measures
from bonafide.metrics.distribution import LEAST, Distribution, divergence, divergence_of_names
from components.data_gate.advice import title, value_text
from components.data_gate.config import DataGateConfig
from components.data_gate.findings import Finding, finding
from components.data_gate.profile import BONAFIDE, SPOOF, ClassProfile, Profile, train_rows
from components.data_gate.separation import ENCODING
from components.data_gate.served import ServedModel
from components.data_gate.serving_log import ServingLogStats
from components.data_gate.table import Table

_TRAIN = "train"
_CLASSES = {BONAFIDE: "bona fide speech", SPOOF: "spoofs"}
_SHOWN = 4


@dataclasses.dataclass(frozen=True)
class Drift:
    """Drift of one measure from a reference.

    Attributes:
        number: Name of the measure.
        bits: Jensen-Shannon divergence, from 0 to 1.
        medians: Of the reference and of the utterances; None if the measure is categorical.
    """

    number: str
    bits: float
    medians: tuple[float, float] | None


@dataclasses.dataclass(frozen=True)
class DriftReference:
    """Reference of the drift measurement.

    Attributes:
        served: The model in service; None if there is none.
        serving_log: Statistics of its serving log; None without one.
    """

    served: ServedModel | None = None
    serving_log: ServingLogStats | None = None


def find_drift(
    table: Table, own: Profile, reference: DriftReference, config: DataGateConfig
) -> tuple[list[Finding], dict[str, Any]]:
    """Returns findings, and figures ready for JSON: `champion` and `serving` by measure.

    Args:
        table: The utterances.
        own: Their profile.
        reference: What to compare them with.
        config: Levels and limits.
    """
    findings: list[Finding] = []
    figures: dict[str, Any] = {}
    served = reference.served
    if served and served.profile and served.profile.fingerprint != own.fingerprint:
        rows = train_rows(table)
        by_class = {
            name: drifts(profile, table.measured, rows[name])
            for name, profile in served.profile.classes.items()
        }
        findings += champion_drift(by_class, served.profile, served.version, config)
        figures["champion"] = {
            "version": served.version,
            "corpus": served.profile.corpus,
            "numbers": {name: _plain(found) for name, found in by_class.items()},
        }
    log = reference.serving_log
    if log and BONAFIDE in own.classes:
        everything = np.arange(len(log.measured))
        found = [
            # For people, the reference is the log.
            dataclasses.replace(one, medians=one.medians and one.medians[::-1])
            for one in drifts(own.classes[BONAFIDE], log.measured, everything)
        ]
        findings += serving_drift(found, log, served.scores if served else None, config)
        figures["serving"] = {
            "log": log.source,
            "recordings": len(log.measured),
            "unread": log.unread,
            "numbers": {BONAFIDE: _plain(found)},
        }
    return findings, figures


def _plain(found: list[Drift]) -> dict[str, Any]:
    return {one.number: {"bits": one.bits, "medians": one.medians} for one in found}


def drifts(reference: ClassProfile, measured: Measures, rows: np.ndarray) -> list[Drift]:
    """Returns the drift of each measure, the largest first; none with too few utterances.

    Args:
        reference: What to compare with.
        measured: Utterances.
        rows: Indices of those that are compared.
    """
    if min(reference.count, len(rows)) < LEAST:
        return []
    found = [
        Drift(
            name,
            divergence(reference.numbers[name], values),
            (reference.numbers[name].median, float(np.median(values))),
        )
        for column, name in enumerate(NUMBERS)
        # A champion of another version may lack some measures.
        if name in reference.numbers
        for values in [measured.numbers[rows, column]]
    ]
    names, counts = np.unique(measured.encodings[rows], return_counts=True)
    held = dict(zip(names.tolist(), counts.tolist(), strict=True))
    found.append(Drift(ENCODING, divergence_of_names(reference.encodings, held), None))
    return sorted(found, key=lambda drift: -drift.bits)


def champion_drift(
    by_class: dict[str, list[Drift]], champion: Profile, version: str, config: DataGateConfig
) -> list[Finding]:
    """Returns a finding for each class that drifted from the champion's corpus."""
    findings = [
        finding(
            config,
            "champion_drift",
            split=_TRAIN,
            subject=_CLASSES[name],
            value=drift[0].bits,
            limit=config.max_divergence,
            message=f"differs from the training data of the champion (version {version}, corpus "
            f"{champion.corpus}): {_named(drift, config)}. The new model learns from other "
            "recordings, which the figures on its own eval may not show. If the change is not "
            "intended, check how the recordings were made.",
        )
        for name, drift in by_class.items()
        if drift and drift[0].bits > config.max_divergence
    ]
    return [found for found in findings if found]


def serving_drift(
    drift: list[Drift], log: ServingLogStats, scores: Distribution | None, config: DataGateConfig
) -> list[Finding]:
    """Returns findings if the recordings of the service differ from train, or its scores shift.

    Args:
        drift: Of the log from bona fide speech of train.
        log: Statistics of the log.
        scores: Scores of the model in service for bona fide speech of its eval; None if not known.
        config: Levels and limits.
    """
    findings = []
    if drift and drift[0].bits > config.max_divergence:
        findings.append(
            finding(
                config,
                "serving_drift",
                split=_TRAIN,
                subject=_CLASSES[BONAFIDE],
                value=drift[0].bits,
                limit=config.max_divergence,
                message=f"differs from the {len(log.measured):,} recordings of the service in "
                f"{log.source}: {_named(drift, config)}. Figures on eval do not hold for such "
                "recordings. Add similar ones, or convert both to one level, rate and codec.",
            )
        )
    moved = divergence(scores, log.scores) if scores and len(log.scores) >= LEAST else 0.0
    if scores and moved > config.max_divergence:
        before, after = scores.median, float(np.median(log.scores))
        findings.append(
            finding(
                config,
                "serving_drift",
                split="",
                subject="scores in service",
                value=moved,
                limit=config.max_divergence,
                message=f"scores in {log.source} differ from those of bona fide speech on eval: "
                f"median {after:.2f}, on eval {before:.2f}. Either the recordings differ, or many "
                "of them are spoofs: listen to some with low scores, and label them for the next "
                "training.",
            )
        )
    return [found for found in findings if found]


def _named(drift: list[Drift], config: DataGateConfig) -> str:
    """The measures beyond the limit, with their medians."""
    beyond = [one for one in drift if one.bits > config.max_divergence]
    parts = [_described(one) for one in beyond[:_SHOWN]]
    more = f" and {len(beyond) - _SHOWN} more" if len(beyond) > _SHOWN else ""
    return ", ".join(parts) + more


def _described(drift: Drift) -> str:
    shown = f"{title(drift.number)} {drift.bits:.2f}"
    if drift.medians is None:
        return shown
    there, here = (value_text(drift.number, value) for value in drift.medians)
    return f"{shown} bits (reference median {there}, here {here})"
