"""Protocol files of every layout: which utterances were tried, and which of them are spoofed.

The layout is recognised from the content. Files without a header have columns separated by blanks,
and their number tells which layout it is (`layouts.LAYOUTS`). In files with one (a manifest, or
meta.csv of In-the-Wild) and in JSON Lines, columns are found by name.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bonafide.storage.text_files import FileError, read_text
from bonafide.text import listed, plural
from bonafide.trials import ids, keys, tables
from bonafide.trials.keys import BONAFIDE, NO_ATTACK
from bonafide.trials.layouts import ALL, SUBSETS, Layout, open_layout

_MANIFEST = (
    f"a header naming an utterance column ({', '.join(tables.UTTERANCE_NAMES)}), a key column "
    f"({', '.join(tables.KEY_NAMES)}), and where known a speaker column "
    f"({', '.join(tables.SPEAKER_NAMES)}) and an attack column ({', '.join(tables.ATTACK_NAMES)})"
)


class Trial(NamedTuple):
    """What a row of a protocol says.

    Attributes:
        utterance: Its id.
        speaker: Its id, `-` where it is not known.
        attack: Its id, `-` of a bona fide trial, `spoof` of a spoof whose attack has no name.
        key: `bonafide` or `spoof`.
    """

    utterance: str
    speaker: str
    attack: str
    key: str


@dataclass(frozen=True, eq=False)
class Protocol:
    """The trials of a protocol, in the order of its lines, [N] each.

    Attributes:
        where: Its path, for messages.
        layout: Name of the layout that was recognised.
        utterances: Ids, each once.
        is_bonafide: Keys.
        attacks: Attack ids, `-` of bona fide trials, `spoof` of a spoof whose attack has no name.
        speakers: Ids; None where the file names no speakers.
        left_out: Ids of trials outside of the chosen subset.
    """

    where: str
    layout: str
    utterances: list[str]
    is_bonafide: list[bool]
    attacks: list[str]
    speakers: list[str] | None
    left_out: frozenset[str] = frozenset()


def read_protocol(path: str | os.PathLike[str], *, subset: str = SUBSETS[0]) -> Protocol:
    """Reads a protocol file; see `parse_protocol`.

    Raises:
        FileError: Also where the file cannot be read.
    """
    return parse_protocol(read_text(path), where=str(path), subset=subset)


def parse_protocol(text: str, *, where: str, subset: str = SUBSETS[0]) -> Protocol:
    """Parses a protocol of any layout.

    Args:
        text: Content of the file.
        where: Its path, for messages.
        subset: Which trials to keep where the layout has subsets (ASVspoof 2021): `eval`,
            `progress`, `hidden` or `all`. Other layouts do not look at it.

    Raises:
        FileError: A malformed line (file, line number, content, what was expected), an utterance
            that occurs twice, or no trial.
    """
    layout = None
    table = tables.find_table(text, where, tables.KEY_NAMES)
    if table is None:
        layout, table = open_layout(text, where, otherwise=_MANIFEST)
    rows = _Rows(where)
    for row, trial in read_trials(table, layout):
        own = "" if layout is None else layout.cell(row, "subset")
        rows.subsets[own] += 1
        if own in ("", subset) or subset == ALL:
            rows.add(row.number, trial)
        else:
            rows.left_out.append(trial.utterance)
            rows.left_out_at.append(row.number)
    refuse_duplicates(where, rows.utterances + rows.left_out, rows.lines + rows.left_out_at)
    if not rows.utterances:
        kept = ", ".join(f"{name} {count:,}" for name, count in sorted(rows.subsets.items()))
        raise FileError(f"{where}: no trial is in the subset {subset!r}; there are {kept}")
    return Protocol(
        where=where,
        layout="manifest" if layout is None else layout.name,
        utterances=rows.utterances,
        is_bonafide=rows.is_bonafide,
        attacks=rows.attacks,
        speakers=rows.known_speakers(),
        left_out=frozenset(rows.left_out),
    )


def read_trials(table: tables.Table, layout: Layout | None) -> Iterator[tuple[tables.Row, Trial]]:
    """Yields the rows of a protocol, each with the trial in it.

    Args:
        table: The protocol.
        layout: Its layout; None if it has a header, where keys may be written in several ways.

    Raises:
        FileError: A malformed row, or none.
    """
    utterance_at, speaker_at, attack_at, key_at = (
        table.find(names)
        for names in (
            *(tables.UTTERANCE_NAMES, tables.SPEAKER_NAMES),
            *(tables.ATTACK_NAMES, tables.KEY_NAMES),
        )
    )
    for row in table:
        utterance, attack = row.cell(utterance_at), row.cell(attack_at)
        speaker = row.cell(speaker_at) or NO_ATTACK
        key = keys.key_of(row.cell(key_at))
        if layout is not None:
            problem = layout.problem(row)
        else:
            problem = "the utterance is empty" if utterance in ("", NO_ATTACK) else None
        if problem or key is None:
            raise row.error(problem or keys.unknown_key(row.cell(key_at)))
        names = (utterance, speaker, attack) if layout is None else row.fields
        if problem := keys.attack_problem(key, attack) or ids.id_problem(*names):
            raise row.error(problem)
        yield row, Trial(utterance, speaker, keys.attack_of(key, attack), key)


@dataclass
class _Rows:
    """Trials as they are read, column by column: one object a trial would take ten times as much.

    Names of speakers and attacks are kept once each, however many lines they are on.
    """

    where: str
    utterances: list[str] = field(default_factory=list)
    is_bonafide: list[bool] = field(default_factory=list)
    attacks: list[str] = field(default_factory=list)
    speakers: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    left_out_at: list[int] = field(default_factory=list)
    subsets: Counter[str] = field(default_factory=Counter)
    _names: dict[str, str] = field(default_factory=dict)

    def add(self, line: int, trial: Trial) -> None:
        """Adds the trial on a line."""
        self.utterances.append(trial.utterance)
        self.is_bonafide.append(trial.key == BONAFIDE)
        self.attacks.append(self._names.setdefault(trial.attack, trial.attack))
        self.speakers.append(self._names.setdefault(trial.speaker, trial.speaker))
        self.lines.append(line)

    def known_speakers(self) -> list[str] | None:
        """Returns the speakers, None where no line names one."""
        unknown = self.speakers.count(NO_ATTACK)
        if unknown == len(self.speakers):
            return None
        if unknown:
            line = self.lines[self.speakers.index(NO_ATTACK)]
            raise FileError(
                f"{self.where}:{line}: this trial names no speaker, as {unknown:,} of "
                f"{len(self.speakers):,} do not. Name all speakers, or write '-' for all of them: "
                "intervals are then by utterance"
            )
        return self.speakers


def refuse_duplicates(where: str, utterances: Sequence[str], lines: Sequence[int]) -> None:
    """Raises FileError if an utterance occurs twice; names the first ones and counts all."""
    repeated = [
        f"{utterances[place]} (lines {lines[other]} and {lines[place]})"
        for other, place in ids.duplicates(utterances)
    ]
    if repeated:
        raise FileError(
            f"{where}: {plural(len(repeated), 'line')} with an utterance that was there before: "
            f"{listed(repeated)}. Remove them: each trial has one line"
        )
