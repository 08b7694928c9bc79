"""Protocol files of every layout: the trials and their keys.

The layout is detected from the content. In files without a header, columns are separated by spaces,
and their number determines the layout (`layouts.LAYOUTS`). In files with a header (a manifest, or
meta.csv of In-the-Wild) and in JSON Lines, columns are found by name.
"""

from __future__ import annotations

import operator
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bonafide.storage.text_files import FileError, read_text
from bonafide.text import listed, plural
from bonafide.trials import ids, keys, tables
from bonafide.trials.keys import BONAFIDE, NO_ATTACK, NO_WORDS, KeyWords
from bonafide.trials.layouts import ALL, LAYOUTS, SUBSETS, Layout

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

COLUMNS = ("utterance", "key", "speaker", "attack")  # that can be named
_MANIFEST = (
    f"a header naming an utterance column ({', '.join(tables.UTTERANCE_NAMES)}), a key column "
    f"({', '.join(tables.KEY_NAMES)}), and where known a speaker column "
    f"({', '.join(tables.SPEAKER_NAMES)}) and an attack column ({', '.join(tables.ATTACK_NAMES)})"
)


class Trial(NamedTuple):
    """A row of a protocol.

    Attributes:
        utterance: Id of the utterance.
        speaker: Id of the speaker; `-` if unknown.
        attack: Id of the attack; `-` for bona fide, `spoof` for an unnamed attack.
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
        where: Path of the file, for messages.
        layout: Name of the detected layout.
        utterances: Unique ids.
        is_bonafide: Keys.
        attacks: Attack ids; `-` for bona fide trials, `spoof` for unnamed attacks.
        speakers: Speaker ids; None if the file has none.
        left_out: Ids of trials outside the chosen subset.
        groups: Name of a column of `tables.GROUP_NAMES` -> its value in each trial; empty if
            unknown.
    """

    where: str
    layout: str
    utterances: list[str]
    is_bonafide: list[bool]
    attacks: list[str]
    speakers: list[str] | None
    left_out: frozenset[str] = frozenset()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def groups_of(self, utterances: Iterable[str]) -> dict[str, npt.NDArray[np.str_]]:
        """Returns the metadata of some of the trials, [n] for each column.

        Args:
            utterances: [n] ids, all of the protocol.
        """
        import numpy as np  # readers of corpora start without it

        if not self.groups:
            return {}
        place = {utterance: index for index, utterance in enumerate(self.utterances)}
        rows = [place[str(utterance)] for utterance in utterances]
        return {
            name: np.array([values[row] for row in rows], dtype=np.str_)
            for name, values in self.groups.items()
        }


def read_protocol(path: str | os.PathLike[str], *, subset: str = SUBSETS[0]) -> Protocol:
    """Reads a protocol file; see `parse_protocol`.

    Raises:
        FileError: As `parse_protocol`, or the file cannot be read.
    """
    return parse_protocol(read_text(path), where=str(path), subset=subset)


def parse_protocol(
    text: str,
    *,
    where: str,
    subset: str = SUBSETS[0],
    columns: Sequence[str] = (),
    key_words: KeyWords = NO_WORDS,
) -> Protocol:
    """Parses a protocol of any layout.

    Args:
        text: Content of the file.
        where: Path of the file, for messages.
        subset: Trials to keep if the layout has subsets (ASVspoof 2021): `eval`,
            `progress`, `hidden` or `all`. Other layouts ignore it.
        columns: Names of all columns of a file without a header, such as `utterance`, `key`,
            `speaker`, `attack` and `-` for others; empty to detect the layout.
        key_words: Additional spellings of the keys.

    Raises:
        FileError: A malformed line (file, line number, content, what was expected), an utterance
            that occurs twice, or no trial.
    """
    layout = None
    if columns:
        table = tables.with_columns(text, where, columns)
    elif (found := tables.find_table(text, where, tables.KEY_NAMES)) is not None:
        table = found
    else:
        layout, table = _without_header(text, where, key_words)
    # By column: an object for each trial would take ten times the memory.
    utterances: list[str] = []
    is_bonafide: list[bool] = []
    attacks: list[str] = []
    speakers: list[str] = []
    lines: list[int] = []
    left_out: list[tuple[str, int, str]] = []  # utterance, line and subset
    names: dict[str, str] = {}  # of speakers and groups, shared between lines
    group_places = _group_places(table, layout)
    groups: dict[str, list[str]] = {name: [] for name in group_places}
    chosen = layout is not None and "subset" in layout.names and subset != ALL
    for row, trial in read_trials(table, layout, key_words):
        if chosen and layout and (own := layout.cell(row, "subset")) != subset:
            left_out.append((trial.utterance, row.number, own))
            continue
        utterances.append(trial.utterance)
        is_bonafide.append(trial.key == BONAFIDE)
        attacks.append(trial.attack)
        speakers.append(names.setdefault(trial.speaker, trial.speaker))
        lines.append(row.number)
        for name, places in group_places.items():
            value = "-".join([row.fields[place] for place in places])
            groups[name].append(names.setdefault(value, value))
    outside = [utterance for utterance, _, _ in left_out]
    refuse_duplicates(where, utterances + outside, lines + [line for _, line, _ in left_out])
    if not utterances:
        counts = sorted(Counter(own for _, _, own in left_out).items())
        there = ", ".join(f"{name} {count:,}" for name, count in counts)
        raise FileError(f"{where}: expected trials in the subset {subset!r}, got {there}")
    return Protocol(
        where=where,
        layout="manifest" if layout is None else layout.name,
        utterances=utterances,
        is_bonafide=is_bonafide,
        attacks=attacks,
        speakers=_known_speakers(speakers, lines, where),
        left_out=frozenset(outside),
        groups={name: values for name, values in groups.items() if any(values)},
    )


