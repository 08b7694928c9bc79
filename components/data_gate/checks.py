"""Applies all rules to the output of UtteranceGen: findings, and their figures."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from bonafide.dataset import listing, measure_files
from bonafide.metrics.slices import MOST_VALUES
from components.data_gate.advice import TITLES
from components.data_gate.balance import find_imbalance
from components.data_gate.config import RULES, DataGateConfig
from components.data_gate.drift import DriftReference, find_drift
from components.data_gate.findings import Finding
from components.data_gate.histograms import histograms_of
from components.data_gate.in_force import InForce
from components.data_gate.leaks import find_leaks
from components.data_gate.one_sided import find_one_sided_codecs
from components.data_gate.probe import separate_by_all
from components.data_gate.profile import Profile
from components.data_gate.separation import Separation, samples_of, separate_by_number
from components.data_gate.shortcuts import find_shortcuts
from components.data_gate.table import Table, make_table


@dataclasses.dataclass(frozen=True)
class Checked:
    """Results of the rules.

    Attributes:
        findings: Of all rules that are not off.
        figures: Ready for JSON: `splits` (counts of each), `numbers` (split -> measure -> how well
            it separates the classes), `titles` (measure -> name and unit), `levels` and `limits`
            (the settings), `drift` (see `drift.find_drift`).
    """

    findings: list[Finding]
    figures: dict[str, Any]


def read_table(examples_uri: str) -> Table:
    """Reads listing and measures of UtteranceGen; opens no audio.

    Raises:
        FileNotFoundError: The examples are of another producer, or of an older version.
        ValueError: They are of another version, or incomplete.
    """
    return make_table(listing.read_listing(examples_uri), measure_files.read(examples_uri))


def check(
    table: Table,
    config: DataGateConfig,
    own: Profile | None = None,
    reference: DriftReference | None = None,
    in_force: InForce | None = None,
) -> Checked:
    """Applies the rules about leaks, shortcuts, balance and drift.

    Args:
        table: The utterances.
        config: Levels and limits.
        own: Profile of this corpus; None skips the rules about drift.
        reference: What to compare it with.
        in_force: Settings of the run, for advice; None where there is no run.
    """
    reference = reference or DriftReference()
    drifted, drift_figures = find_drift(table, own, reference, config) if own else ([], {})
    samples = samples_of(table)
    single = {split: separate_by_number(table, split, rows) for split, rows in samples.items()}
    combined = {}
    if config.combined_shortcut != "off":
        for split, rows in samples.items():
            if found := separate_by_all(table, split, rows):
                combined[split] = found
    settings = dataclasses.asdict(config)
    shortcuts = find_shortcuts(single, combined, config, in_force or InForce())
    return Checked(
        findings=[
            *find_leaks(table, config),
            *find_one_sided_codecs(table, config),
            *shortcuts,
            *find_imbalance(table, config),
            *drifted,
        ],
        figures={
            "splits": {split: _counts(table, rows) for split, rows in table.split_rows()},
            "numbers": {
                split: {
                    one.number: _plain(one)
                    for one in [*single[split], *filter(None, [combined.get(split)])]
                }
                for split in samples
            },
            "histograms": histograms_of(table, samples, shortcuts),
            "drift": drift_figures,
            "titles": TITLES,
            "levels": {name: settings[name] for name in RULES},
            "limits": {name: settings[name] for name in settings if name not in RULES},
        },
    )


def _counts(table: Table, rows: np.ndarray) -> dict[str, Any]:
    bonafide = table.is_bonafide[rows]
    speakers = table.speakers[rows][table.has_speaker[rows]]
    return {
        "bonafide": int(np.count_nonzero(bonafide)),
        "spoof": int(np.count_nonzero(~bonafide)),
        "attacks": int(np.unique(table.systems[rows][~bonafide]).size),
        "speakers": int(np.unique(speakers).size),
        "conditions": {
            name: _by_value(values[rows], bonafide) for name, values in table.metadata.items()
        },
        "hours": round(float(table.number("seconds")[rows].sum(dtype=np.float64)) / 3600, 3),
    }


def _by_value(values: np.ndarray, bonafide: np.ndarray) -> dict[str, list[int]]:
    """Value -> bona fide and spoofed utterances, the most frequent values first."""
    names, codes = np.unique(values, return_inverse=True)
    counts = [np.bincount(codes[flags], minlength=len(names)) for flags in (bonafide, ~bonafide)]
    order = np.argsort(-(counts[0] + counts[1]), kind="stable")[:MOST_VALUES]
    return {str(names[place]): [int(of[place]) for of in counts] for place in order}


def _plain(found: Separation) -> dict[str, Any]:
    fields = dataclasses.asdict(found)
    return {name: fields[name] for name in fields if name not in ("split", "number")}
