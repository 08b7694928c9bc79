"""Files whose columns have names: CSV and its like with a header, and JSON Lines."""

import csv
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence

from bonafide.corpora import base

# As in `bonafide.trials.protocols`, which reads the same manifests beside scores.
_BONAFIDE = frozenset({"bonafide", "bona-fide", "bona_fide", "bona fide", "genuine", "real"})
_SPOOF = frozenset({"spoof", "spoofed", "fake", "deepfake"})
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "development", "val", "valid", "validation"), "dev"),
    **dict.fromkeys(("eval", "evaluation", "test", "testing"), "eval"),
}


@dataclasses.dataclass(frozen=True)
class Row:
    """A row below the header.

    Attributes:
        source: `file:line`.
        cells: Its cells by the name of the column, in small letters; without blanks around them.
    """

    source: str
    cells: Mapping[str, str]

    def fail(self, problem: str) -> base.CorpusError:
        """The error that says what is wrong with this row."""
        shown = base.shown(", ".join(f"{name}={cell}" for name, cell in self.cells.items()))
        return base.CorpusError(f"{self.source}: {problem}\n  row: {shown}")


def read_table(text: str, where: str, *, delimiter: str = "") -> Iterator[Row]:
    """Yields the rows of a table.

    Args:
        text: Its content. CRLF, blank lines and blanks around cells are accepted.
        where: Its path, for messages; `.jsonl` and `.tsv` tell the form.
        delimiter: Between columns; empty to tell it from the ending and the header.

    Raises:
        CorpusError: No header, a row with more or fewer columns, broken quoting or JSON, or no row.
    """
    # Not `base.rows`: at the end of a line, a tab stands before a cell that is empty.
    lines = (
        (number, line.strip(" \r"))
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    )
    rows = (
        _json_rows(lines, where)
        if where.lower().endswith((".jsonl", ".ndjson"))
        else _csv_rows(lines, where, delimiter)
    )
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        raise base.CorpusError(f"{where}: there is no row in it")


def _csv_rows(lines: Iterator[tuple[int, str]], where: str, delimiter: str) -> Iterator[Row]:
    names: list[str] = []
    for number, line in lines:
        if not names:
            delimiter = delimiter or _delimiter(line, where)
            names = [name.lower() for name in _cells(line, delimiter, f"{where}:{number}")]
            if repeated := {name for name in names if names.count(name) > 1}:
                raise base.CorpusError(
                    f"{where}:{number}: the header names {', '.join(sorted(repeated))} twice"
                )
            continue
        cells = _cells(line, delimiter, f"{where}:{number}")
        if len(cells) != len(names):
            raise base.CorpusError(
                f"{where}:{number}: {len(cells)} columns in place of {len(names)}\n"
                f"  line: {base.shown(line)}\n  expected: {delimiter.join(names)}"
            )
        yield Row(f"{where}:{number}", dict(zip(names, cells, strict=True)))


def header(text: str, delimiter: str) -> list[str]:
    """The names of the columns of a table that may be another one; empty if it is none at all."""
    first = next((line for _, line in base.rows(text)), "")
    try:
        return [name.lower() for name in _cells(first, delimiter, "")]
    except base.CorpusError:
        return []


def _delimiter(header: str, where: str) -> str:
    if where.lower().endswith(".tsv"):
        return "\t"
    return next((mark for mark in ",\t;|" if mark in header), ",")


def _cells(line: str, delimiter: str, place: str) -> list[str]:
    """One line is one row: a quoted cell cannot hold a line break."""
    try:
        [cells] = csv.reader([line], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError) as error:
        raise base.CorpusError(
            f"{place}: broken quoting ({error})\n  line: {base.shown(line)}"
        ) from error
    return [cell.strip() for cell in cells]


def _json_rows(lines: Iterator[tuple[int, str]], where: str) -> Iterator[Row]:
    for number, line in lines:
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise base.CorpusError(
                f"{where}:{number}: not JSON ({error})\n  line: {base.shown(line)}"
            ) from error
        if not isinstance(content, dict):
            raise base.CorpusError(
                f"{where}:{number}: not a JSON object\n  line: {base.shown(line)}\n"
                '  expected: {"path": "audio/1.wav", "key": "bonafide", "speaker": "S1"}'
            )
        yield Row(
            f"{where}:{number}",
            {
                name.lower().strip(): "" if value is None else str(value).strip()
                for name, value in content.items()
                if not isinstance(value, dict | list)
            },
        )


def key_of(text: str, *, bonafide: str = "", spoof: str = "") -> str | None:
    """`bonafide` or `spoof` from what a table writes; None if it is neither.

    Args:
        text: What it writes.
        bonafide: Another way to write bona fide.
        spoof: Another way to write spoof.
    """
    if text and text in (bonafide, spoof):
        return base.BONAFIDE if text == bonafide else base.SPOOF
    if text.lower() in _BONAFIDE:
        return base.BONAFIDE
    return base.SPOOF if text.lower() in _SPOOF else None


def unknown_key(text: str) -> str:
    """What is wrong with a key that `key_of` does not know."""
    return (
        f"unknown key {base.shown(text)}; bona fide is {', '.join(sorted(_BONAFIDE))}, spoof is "
        f"{', '.join(sorted(_SPOOF))}. Numbers mean one thing in one corpus and the opposite in "
        "another: say it by corpus.options=bonafide=...,spoof=..."
    )


def split_of(text: str) -> str | None:
    """`train`, `dev` or `eval` from what a table writes; None if it is none of them."""
    return _SPLITS.get(text.lower())


def column(names: Sequence[str], wanted: str, usual: Sequence[str]) -> str | None:
    """The column that is wanted by name, or else the first usual one that there is."""
    if wanted:
        return wanted.lower() if wanted.lower() in names else None
    return next((name for name in usual if name in names), None)
