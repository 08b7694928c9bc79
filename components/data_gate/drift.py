"""Rules about drift: is this corpus like the champion's, and like what the service hears?"""

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
from components.data_gate.served import Served
from components.data_gate.serving_log import Heard
from components.data_gate.table import Table

_TRAIN = "train"
_CLASSES = {BONAFIDE: "bona fide speech", SPOOF: "spoofs"}
_SHOWN = 4


@dataclasses.dataclass(frozen=True)
class Drift:
    """How far a number of some utterances is from a reference.

    Attributes:
        number: Its name.
        bits: Jensen-Shannon divergence, from 0 to 1.
        medians: There (the reference) and here; None where the number is a name.
    """

    number: str
    bits: float
    medians: tuple[float, float] | None


@dataclasses.dataclass(frozen=True)
class Known:
    """What a corpus is compared with.

    Attributes:
        served: The model in service; None where there is none.
        heard: What it heard; None where there is no log.
    """

    served: Served | None = None
    heard: Heard | None = None


def find_drift(
    table: Table, own: Profile, known: Known, config: DataGateConfig
) -> tuple[list[Finding], dict[str, Any]]:
    """Returns what drifted, and figures ready for JSON: `champion` and `serving` by number.

    Args:
        table: The utterances.
        own: Their profile.
        known: What to compare them with.
        config: Levels and limits.
    """
    findings: list[Finding] = []
    figures: dict[str, Any] = {}
    served = known.served
    if served and served.profile and served.profile.fingerprint != own.fingerprint:
        rows = train_rows(table)
        by_class = {
            name: drifts(reference, table.measured, rows[name])
            for name, reference in served.profile.classes.items()
        }
        findings += champion_drift(by_class, served.profile, served.version, config)
        figures["champion"] = {
            "version": served.version,
            "corpus": served.profile.corpus,
            "numbers": {name: _plain(found) for name, found in by_class.items()},
        }
    heard = known.heard
    if heard and BONAFIDE in own.classes:
        everything = np.arange(len(heard.measured))
        found = [
            # There is what the service hears, here is train.
            dataclasses.replace(one, medians=one.medians and one.medians[::-1])
            for one in drifts(own.classes[BONAFIDE], heard.measured, everything)
        ]
        findings += serving_drift(found, heard, served.scores if served else None, config)
        figures["serving"] = {
            "log": heard.source,
            "recordings": len(heard.measured),
            "unread": heard.unread,
            "numbers": {BONAFIDE: _plain(found)},
        }
    return findings, figures


def _plain(found: list[Drift]) -> dict[str, Any]:
    return {one.number: {"bits": one.bits, "medians": one.medians} for one in found}


def drifts(reference: ClassProfile, measured: Measures, rows: np.ndarray) -> list[Drift]:
    """Returns the drift of each number, the largest first; none if there are too few utterances.

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
        # A champion of another version may not know all numbers.
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
    """Returns a finding for each class whose numbers are not those of the champion's corpus."""
    findings = [
        finding(
            config,
            "champion_drift",
            split=_TRAIN,
            subject=_CLASSES[name],
            value=drift[0].bits,
            limit=config.max_divergence,
            message=f"it is unlike what the champion (version {version}, corpus "
            f"{champion.corpus}) was trained on: {_named(drift, config)}. The new model learns "
            "something else, which its figures on its own eval need not show. If nothing of this "
            "is meant, look at how the recordings were made.",
        )
        for name, drift in by_class.items()
        if drift and drift[0].bits > config.max_divergence
    ]
    return [found for found in findings if found]


def serving_drift(
    drift: list[Drift], heard: Heard, scores: Distribution | None, config: DataGateConfig
) -> list[Finding]:
    """Returns a finding if what the service hears is unlike what is trained on, or its scores move.

    Args:
        drift: Of the log from bona fide speech of train.
        heard: The log.
        scores: What the model in service said of bona fide speech of its eval; None where that is
            not known.
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
                message=f"it is unlike the {len(heard.measured):,} recordings of the service in "
                f"{heard.source}: {_named(drift, config)}. What is measured on eval says little of "
                "such recordings. Add some like them, or bring both to one level, rate and codec.",
            )
        )
    moved = divergence(scores, heard.scores) if scores and len(heard.scores) >= LEAST else 0.0
    if scores and moved > config.max_divergence:
        before, after = scores.median, float(np.median(heard.scores))
        findings.append(
            finding(
                config,
                "serving_drift",
                split="",
                subject="scores in service",
                value=moved,
                limit=config.max_divergence,
                message=f"those in {heard.source} are not those of bona fide speech on eval: "
                f"median {after:.2f} in place of {before:.2f}. Either the recordings are others, "
                "or many of them are spoofs: listen to some with low scores, and label them for "
                "the next training.",
            )
        )
    return [found for found in findings if found]


def _named(drift: list[Drift], config: DataGateConfig) -> str:
    """The numbers beyond the limit, with what they were and are."""
    beyond = [one for one in drift if one.bits > config.max_divergence]
    parts = [_described(one) for one in beyond[:_SHOWN]]
    more = f" and {len(beyond) - _SHOWN} more" if len(beyond) > _SHOWN else ""
    return ", ".join(parts) + more


def _described(drift: Drift) -> str:
    said = f"{title(drift.number)} {drift.bits:.2f}"
    if drift.medians is None:
        return said
    there, here = (value_text(drift.number, value) for value in drift.medians)
    return f"{said} (there {there}, here {here} in the median)"
