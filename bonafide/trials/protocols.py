"""Protocol files of every layout: which utterances were tried, and which of them are spoofed.

The layout is recognised from the content. Files without a header have their columns separated by
blanks, and their number tells which layout it is (`LAYOUTS`); files with one (a CSV manifest, or
meta.csv of In-the-Wild) have their columns found by name.
"""

from __future__ import annotations

import csv
import itertools
import pathlib
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from bonafide.trials.trials import NO_ATTACK, TrialsError

BONAFIDE = "bonafide"
SPOOF = "spoof"  # also the attack id of a spoof whose attack has no name
SUBSETS = ("eval", "progress", "hidden")
ALL_SUBSETS = "all"

# What a key may be called in files that have a header; the ASVspoof layouts have the first of each.
BONAFIDE_KEYS = frozenset({BONAFIDE, "bona-fide", "bona_fide", "bona fide", "genuine", "real"})
SPOOF_KEYS = frozenset({SPOOF, "spoofed", "fake", "deepfake"})

# Names of columns, the best one first.
UTTERANCE_NAMES = (
    *("utterance", "utterance_id", "utt", "utt_id", "filename", "file_name", "file", "path", "id"),
)
KEY_NAMES = ("key", "label")
SPEAKER_NAMES = ("speaker", "speaker_id")
ATTACK_NAMES = ("system", "system_id", "attack", "attack_id")

NAMED = 5  # trials that a message names
_SHOWN_CHARACTERS = 200
_LONGEST_ID = 255  # arrays of ids are as wide as the longest one


class FileError(TrialsError):
    """A file that is not what it should be; the message says where and what was expected."""


@dataclass(frozen=True)
class Layout:
    """A layout without a header. Columns are counted from 0.

    Attributes:
        name: For people.
        expected: What a line holds, with an example.
        key: Column of the key.
        attack: Column of the attack id; None where attacks have no names.
        subset: Column of the subset; None where there is none.
        names_attacks: Whether a spoof must name its attack.
    """

    name: str
    expected: str
    key: int
    attack: int | None
    subset: int | None = None
    names_attacks: bool = False


_SPEAKER, _UTTERANCE = 0, 1  # in every layout

