"""Splits of a corpus that names no speakers: by groups of files that may share a voice.

Who speaks is then unknown, so that no split can be shown to have voices of its own. What can be
told of a file is kept together:

1. Files of one speaker, where some files have a folder or a row that names one.
2. Files of one name: `real/a.wav` and `fake/a_gen.wav`, `a.wav` and `a.mp3`. Synthesis that copies
   a recording keeps its name, and its voice.
3. Names that begin with a code, as `p225_001` and `p225_002`, where the codes look like speakers:
   several of them in each class, several files each, and none with most of a class.
4. Recordings that are copies of each other (encoded again, trimmed, at another level), which only
   a reader of the audio can find; it hands them to `deal`.

Groups are then dealt to splits as speakers are (`bonafide.corpora.splits`).
"""

import collections
import re
import unicodedata
from collections.abc import Iterable, Sequence

from bonafide.audio import endings
from bonafide.corpora import base, splits
from bonafide.corpora.options import Options
from bonafide.text import plural
from bonafide.trials import keys

LEAST_RECORDINGS = 20  # Of each class: 12 to train on, 3 to choose an epoch by, 5 to measure on.
# The gate needs 20 of each class in eval (gate.min_bonafide, gate.min_spoof), which is a quarter.
ENOUGH_RECORDINGS = 80
_LEAST_GROUPS = 3
# What is appended to the name of a recording that was made from another one.
_MARKS = re.compile(
    r"[ _.-]*(?:\(\d+\)|copy|gen|generated|fake|spoof|real|bonafide|orig|original|synth|vocoded"
    r"|wav|mp3|flac|\d+k|\d+khz)$"
)
# Last letters of these marks: most names end in none, and need no search.
_LAST_OF_MARKS = frozenset(")ynedflgthv3ckz")
_CODE = re.compile(r"([^\W_]+)[ _.-]+.")
_LEAST_CODES = 6  # In each class; fewer are more likely words, such as `file` and `clip`.
_MOST_OF_CLASS = 1 / 3

HOW_TO_NAME_SPEAKERS = """\
Name the speakers, so that no voice is in two splits:
    real/SPEAKER/1.wav    fake/SYSTEM/SPEAKER/1.wav
or list the files in manifest.csv, with a speaker (and, if there are splits, a split) in each row:
    path,key,speaker,system
    audio/1.wav,bonafide,S1,-
    audio/2.wav,spoof,S1,TTS-A"""


def name_groups(rows: Sequence[base.Utterance], *, by_speaker: bool = True) -> tuple[str, ...]:
    """Returns the group of each row, as far as names tell.

    Args:
        rows: Rows of a corpus; a speaker that is called as the system does not count as named.
        by_speaker: Whether a named speaker is a group.
    """
    names = [_plain(row.path.rpartition("/")[2]) for row in rows]
    codes = _speaker_codes(rows, names)
    groups = []
    for row, name, code in zip(rows, names, codes, strict=True):
        if by_speaker and row.speaker_id not in (base.UNKNOWN_SPEAKER, row.system_id):
            groups.append(f"speaker {row.speaker_id}")
        else:
            groups.append(f"code {code}" if code else f"name {name}")
    return tuple(groups)


def _plain(name: str) -> str:
    """A file name without its ending, case and marks such as `_gen`."""
    plain = endings.stem(name)
    if not plain.isascii():
        plain = unicodedata.normalize("NFC", plain)
    plain = plain.casefold()
    while plain[-1:] in _LAST_OF_MARKS and (shorter := _MARKS.sub("", plain)) and shorter != plain:
        plain = shorter
    return plain


def _speaker_codes(rows: Sequence[base.Utterance], names: Sequence[str]) -> list[str]:
    """The code at the beginning of each name; empty ones unless they look like speakers."""
    none = [""] * len(rows)
    codes = [match[1] if (match := _CODE.match(name)) else "" for name in names]
    if not all(codes):
        return none
    for key in (keys.BONAFIDE, keys.SPOOF):
        found = collections.Counter(
            code for row, code in zip(rows, codes, strict=True) if row.key == key
        )
        if len(found) < _LEAST_CODES or found.total() < 2 * len(found):
            return none
        if max(found.values()) > _MOST_OF_CLASS * found.total():
            return none
    return codes


def joined(groups: Sequence[str], pairs: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """Returns groups in which the two rows of each pair, and all of their groups, are one.

    Args:
        groups: The group of each row.
        pairs: Places of two rows that belong together.
    """
    parent = {group: group for group in groups}

    def root(group: str) -> str:
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    for one, other in pairs:
        low, high = sorted((root(groups[one]), root(groups[other])))
        parent[high] = low
    return tuple(root(group) for group in groups)


def deal(
    rows: Sequence[base.Utterance], groups: Sequence[str], options: Options, *, where: str
) -> tuple[tuple[base.Utterance, ...], tuple[str, ...]]:
    """Gives every row a split, whole groups at a time.

    Args:
        rows: Rows whose split does not count yet.
        groups: The group of each.
        options: See `bonafide.corpora.splits`.
        where: The corpus, for messages.

    Returns:
        The rows, without those of attacks that are kept for eval, all of an unknown speaker; and
        notes for people.

    Raises:
        CorpusError: There are too few recordings, or too few groups of a class.
    """
    _check_numbers(rows, groups, where)
    grouped = [base.changed(row, group, "") for row, group in zip(rows, groups, strict=True)]
    try:
        divided, notes = splits.divide(grouped, options, where=where, unit="group")
    except base.CorpusError as error:
        raise base.CorpusError(
            f"{where}: the recordings form {plural(len({*groups}), 'group')} that may share a "
            "voice, which cannot be split so that train, dev and eval each have both classes.\n"
            f"{HOW_TO_NAME_SPEAKERS}"
        ) from error
    kept = tuple(base.changed(row, base.UNKNOWN_SPEAKER, row.split) for row in divided)
    note = (
        f"speakers are not named: files with related names are {plural(len({*groups}), 'group')}, "
        "each in one split"
    )
    return kept, (note, *notes)


def _check_numbers(rows: Sequence[base.Utterance], groups: Sequence[str], where: str) -> None:
    counts = collections.Counter(row.key for row in rows)
    bonafide, spoof = counts[keys.BONAFIDE], counts[keys.SPOOF]
    if min(bonafide, spoof) < LEAST_RECORDINGS:
        raise base.CorpusError(
            f"{where}: expected at least {LEAST_RECORDINGS} recordings of each class, got "
            f"{bonafide:,} bona fide and {spoof:,} spoofed. Add recordings: {LEAST_RECORDINGS} of "
            f"each class can be split into train, dev and eval, and from {ENOUGH_RECORDINGS} of "
            "each class on, eval has enough for the gate. To score them with a model that is "
            "there already, set corpus.options=split=eval or use `bonafide score`"
        )
    of_class = {
        key: len({group for row, group in zip(rows, groups, strict=True) if row.key == key})
        for key in (keys.BONAFIDE, keys.SPOOF)
    }
    if min(of_class.values()) < _LEAST_GROUPS:
        raise base.CorpusError(
            f"{where}: files of one name, of one speaker or with the same sound stay in one split, "
            f"and the {bonafide:,} bona fide recordings form {of_class[keys.BONAFIDE]:,} such "
            f"groups, the {spoof:,} spoofed ones {of_class[keys.SPOOF]:,}; {_LEAST_GROUPS} of each "
            "are the least. Add recordings of other speakers"
        )
