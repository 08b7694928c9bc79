"""All rules over what UtteranceGen left behind: findings, and the figures behind them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from components.data_gate.advice import TITLES
from components.data_gate.balance import find_imbalance
from components.data_gate.config import RULES, DataGateConfig
from components.data_gate.findings import Finding
from components.data_gate.leaks import find_leaks
from components.data_gate.probe import separate_by_all
from components.data_gate.separation import Separation, samples_of, separate_by_number
from components.data_gate.shortcuts import find_shortcuts
from components.data_gate.table import Table, make_table
from components.utterance_gen import listing, measure_files


@dataclasses.dataclass(frozen=True)
class Checked:
    """What the rules found.

    Attributes:
        findings: Of all rules that are not off.
        figures: Ready for JSON: `splits` (what there is of each), `numbers` (split -> number ->
            how well it tells the classes apart), `titles` (number -> name and unit), `levels` and
            `limits` (the settings).
    """

    findings: list[Finding]
    figures: dict[str, Any]


def check_examples(examples_uri: str, config: DataGateConfig) -> Checked:
    """Checks the examples of UtteranceGen by its listing and its measures; opens no audio.

    Raises:
        FileNotFoundError: They are of another producer, or of an older version.
        ValueError: They are of another version, or not whole.
    """
    rows = listing.read_listing(examples_uri)
    return check(make_table(rows, measure_files.read(examples_uri)), config)


def check(table: Table, config: DataGateConfig) -> Checked:
    """Applies the rules about leaks, shortcuts and balance."""
    samples = samples_of(table)
    single = {split: separate_by_number(table, split, rows) for split, rows in samples.items()}
    combined = {}
    if config.combined_shortcut != "off":
        for split, rows in samples.items():
            if found := separate_by_all(table, split, rows):
                combined[split] = found
    settings = dataclasses.asdict(config)
    return Checked(
        findings=[
            *find_leaks(table, config),
            *find_shortcuts(single, combined, config),
            *find_imbalance(table, config),
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
            "titles": TITLES,
            "levels": {name: settings[name] for name in RULES},
            "limits": {name: settings[name] for name in settings if name not in RULES},
        },
    )


def _counts(table: Table, rows: np.ndarray) -> dict[str, float]:
    bonafide = table.is_bonafide[rows]
    speakers = table.speakers[rows][table.knows_speakers[rows]]
    return {
        "bonafide": int(np.count_nonzero(bonafide)),
        "spoof": int(np.count_nonzero(~bonafide)),
        "attacks": int(np.unique(table.systems[rows][~bonafide]).size),
        "speakers": int(np.unique(speakers).size),
        "hours": round(float(table.number("seconds")[rows].sum(dtype=np.float64)) / 3600, 3),
    }


def _plain(found: Separation) -> dict[str, Any]:
    fields = dataclasses.asdict(found)
    return {name: fields[name] for name in fields if name not in ("split", "number")}
