"""Tables of trials and recordings: CSV and its like, JSON Lines, columns separated by blanks.

All of them become a `Table`: named columns and numbered rows. Byte order marks, CRLF, blank lines
and blanks around cells are accepted; a quoted cell may hold delimiters and line breaks.
"""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bonafide.storage.text_files import FileError
from bonafide.text import plural, shown

# Names of columns, the best one first.
UTTERANCE_NAMES = (
    *("utterance", "utterance_id", "utt", "utt_id", "filename", "file_name", "file", "path", "id"),
)
KEY_NAMES = ("key", "label", "cm-label", "cm_label")
SPEAKER_NAMES = ("speaker", "speaker_id")
ATTACK_NAMES = ("system", "system_id", "attack", "attack_id")

JSON_SUFFIXES = (".jsonl", ".ndjson")
SUFFIXES = (".csv", ".tsv", *JSON_SUFFIXES)
BLANKS = " "
_DELIMITERS = ",\t;|"
_MARKS = ",;|"  # between columns without a header, where it is not blanks


class QuotingError(FileError):
    """Quotes that do not end, or not where a column does."""


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        table: The table.
        number: Of the line on which it begins, from 1.
        fields: Its columns, as many as the table has names.
    """

    table: Table
    number: int
    fields: Sequence[str]

    @property
    def source(self) -> str:
        """Where it is, as `file:line`."""
        return f"{self.table.where}:{self.number}"

    def cell(self, column: int | None) -> str:
        """Returns the cell of a column; an empty one where the table has no such column."""
        return "" if column is None else self.fields[column]

    def error(self, problem: str) -> FileError:
        """Returns the error that names, shows and explains this row."""
        line = self.table.delimiter.join(self.fields)
        return _malformed(self.source, problem, line, self.table.expected)


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Rows of columns that have names. Iterating yields the rows, once, and checks their width.

    Attributes:
        where: Path of the file, for messages.
        line: Number of the line of the header; of the first row where there is no header.
        names: Of the columns, in small letters.
        numbered: The rows below the header, each with the number of its line.
        expected: What a row holds, for messages.
        delimiter: Between the columns.
    """

    where: str
    line: int
    names: tuple[str, ...]
    numbered: Iterator[tuple[int, list[str]]]
    expected: str
    delimiter: str = BLANKS

    def __iter__(self) -> Iterator[Row]:
        """Yields the rows.

        Raises:
            FileError: A row has more or fewer columns than the header, or there is no row.
        """
        width, number = len(self.names), 0
        for number, fields in self.numbered:
            row = Row(self, number, fields)
            if len(fields) != width:
                raise row.error(f"expected {plural(width, 'column')}, got {len(fields)}")
            yield row
        if not number:
            raise FileError(f"{self.where}: expected rows below the header, got none")

    def find(self, names: Iterable[str]) -> int | None:
        """Returns the column with the first of these names that there is; None without one.

        Raises:
            FileError: Several columns have that name.
        """
        name = next((name for name in names if name in self.names), None)
        if name is None:
            return None
        if (count := self.names.count(name)) > 1:
            raise FileError(
                f"{self.where}:{self.line}: expected one column {name!r}, got {count}. Rename the "
                "others"
            )
        return self.names.index(name)


def read_table(text: str, where: str, *, delimiter: str = "") -> Table:
    """Reads a table with a header, or JSON Lines.

    Args:
        text: Its content.
        where: Its path, for messages; `.jsonl`, `.ndjson` and `.tsv` tell the form.
        delimiter: Between columns; empty to recognise it from the header.

    Raises:
        FileError: There is no header, or no JSON on a line. Broken quoting in a row is raised when
            the row is reached.
    """
    table = _table(text, where, delimiter=delimiter)
    if not table.names:
        raise FileError(f"{where}: expected a header and rows below it, got an empty file")
    return table


def find_table(text: str, where: str, required: Container[str]) -> Table | None:
    """Returns the table of a text whose columns have names; None if it has no such header.

    Unlike `read_table`, it takes a header whose columns are separated by blanks.

    Args:
        text: Its content.
        where: Its path, for messages.
        required: Names, one of which the header must have, besides that of an utterance column.

    Raises:
        FileError: It is JSON Lines, and malformed.
    """
    try:
        table = _table(text, where, otherwise=BLANKS)
    except QuotingError:
        return None
    has_utterance = any(name in UTTERANCE_NAMES for name in table.names)
    return table if has_utterance and any(name in required for name in table.names) else None


