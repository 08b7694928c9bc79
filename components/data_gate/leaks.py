"""Rules about speakers, attacks and recordings that splits share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from bonafide.audio.copies import find_copies
from bonafide.corpora import NO_ATTACK
from components.data_gate.config import DataGateConfig
from components.data_gate.findings import Finding, finding
from components.data_gate.table import Table

_SHOWN = 5


def find_leaks(table: Table, config: DataGateConfig) -> list[Finding]:
    """Returns the findings of the rules about splits; rules that are `off` are skipped."""
    rules: dict[str, Callable[[Table, DataGateConfig], Iterator[Finding | None]]] = {
        "unknown_speakers": _unknown_speakers,
        "shared_speakers": _shared_speakers,
        "shared_voices": _shared_voices,
        "shared_attacks": _shared_attacks,
        "identical_audio": _identical_audio,
        "repeated_audio": _repeated_audio,
        "conflicting_labels": _conflicting_labels,
        "near_identical": _near_identical,
    }
    return [
        found
        for name, rule in rules.items()
        if getattr(config, name) != "off"
        for found in rule(table, config)
        if found
    ]


def _unknown_speakers(table: Table, config: DataGateConfig) -> Iterator[Finding | None]:
    if not table.has_speaker.all():
        unknown = int(np.count_nonzero(~table.has_speaker))
        yield finding(
            config,
            "unknown_speakers",
            split="",
            subject="speakers",
            value=unknown,
            limit=0,
            message=f"{_count(unknown, 'utterance')} without a speaker: train and eval may share "
            "voices, so the error rates may be too low, and their intervals are computed by "
            "utterance, which makes them too narrow. The gate refuses such a model "
            "(gate.min_speakers). Name the speakers: real/SPEAKER/, fake/SYSTEM/SPEAKER/, or a "
            "column `speaker` in manifest.csv (docs/corpora.md).",
        )


def _shared_speakers(table: Table, config: DataGateConfig) -> Iterator[Finding | None]:
    people = np.unique(table.speakers[table.is_bonafide])
    for one, other, both in _in_two_splits(table):
        # The model's gate refuses every eval voice that is in training, so report it now.
        shared = both if (one, other) == ("train", "eval") else np.intersect1d(both, people)
        if shared.size:
            yield finding(
                config,
                "shared_speakers",
                split=f"{one} and {other}",
                subject=_named(shared),
                value=shared.size,
                limit=0,
                message=f"{_count(shared.size, 'speaker')} in both: a model that recognises the "
                "voice appears to detect spoofs. Move each speaker to one split; a corpus without "
                "splits is split by speaker (docs/corpora.md).",
            )


def _shared_voices(table: Table, config: DataGateConfig) -> Iterator[Finding | None]:
    people = np.unique(table.speakers[table.is_bonafide])
    for one, other, both in _in_two_splits(table):
        voices = np.setdiff1d(both, people)
        if voices.size and (one, other) != ("train", "eval"):
            yield finding(
                config,
                "shared_voices",
                split=f"{one} and {other}",
                subject=_named(voices),
                value=voices.size,
                limit=0,
                message=f"{_count(voices.size, 'synthetic voice')} in both, without bona fide "
                f"speech: {other} is slightly easier than it should be. Keep each voice in one "
                "split if possible.",
            )


def _in_two_splits(table: Table) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yields two splits and the speakers that are in both, known ones only."""
    known = table.has_speaker
    for one, other in itertools.combinations(table.split_names(), 2):
        both = np.intersect1d(
            table.speakers[known & (table.splits == one)],
            table.speakers[known & (table.splits == other)],
        )
        yield one, other, both


def _shared_attacks(table: Table, config: DataGateConfig) -> Iterator[Finding | None]:
    both = np.intersect1d(
        table.systems[table.splits == "train"], table.systems[table.splits == "eval"]
    )
    both = both[both != NO_ATTACK]
    if both.size:
        yield finding(
            config,
            "shared_attacks",
            split="train and eval",
            subject=_named(both),
            value=both.size,
            limit=0,
            message=f"{_count(both.size, 'attack')} in both: eval does not measure the detection "
            "of unseen attacks. Keep some attacks out of train, or accept this limit "
            "(gate.allow_attack_overlap=true).",
        )


