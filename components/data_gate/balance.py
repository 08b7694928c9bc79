"""Rules about the balance of classes, attacks, speakers and shards."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bonafide.text import percent
from components.data_gate.config import DataGateConfig
from components.data_gate.findings import Finding, finding
from components.data_gate.table import Table

_SHOWN = 5


def find_imbalance(table: Table, config: DataGateConfig) -> list[Finding]:
    """Returns a finding for each imbalance of a split."""
    return [
        found
        for split, rows in table.split_rows()
        for rule in (_classes, _attacks, _speakers, _shards)
        for found in rule(table, split, rows, config)
        if found
    ]


def _classes(
    table: Table, split: str, rows: np.ndarray, config: DataGateConfig
) -> Iterator[Finding | None]:
    bonafide = float(table.is_bonafide[rows].mean())
    for name, share in (("bona fide", bonafide), ("spoof", 1 - bonafide)):
        if 0 < share < config.min_class_share:  # class_counts reports a share of 0.
            yield finding(
                config,
                "class_balance",
                split=split,
                subject=name,
                value=share,
                limit=config.min_class_share,
                message=f"only {percent(share)} of the split: its error rates are uncertain, and "
                "training has few examples. Add recordings of this class.",
            )


def _attacks(
    table: Table, split: str, rows: np.ndarray, config: DataGateConfig
) -> Iterator[Finding | None]:
    systems = table.systems[rows][~table.is_bonafide[rows]]
    names, counts = np.unique(systems, return_counts=True)
    few = names[counts < config.min_attack_utterances]
    if few.size:
        more = f" and {few.size - _SHOWN} more" if few.size > _SHOWN else ""
        yield finding(
            config,
            "attack_balance",
            split=split,
            subject=", ".join(few[:_SHOWN].tolist()) + more,
            value=int(counts.min()),
            limit=config.min_attack_utterances,
            message=f"{few.size} of {names.size} attacks have fewer than "
            f"{config.min_attack_utterances} utterances: their error rates are uncertain. Add "
            "utterances, or read the figures of these attacks with their intervals.",
        )


def _speakers(
    table: Table, split: str, rows: np.ndarray, config: DataGateConfig
) -> Iterator[Finding | None]:
    rows = rows[table.has_speaker[rows]]
    for name, flags in (
        ("bona fide", table.is_bonafide[rows]),
        ("spoof", ~table.is_bonafide[rows]),
    ):
        speakers, counts = np.unique(table.speakers[rows][flags], return_counts=True)
        if not speakers.size:
            continue
        common = {"split": split, "subject": name}
        if speakers.size < config.min_speakers:
            yield finding(
                config,
                "speaker_balance",
                **common,
                value=speakers.size,
                limit=config.min_speakers,
                message=f"{speakers.size} speaker{'s'[: speakers.size > 1]}, fewer than "
                f"{config.min_speakers}: a detector can learn the voices, and intervals by "
                "speakers are wide. Add speakers.",
            )
        elif (share := float(counts.max() / counts.sum())) > config.max_speaker_share:
            yield finding(
                config,
                "speaker_balance",
                **common,
                value=share,
                limit=config.max_speaker_share,
                message=f"{percent(share)} of its utterances are of speaker "
                f"{speakers[counts.argmax()]}: this voice dominates the figures. Add other "
                "speakers, or remove some of its utterances.",
            )


def _shards(
    table: Table, split: str, rows: np.ndarray, config: DataGateConfig
) -> Iterator[Finding | None]:
    flags = table.is_bonafide[rows]
    share = float(flags.mean())
    _, shards = np.unique(table.shards[rows], return_inverse=True)
    sizes = np.bincount(shards)
    bonafide = np.bincount(shards, weights=flags)
    # One utterance more or fewer is no imbalance: shards cannot be more equal.
    off = np.maximum(np.abs(bonafide - sizes * share) - 1, 0) / sizes
    worst = int(off.argmax())
    if off[worst] > config.max_shard_difference:
        yield finding(
            config,
            "shard_balance",
            split=split,
            subject=f"shard {worst + 1} of {sizes.size}",
            value=float(off[worst]),
            limit=config.max_shard_difference,
            message=f"{percent(float(bonafide[worst] / sizes[worst]))} of it is bona fide, and "
            f"{percent(share)} of the split: its batches have another class balance. "
            "Check the rejected utterances, or run UtteranceGen again.",
        )