LAYOUTS = {
    5: Layout(
        "ASVspoof 2019",
        "SPEAKER UTTERANCE - SYSTEM KEY (LA) or SPEAKER UTTERANCE ENVIRONMENT ATTACK KEY (PA), "
        "such as 'LA_0079 LA_T_1004644 - A01 spoof' or 'PA_0079 PA_T_0000001 aaa - bonafide'",
        key=4,
        attack=3,
        names_attacks=True,
    ),
    6: Layout(
        "ASVspoof 5, older form",
        "SPEAKER UTTERANCE GENDER CODEC ATTACK KEY, such as 'T_4850 T_0000000000 F - A05 spoof'",
        key=5,
        attack=4,
    ),
    8: Layout(
        "ASVspoof 2021 LA",
        "SPEAKER UTTERANCE CODEC TRANSMISSION ATTACK KEY TRIM SUBSET, such as "
        "'LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval'",
        key=5,
        attack=4,
        subset=7,
    ),
    10: Layout(
        "ASVspoof 5",
        "SPEAKER UTTERANCE GENDER CODEC CODEC_Q CODEC_SEED ATTACK_TAG ATTACK KEY TMP, such as "
        "'D_4461 D_0000000169 F - - - AC1 A14 spoof -'",
        key=8,
        attack=7,
    ),
    12: Layout(
        "ASVspoof 2021 PA",
        "SPEAKER UTTERANCE, seven columns of environment and attacker, KEY TRIM SUBSET, such as "
        "'PA_0010 PA_E_1000001 R3 M3 d4 r1 m1 s4 c4 spoof notrim eval'",
        key=9,
        attack=None,
        subset=11,
    ),
    13: Layout(
        "ASVspoof 2021 DF",
        "SPEAKER UTTERANCE CODEC SOURCE ATTACK KEY TRIM SUBSET VOCODER and four more, such as "
        "'LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress traditional_vocoder "
        "- - - -'",
        key=5,
        attack=4,
        subset=7,
    ),
}
_MANIFEST = (
    f"a header naming an utterance column ({', '.join(UTTERANCE_NAMES)}), a key column "
    f"({', '.join(KEY_NAMES)}), and where known a speaker column ({', '.join(SPEAKER_NAMES)}) and "
    f"an attack column ({', '.join(ATTACK_NAMES)})"
)


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
        left_out: Ids of trials that lie outside of the wanted subset.
    """

    where: str
    layout: str
    utterances: list[str]
    is_bonafide: list[bool]
    attacks: list[str]
    speakers: list[str] | None
    left_out: frozenset[str] = frozenset()


def read_protocol(path: str | pathlib.Path, *, subset: str = SUBSETS[0]) -> Protocol:
    """Reads a protocol file; see `parse_protocol`.

    Raises:
        FileError: Also where the file cannot be read.
    """
    return parse_protocol(read_text(path), where=str(path), subset=subset)


def parse_protocol(text: str, *, where: str, subset: str = SUBSETS[0]) -> Protocol:
    """Parses a protocol of any layout.

    Args:
        text: Content of the file. Byte order mark, CRLF and blank lines are accepted.
        where: Its path, for messages.
        subset: Which trials to keep where the layout has subsets (ASVspoof 2021): `eval`,
            `progress`, `hidden` or `all`. Other layouts do not look at it.

    Raises:
        FileError: A malformed line (file, line number, content, what was expected), an utterance
            that occurs twice, or no trial.
    """
    text = text.removeprefix("\ufeff")
    rows = _Rows(where)
    if header := find_header(text, KEY_NAMES):
        layout = _read_manifest(text, header, rows)
    else:
        layout = _read_columns(text, rows, subset)
    refuse_duplicates(where, rows.utterances + list(rows.left_out), rows.lines + rows.left_out_at)
    if not rows.utterances:
        kept = ", ".join(f"{name} {count:,}" for name, count in sorted(rows.subsets.items()))
        raise FileError(f"{where}: no trial is in the subset {subset!r}; there are {kept}")
    return Protocol(
        where=where,
        layout=layout,
        utterances=rows.utterances,
        is_bonafide=rows.is_bonafide,
        attacks=rows.attacks,
        speakers=rows.known_speakers(),
        left_out=frozenset(rows.left_out),
    )


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

    def add(self, number: int, utterance: str, speaker: str, attack: str, bonafide: bool) -> None:
        """Adds a trial; `-` is a speaker or an attack that is not known."""
        self.utterances.append(utterance)
        self.is_bonafide.append(bonafide)
        if bonafide:
            attack = NO_ATTACK
        elif attack == NO_ATTACK:
            attack = SPOOF
        self.attacks.append(self._names.setdefault(attack, attack))
        self.speakers.append(self._names.setdefault(speaker, speaker))
        self.lines.append(number)

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


def _read_columns(text: str, rows: _Rows, subset: str) -> str:
    """Reads a layout without a header into `rows`; returns its name."""
    where, layout, width = rows.where, None, 0
    for number, fields in table(text, None):
        if layout is None:
            width = len(fields)
            layout = LAYOUTS.get(width) or _refuse_layout(f"{where}:{number}", fields)
        problem = _problem(fields, layout, width)
        if problem:
            malformed(f"{where}:{number}", problem, fields, f"{layout.expected} ({layout.name})")
        utterance = fields[_UTTERANCE]
        if layout.subset is not None and subset != ALL_SUBSETS:
            rows.subsets[fields[layout.subset]] += 1
            if fields[layout.subset] != subset:
                rows.left_out.append(utterance)
                rows.left_out_at.append(number)
                continue
        bonafide = fields[layout.key] == BONAFIDE
        attack = NO_ATTACK if layout.attack is None else fields[layout.attack]
        rows.add(number, utterance, fields[_SPEAKER], attack, bonafide)
    if layout is None:
        raise FileError(f"{where}: the protocol is empty; expected one line for each trial")
    return layout.name


def _refuse_layout(place: str, fields: Sequence[str]) -> NoReturn:
    forms = "\n    ".join(
        f"{width} columns: {layout.expected}" for width, layout in LAYOUTS.items()
    )
    malformed(
        place,
        f"no protocol layout has {counted(len(fields), 'column')} separated by blanks",
        fields,
        f"one of\n    {forms}\n    or {_MANIFEST}",
    )


def _problem(fields: Sequence[str], layout: Layout, width: int) -> str | None:
    """Returns what is wrong with a line; None if nothing is."""
    if len(fields) != width:
        return f"{counted(len(fields), 'column')} in place of {width}"
    key = fields[layout.key]
    if key not in (BONAFIDE, SPOOF):
        at = layout.key + 1
        return f"unknown key {shown(key)}; column {at} must be {BONAFIDE!r} or {SPOOF!r}"
    attack = NO_ATTACK
    if layout.attack is not None:
        attack = fields[layout.attack]
        if key == BONAFIDE and attack not in (NO_ATTACK, BONAFIDE):
            return f"a bonafide line names the attack {shown(attack)}"
        unnamed = (NO_ATTACK, BONAFIDE) if layout.names_attacks else (BONAFIDE,)
        if key == SPOOF and attack in unnamed:
            return f"a spoof line names the attack {shown(attack)}"
    if layout.subset is not None and fields[layout.subset] not in SUBSETS:
        return f"unknown subset {shown(fields[layout.subset])}; there are {', '.join(SUBSETS)}"
    return id_problem(fields[_UTTERANCE], fields[_SPEAKER], attack)


def _read_manifest(text: str, header: Header, rows: _Rows) -> str:
    """Reads a file with a header into `rows`; returns the name of the layout."""
    names = (UTTERANCE_NAMES, KEY_NAMES, SPEAKER_NAMES, ATTACK_NAMES)
    places = [header.find(alike) for alike in names]
    for number, fields in header.rows(text, rows.where):
        if len(fields) != len(header.names):
            problem = f"{counted(len(fields), 'column')} in place of {len(header.names)}"
        else:
            utterance, key, speaker, attack = (
                NO_ATTACK if place is None else fields[place] or NO_ATTACK for place in places
            )
            bonafide = is_bonafide_key(key)
            problem = _manifest_problem(utterance, key, speaker, attack)
        if problem:
            malformed(
                f"{rows.where}:{number}", problem, fields, f"columns {', '.join(header.names)}"
            )
        rows.add(number, utterance, speaker, attack, bool(bonafide))
    if not rows.utterances:
        raise FileError(f"{rows.where}: there is a header and no trial below it")
    return "manifest"


def _manifest_problem(utterance: str, key: str, speaker: str, attack: str) -> str | None:
    """Returns what is wrong with a line of a manifest; None if nothing is."""
    if utterance == NO_ATTACK:
        return "the utterance is empty"
    bonafide = is_bonafide_key(key)
    if bonafide is None:
        return (
            f"unknown key {shown(key)}; bona fide is {', '.join(sorted(BONAFIDE_KEYS))}, spoof is "
            f"{', '.join(sorted(SPOOF_KEYS))} (numbers mean one thing in one corpus and the "
            "opposite in another)"
        )
    if bonafide and attack != NO_ATTACK and not is_bonafide_key(attack):
        return f"a bona fide line names the attack {shown(attack)}; it must be '-' or empty"
    if not bonafide and is_bonafide_key(attack):
        return f"a spoof line names the attack {shown(attack)}"
    return id_problem(utterance, speaker, attack)


# What protocols and score files share.


@dataclass(frozen=True)
class Header:
    """The first line of a file whose columns have names.

    Attributes:
        names: Of the columns, in small letters.
        delimiter: Between columns; None for blanks.
    """

    names: tuple[str, ...]
    delimiter: str | None

    def find(self, names: Iterable[str]) -> int | None:
        """Returns the column that has the first of these names that there is; None without one."""
        return next((self.names.index(name) for name in names if name in self.names), None)

    def rows(self, text: str, where: str) -> Iterator[tuple[int, list[str]]]:
        """Yields line numbers and columns of all lines below the header.

        Raises:
            FileError: Broken quoting.
        """
        try:
            yield from itertools.islice(table(text, self.delimiter), 1, None)
        except QuotingError as error:
            raise FileError(f"{where}:{error.line}: broken quoting: {error}") from error


class QuotingError(ValueError):
    """Quotes that do not end, or not where a column does.

    Attributes:
        line: Number of the line, from 1.
    """

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


def find_header(text: str, wanted: Container[str]) -> Header | None:
    """Returns the header, None if the first line names no utterance or no wanted column."""
    start = len(text) - len(text.lstrip(" \t\r\n"))
    end = text.find("\n", start)
    first = text[start : end if end >= 0 else len(text)].lower()
    delimiter = next((mark for mark in ",\t;" if mark in first), None)
    try:
        names = next((fields for _, fields in table(first, delimiter)), [])
    except QuotingError:
        return None
    if any(name in UTTERANCE_NAMES for name in names) and any(name in wanted for name in names):
        return Header(tuple(names), delimiter)
    return None


def table(text: str, delimiter: str | None) -> Iterator[tuple[int, list[str]]]:
    """Yields line numbers from 1 and columns without blanks around them; blank lines are left out.

    Args:
        text: LF or CRLF between lines. Not `str.splitlines`, which also breaks at form feeds and
            then counts lines differently from every editor.
        delimiter: Between columns, which may be quoted; None for any number of blanks, unquoted.

    Raises:
        QuotingError: Broken quoting.
    """
    lines = text.split("\n")
    if delimiter is None:
        for number, line in enumerate(lines, start=1):
            if fields := line.split():
                yield number, fields
        return
    reader = csv.reader(
        (line.rstrip("\r") for line in lines),
        delimiter=delimiter,
        skipinitialspace=True,
        strict=True,
    )
    done = 0  # lines; a quote that does not end swallows all that follow
    try:
        for fields in reader:
            done = reader.line_num
            fields = [part.strip() for part in fields]
            if any(fields):
                yield done, fields
    except csv.Error as error:
        raise QuotingError(done + 1, str(error)) from error


def is_bonafide_key(key: str) -> bool | None:
    """Returns whether a key of a file with a header means bona fide; None for neither."""
    key = key.lower()
    if key in BONAFIDE_KEYS:
        return True
    return False if key in SPOOF_KEYS else None


def id_problem(*ids: str) -> str | None:
    """Returns why these columns cannot be ids; None if they can."""
    for name in ids:
        if not name.isprintable():
            return f"{shown(name)} holds control characters"
        if len(name) > _LONGEST_ID:
            return f"{shown(name)} is longer than {_LONGEST_ID} characters"
    return None


def refuse_duplicates(where: str, utterances: Sequence[str], lines: Sequence[int]) -> None:
    """Raises FileError if an utterance occurs twice; names the first ones and counts all."""
    if len(set(utterances)) == len(utterances):
        return
    first: dict[str, int] = {}
    repeated = []
    for utterance, line in zip(utterances, lines, strict=True):
        other = first.setdefault(utterance, line)
        if other != line:
            repeated.append(f"{utterance} (lines {other} and {line})")
    raise FileError(
        f"{where}: {counted(len(repeated), 'line')} with an utterance that was there before: "
        f"{listed(repeated)}. Each trial has one line"
    )


def listed(names: Sequence[str]) -> str:
    """Returns the first names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun, in the plural where it must be."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shown(text: str) -> str:
    """Returns a text as a message shows it: without control characters and not too long."""
    return repr(text) if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]!r} ..."


def malformed(place: str, problem: str, fields: Sequence[str], expected: str) -> NoReturn:
    """Raises FileError about a line."""
    raise FileError(
        f"{place}: {problem}\n  line: {shown(' '.join(fields))}\n  expected: {expected}"
    )


def read_text(path: str | pathlib.Path) -> str:
    """Returns the content of a UTF-8 file.

    Raises:
        FileError: It cannot be read or is not text.
    """
    return decode_text(read_bytes(path), str(path))


def read_bytes(path: str | pathlib.Path) -> bytes:
    """Returns the content of a file.

    Raises:
        FileError: It cannot be read.
    """
    try:
        return pathlib.Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise FileError(f"cannot read {path}: {getattr(error, 'strerror', error)}") from error


def decode_text(data: bytes, where: str) -> str:
    """Returns UTF-8, with or without byte order mark, as text.

    Raises:
        FileError: It is something else.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{where}: not a UTF-8 text file: {error}") from error