def without_header(
    text: str,
    where: str,
    forms: Mapping[tuple[str, ...], str],
    *,
    otherwise: str = "",
    fits: Callable[[tuple[str, ...], Sequence[str]], bool] | None = None,
) -> Table:
    """Returns the table of a text without a header.

    Columns are separated by blanks, or by commas, semicolons or bars where blanks give no form.

    Args:
        text: Its content.
        where: Its path, for messages.
        forms: Names of the columns -> what a line holds, for messages. The number of columns on
            the first line decides which form it is.
        otherwise: What else the file may be, for messages.
        fits: Whether the first line is of a form, for forms with equally many columns; the first
            form of that width is taken where none fits.

    Raises:
        FileError: No form has as many columns as the first line, or there is no line.
    """
    widths = sorted({len(names) for names in forms})
    lines = [f"{len(names)} columns: {form}" for names, form in forms.items()]
    lines += [otherwise] if otherwise else []
    expected = "\n    or ".join(lines if len(lines) > 1 else forms.values())
    rows = _blank_separated(text)
    number, first = next(rows, (0, []))
    if not number:
        raise FileError(f"{where}: the file is empty; expected {expected}")
    delimiter = BLANKS
    if len(first) not in widths:
        mark = next((mark for mark in _MARKS if mark in " ".join(first)), "")
        if mark:
            others = _delimited(text, where, mark)
            other_number, cells = next(others)
            # A header that names other columns has as many: only cells that fit are a row.
            if any(len(n) == len(cells) and (fits is None or fits(n, cells)) for n in forms):
                number, first, rows, delimiter = other_number, cells, others, mark
    if len(first) not in widths:
        raise _malformed(
            f"{where}:{number}",
            f"expected {' or '.join(map(str, widths))} columns separated by blanks, got "
            f"{len(first)}",
            " ".join(first),
            expected,
        )
    candidates = [names for names in forms if len(names) == len(first)]
    names = next((n for n in candidates if fits is None or fits(n, first)), candidates[0])
    numbered = itertools.chain([(number, first)], rows)
    return Table(where, number, names, numbered, forms[names], delimiter)


def with_columns(text: str, where: str, names: Sequence[str]) -> Table:
    """Returns the table of a text whose columns somebody named: without a header.

    Args:
        text: Its content.
        where: Its path, for messages.
        names: Of all columns, in order; `-` for one that is not read.

    Raises:
        FileError: The first line has another number of columns, or there is no line.
    """
    form = {tuple(names): " ".join(names).upper()}
    return without_header(text, where, form)


def _table(text: str, where: str, *, delimiter: str = "", otherwise: str = ",") -> Table:
    """Reads a table; it has no names if there is no header at all."""
    first = next((line for line in _lines(text) if line.strip(" \t\r")), "")
    first = first.strip()
    if where.lower().endswith(JSON_SUFFIXES) or (first[:1] == "{" and first[-1] == "}"):
        return _json_lines(text, where)
    if not delimiter and where.lower().endswith(".tsv") and "\t" in first:
        delimiter = "\t"
    delimiter = delimiter or next((mark for mark in _DELIMITERS if mark in first), otherwise)
    rows = _blank_separated(text) if delimiter == BLANKS else _delimited(text, where, delimiter)
    number, cells = next(rows, (1, []))
    names = tuple(cell.lower() for cell in cells)
    return Table(where, number, names, rows, f"columns {', '.join(names)}", delimiter)


def _delimited(text: str, where: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(
        (line.strip(" \r") for line in _lines(text)),
        delimiter=delimiter,
        skipinitialspace=True,
        strict=True,
    )
    done = 0  # lines; a quote that does not end swallows all that follow
    try:
        for fields in reader:
            cells = [cell.strip() for cell in fields]
            if any(cells):
                yield done + 1, cells
            done = reader.line_num
    except csv.Error as error:
        raise QuotingError(
            f"{where}:{done + 1}: broken quoting ({error}). Close each quote before a delimiter, "
            'and write "" for a quote inside of quotes'
        ) from error


def _blank_separated(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yields line numbers from 1 and the columns between any number of blanks, not quoted."""
    for number, line in enumerate(_lines(text), start=1):
        if fields := line.split():
            yield number, fields
        elif rest := line.strip(" \t\r"):  # A form feed or the like alone: no blank line.
            yield number, [rest]


def _json_lines(text: str, where: str) -> Table:
    """Objects may have other names on each line; a column is there if one line has it."""
    rows: list[tuple[int, dict[str, str]]] = []
    for number, line in enumerate(_lines(text), start=1):
        if line.strip(" \t\r"):
            rows.append((number, _json_cells(line.strip(" \t\r"), f"{where}:{number}")))
    names = tuple(dict.fromkeys(name for _, cells in rows for name in cells))
    return Table(
        where,
        rows[0][0] if rows else 1,
        names,
        ((number, [cells.get(name, "") for name in names]) for number, cells in rows),
        f"a JSON object with {', '.join(names)}",
        ", ",
    )


def _json_cells(line: str, place: str) -> dict[str, str]:
    example = '{"path": "audio/1.wav", "key": "bonafide", "speaker": "S1"}'
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _malformed(place, f"not JSON ({error})", line, example) from error
    if not isinstance(content, dict):
        raise _malformed(place, "not a JSON object", line, example)
    return {
        name.lower().strip(): "" if value is None else str(value).strip()
        for name, value in content.items()
        if not isinstance(value, dict | list)
    }


def _lines(text: str) -> Iterator[str]:
    """Yields the lines one by one, without holding them all.

    Not `str.splitlines`, which also breaks at form feeds and then counts lines differently from
    every editor.
    """
    start = 1 if text.startswith("\ufeff") else 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _malformed(place: str, problem: str, line: str, expected: str) -> FileError:
    """Returns the error about a line: where, what is wrong, the line, what was expected."""
    return FileError(f"{place}: {problem}\n  line: {shown(line)}\n  expected: {expected}")