def _identical_audio(table: Table, config: DataGateConfig) -> Iterator[Finding | None]:
    groups = [group for group in _repetitions(table) if np.unique(table.splits[group]).size > 1]
    yield from _recordings(
        table,
        config,
        "identical_audio",
        ((a, b) for group in groups for a, b in _across(table, group)),
        "the same samples are in both: a model only has to memorise them. Remove them from one "
        "split.",
    )


def _repeated_audio(table: Table, config: DataGateConfig) -> Iterator[Finding | None]:
    more: dict[str, list[np.ndarray]] = {}
    for group in _repetitions(table):
        for split in np.unique(table.splits[group]):
            if (inside := group[table.splits[group] == split]).size > 1:
                more.setdefault(str(split), []).append(inside)
    for split, groups in more.items():
        extra = sum(group.size - 1 for group in groups)
        yield finding(
            config,
            "repeated_audio",
            split=split,
            subject=_named(table.utterances[group[1]] for group in groups),
            value=extra,
            limit=0,
            message=f"{_count(extra, 'utterance')} with the same samples as another one of the "
            "split: they count twice. Remove them.",
        )


def _conflicting_labels(table: Table, config: DataGateConfig) -> Iterator[Finding | None]:
    both = [g for g in _repetitions(table) if np.unique(table.is_bonafide[g]).size > 1]
    if both:
        yield finding(
            config,
            "conflicting_labels",
            split="",
            subject=_named(" = ".join(table.utterances[group[:2]]) for group in both),
            value=len(both),
            limit=0,
            message=f"{_count(len(both), 'recording')} with the same samples as bona fide and as "
            "spoof: one of the labels is wrong. Correct the protocol.",
        )


def _near_identical(table: Table, config: DataGateConfig) -> Iterator[Finding | None]:
    _, systems = np.unique(table.systems, return_inverse=True)
    _, splits = np.unique(table.splits, return_inverse=True)
    same = table.measured.digests
    pairs = find_copies(table.measured.marks, systems, splits, max_bit_errors=config.max_bit_errors)
    yield from _recordings(
        table,
        config,
        "near_identical",
        (
            (pair.first, pair.second)
            for pair in pairs
            if not np.array_equal(same[pair.first], same[pair.second])
        ),
        "a copy (re-encoded, trimmed, at another level) of a recording of one split is in the "
        "other: a model only has to memorise it. Listen to both, and remove one of them.",
    )


def _recordings(
    table: Table,
    config: DataGateConfig,
    rule: str,
    pairs: Iterable[tuple[int, int]],
    message: str,
) -> Iterator[Finding | None]:
    """One finding for each two splits that have a recording in common."""
    order = {split: place for place, split in enumerate(table.split_names())}
    by_splits: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for pair in pairs:
        first, second = sorted(pair, key=lambda row: order[str(table.splits[row])])
        key = str(table.splits[first]), str(table.splits[second])
        by_splits.setdefault(key, []).append((first, second))
    for (one, other), found in sorted(by_splits.items()):
        copies = {second for _, second in found}
        yield finding(
            config,
            rule,
            split=f"{one} and {other}",
            subject=_named(" = ".join(table.utterances[list(pair)]) for pair in found),
            value=len(copies),
            limit=0,
            message=f"{_count(len(copies), 'utterance')} of {other}: {message}",
        )


def _repetitions(table: Table) -> list[np.ndarray]:
    """Rows with the same samples, in groups of two and more."""
    digests = table.measured.digests
    order = np.lexsort(digests.T)
    ends = np.flatnonzero((digests[order][1:] != digests[order][:-1]).any(axis=1)) + 1
    return [group for group in np.split(order, ends) if group.size > 1]


def _across(table: Table, group: np.ndarray) -> Iterator[tuple[int, int]]:
    """The first row of each split of a group, with every row of the splits after it."""
    splits = table.splits[group]
    for one, other in itertools.combinations([s for s in table.split_names() if s in splits], 2):
        first = int(group[splits == one][0])
        yield from ((first, int(row)) for row in group[splits == other])


def _named(names: Iterable[str]) -> str:
    names = [str(name) for name in names]
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