def _group_places(table: tables.Table, layout: Layout | None) -> dict[str, list[int]]:
    """Returns the columns of metadata; those of a layout may be several with one name."""
    names = table.names if layout is None else layout.names
    places = {
        name: [place for place, other in enumerate(names) if other == name]
        for name in tables.GROUP_NAMES
    }
    # Several columns of a header with one name are not what anybody meant.
    return {name: at for name, at in places.items() if at and (layout or len(at) == 1)}


# Not of a corpus: columns are read as if there were a header, with any spelling of the keys.
_BARE = {
    ("speaker", "utterance", "attack", "key"): "SPEAKER UTTERANCE ATTACK KEY",
    ("utterance", "key"): "UTTERANCE KEY",
}


def _without_header(
    text: str, where: str, key_words: KeyWords
) -> tuple[Layout | None, tables.Table]:
    def fits(names: tuple[str, ...], cells: Sequence[str]) -> bool:
        return key_words.key_of(cells[names.index("key")]) is not None

    layouts = {layout.names: layout for layout in LAYOUTS.values()}
    forms = {names: layout.expected for names, layout in layouts.items()} | _BARE
    table = tables.without_header(text, where, forms, otherwise=_MANIFEST, fits=fits)
    return layouts.get(table.names), table


def read_trials(
    table: tables.Table, layout: Layout | None, key_words: KeyWords = NO_WORDS
) -> Iterator[tuple[tables.Row, Trial]]:
    """Yields the rows of a protocol, each with its trial.

    Args:
        table: The protocol.
        layout: Its layout; None for files with a header, which allow several spellings of keys.
        key_words: Additional spellings of the keys.

    Raises:
        FileError: A malformed row, or no row.
    """
    utterance_at, speaker_at, attack_at, key_at = (
        table.find(names)
        for names in (
            *(tables.UTTERANCE_NAMES, tables.SPEAKER_NAMES),
            *(tables.ATTACK_NAMES, tables.KEY_NAMES),
        )
    )
    assert utterance_at is not None  # Layouts and headers have this column.
    checked = layout.checked if layout else [at for at in (key_at, attack_at) if at is not None]
    cells_of = operator.itemgetter(*checked)
    # Few different keys and attacks occur on many lines.
    known: dict[str | tuple[str, ...], tuple[str, str]] = {}
    for row in table:
        fields = row.fields
        cells = cells_of(fields)
        if cells not in known:
            written = row.cell(key_at), row.cell(attack_at)
            known[cells] = _key_and_attack(row, layout, *written, key_words)
        key, attack = known[cells]
        utterance = fields[utterance_at]
        speaker = NO_ATTACK if speaker_at is None else fields[speaker_at] or NO_ATTACK
        if layout is None and utterance in ("", NO_ATTACK):
            raise row.error("the utterance is empty")
        if problem := ids.id_problem(fields if layout else (utterance, speaker, attack)):
            raise row.error(problem)
        yield row, Trial(utterance, speaker, attack, key)


def _key_and_attack(
    row: tables.Row, layout: Layout | None, key: str, attack: str, key_words: KeyWords
) -> tuple[str, str]:
    """Returns key and attack id of a row, or raises FileError."""
    own_words = key != "" and key in (key_words.bonafide, key_words.spoof)
    if layout and not own_words and (problem := layout.problem(row)):
        raise row.error(problem)
    own = key_words.key_of(key)
    if own is None:
        raise row.error(f"{keys.unknown_key(key)}. {keys.KEYS_OPTION}")
    if problem := keys.attack_problem(own, attack):
        raise row.error(problem)
    return own, keys.attack_of(own, attack)


def _known_speakers(speakers: list[str], lines: Sequence[int], where: str) -> list[str] | None:
    """Returns the speakers; None if no line has one; raises FileError if only some lines do."""
    unknown = speakers.count(NO_ATTACK)
    if unknown == len(speakers):
        return None
    if unknown:
        raise FileError(
            f"{where}:{lines[speakers.index(NO_ATTACK)]}: expected a speaker in all trials or in "
            f"none, got none in {unknown:,} of {len(speakers):,}. Name all speakers, or write '-' "
            "for all of them: intervals are then by utterance"
        )
    return speakers


def refuse_duplicates(where: str, utterances: Sequence[str], lines: Sequence[int]) -> None:
    """Raises FileError if an utterance occurs twice; the message has examples and the number."""
    repeated = [
        f"{utterances[place]} (lines {lines[other]} and {lines[place]})"
        for other, place in ids.duplicates(utterances)
    ]
    if repeated:
        raise FileError(
            f"{where}: expected each utterance once, got {plural(len(repeated), 'duplicate')}: "
            f"{listed(repeated)}. Remove the duplicates"
        )
