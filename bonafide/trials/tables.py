"""Tables of trials and recordings: CSV, TSV, JSON Lines, columns separated by spaces.

All of them become a `Table`: named columns and numbered rows. Byte order marks, CRLF, blank lines
and spaces around cells are accepted; quoted cells may contain delimiters and line breaks.
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

# Names of columns, the preferred one first.
UTTERANCE_NAMES = (
    *("utterance", "utterance_id", "utt", "utt_id", "filename", "file_name", "file", "path", "id"),
)
KEY_NAMES = ("key", "label", "cm-label", "cm_label")
SPEAKER_NAMES = ("speaker", "speaker_id")
ATTACK_NAMES = ("system", "system_id", "attack", "attack_id")
# Metadata that several utterances share and that do not identify an attack.
GROUP_NAMES = (
    *("corpus", "codec", "transmission", "environment", "device", "source", "language", "gender"),
)

JSON_SUFFIXES = (".jsonl", ".ndjson")
SUFFIXES = (".csv", ".tsv", *JSON_SUFFIXES)
BLANKS = " "
_DELIMITERS = ",\t;|"
_MARKS = ",;|"  # between columns without a header, where it is not blanks


class QuotingError(FileError):
    """A quote is not closed, or not at the end of a column."""


# A row's cells, or the error in place of one that cannot be read.
Cells = list[str] | FileError


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        table: The table.
        number: Number of its first line, from 1.
        fields: Its cells, as many as the table has columns.
    """

    table: Table
    number: int
    fields: Sequence[str]

    @property
    def source(self) -> str:
        """Position of the row, as `file:line`."""
        return f"{self.table.where}:{self.number}"

    def cell(self, column: int | None) -> str:
        """Returns the cell of a column; empty if the table has no such column."""
        return "" if column is None else self.fields[column]

    def error(self, problem: str) -> FileError:
        """Returns an error with the position and content of this row."""
        line = self.table.delimiter.join(self.fields)
        return _malformed(self.source, problem, line, self.table.expected)


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """A table with named columns. It can be iterated once, which validates the width of rows.

    Attributes:
        where: Path of the file, for messages.
        line: Line number of the header, or of the first row without a header.
        names: Names of the columns, in lower case.
        numbered: The rows below the header, with line numbers; errors in place of rows that
            cannot be read.
        expected: Format of a row, for messages.
        delimiter: Delimiter of the columns.
    """

    where: str
    line: int
    names: tuple[str, ...]
    numbered: Iterator[tuple[int, Cells]]
    expected: str
    delimiter: str = BLANKS

    def __iter__(self) -> Iterator[Row]:
        """Yields the rows.

        Raises:
            FileError: A row cannot be read or has more or fewer columns than the header, or there
                is no row.
        """
        for _, row in self.attempts():
            if isinstance(row, FileError):
                raise row
            yield row

    def attempts(self) -> Iterator[tuple[str, Row | FileError]]:
        """Yields the position of each row, and the row or the error of a malformed one.

        Raises:
            FileError: There is no row.
        """
        width, number = len(self.names), 0
        for number, fields in self.numbered:
            row: Row | FileError
            if isinstance(fields, FileError):
                row = fields
            else:
                row = Row(self, number, fields)
                if len(fields) != width:
                    row = row.error(f"expected {plural(width, 'column')}, got {len(fields)}")
            yield f"{self.where}:{number}", row
        if not number:
            raise FileError(f"{self.where}: expected rows below the header, got none")

    def find(self, names: Iterable[str]) -> int | None:
        """Returns the column of the first of these names that exists; None without one.

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
        text: Content of the file.
        where: Path of the file, for messages; `.jsonl`, `.ndjson` and `.tsv` define the format.
        delimiter: Delimiter of the columns; empty: detected from the header.

    Raises:
        FileError: There is no header. The iteration raises it for invalid quoting in a row, and
            for a line that is not JSON.
    """
    table = _table(text, where, delimiter=delimiter)
    if not table.names:
        raise FileError(f"{where}: expected a header and rows below it, got an empty file")
    return table


def find_table(text: str, where: str, required: Container[str]) -> Table | None:
    """Returns the table of a text with a header; None if it has no such header.

    Unlike `read_table`, it accepts headers whose columns are separated by spaces.

    Args:
        text: Content of the file.
        where: Path of the file, for messages.
        required: The header must have one of these names and an utterance column.

    Raises:
        FileError: It is malformed JSON Lines.
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

    Columns are separated by spaces, or by commas, semicolons or bars if no entry has as many
    columns as spaces give.

    Args:
        text: Content of the file.
        where: Path of the file, for messages.
        forms: Names of the columns -> format of a line, for messages. The number of columns in
            the first line selects the entry.
        otherwise: Further accepted formats, for messages.
        fits: Whether the first line matches an entry, for entries of equal width; the first of
            that width is selected if none matches.

    Raises:
        FileError: No entry has the number of columns of the first line, or the file is empty.
    """
    widths = sorted({len(names) for names in forms})
    lines = [f"{len(names)} columns: {form}" for names, form in forms.items()]
    lines += [otherwise] if otherwise else []
    expected = "\n    or ".join(lines if len(lines) > 1 else forms.values())
    rows: Iterator[tuple[int, Cells]] = _blank_separated(text)
    number, first = _first(rows, of_none=0)
    if not number:
        raise FileError(f"{where}: the file is empty; expected {expected}")
    delimiter = BLANKS
    if len(first) not in widths:
        mark = next((mark for mark in _MARKS if mark in " ".join(first)), "")
        if mark:
            others = _delimited(text, where, mark)
            other_number, cells = _first(others)
            # A header that names other columns has as many: only cells that fit are a row.
            if any(len(n) == len(cells) and (fits is None or fits(n, cells)) for n in forms):
                number, first, rows, delimiter = other_number, cells, others, mark
    if len(first) not in widths:
        raise _malformed(
            f"{where}:{number}",
            f"expected {' or '.join(map(str, widths))} columns separated by spaces, got "
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
    """Reads a table; it has no column names without a header."""
    first = next((line for line in _lines(text) if line.strip(" \t\r")), "")
    first = first.strip()
    if where.lower().endswith(JSON_SUFFIXES) or (first[:1] == "{" and first[-1] == "}"):
        return _json_lines(text, where)
    if not delimiter and where.lower().endswith(".tsv") and "\t" in first:
        delimiter = "\t"
    delimiter = delimiter or next((mark for mark in _DELIMITERS if mark in first), otherwise)
    rows: Iterator[tuple[int, Cells]]
    rows = _blank_separated(text) if delimiter == BLANKS else _delimited(text, where, delimiter)
    number, cells = _first(rows)
    names = tuple(cell.lower() for cell in cells)
    return Table(where, number, names, rows, f"columns {', '.join(names)}", delimiter)


def _first(rows: Iterator[tuple[int, Cells]], of_none: int = 1) -> tuple[int, list[str]]:
    """Returns the first row; raises its error.

    Args:
        rows: The rows.
        of_none: Number of the empty row that is returned where there is none.
    """
    number, cells = next(rows, (of_none, []))
    if isinstance(cells, FileError):
        raise cells
    return number, cells


class _Lines:
    """The lines of a text, lazily; can go back to the second line of the current row.

    `str.splitlines` also breaks at form feeds, so its line numbers differ from those of editors.

    Attributes:
        number: Number of lines that were read.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 1 if text.startswith("\ufeff") else 0
        self.number = 0
        self._second = (self._at, 0)

    def begin_row(self) -> None:
        """Marks that the next line is the first of a row."""
        self._first = self.number + 1

    def go_back(self) -> None:
        """Continues with the second line of the current row."""
        self._at, self.number = self._second

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._at > len(self._text):
            raise StopIteration
        end = self._text.find("\n", self._at)
        end = len(self._text) if end < 0 else end
        line = self._text[self._at : end]
        self._at, self.number = end + 1, self.number + 1
        if self.number == self._first:
            self._second = (self._at, self.number)
        return line.strip(" \r") + "\n"


def _delimited(text: str, where: str, delimiter: str) -> Iterator[tuple[int, Cells]]:
    """Yields line numbers from 1 and cells; an error in place of a row with broken quoting.

    A quote that is not closed includes the lines that follow. They are read again as rows of their
    own, so that only the line with the quote is lost.
    """
    lines = _Lines(text)
    reader = _csv_reader(lines, delimiter)
    width = 0  # of the first row
    while True:
        lines.begin_row()
        first = lines.number + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            yield first, _quoting_error(f"{where}:{first}", error)
        else:
            if not any(cells):
                continue
            width = width or len(cells)
            if len(cells) == width or lines.number == first:
                yield first, cells
                continue
            yield first, _quoting_error(f"{where}:{first}", "a quote includes further lines")
        lines.go_back()
        reader = _csv_reader(lines, delimiter)


def _csv_reader(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)


def _quoting_error(place: str, problem: object) -> QuotingError:
    return QuotingError(
        f"{place}: broken quoting ({problem}). Close each quote before a delimiter, "
        'and write "" for a quote inside quotes'
    )


def _blank_separated(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yields line numbers from 1 and unquoted columns, separated by any number of spaces."""
    for number, line in enumerate(_lines(text), start=1):
        if fields := line.split():
            yield number, fields
        elif rest := line.strip(" \t\r"):  # A line with only a form feed is not blank.
            yield number, [rest]


def _json_lines(text: str, where: str) -> Table:
    """Reads JSON Lines, whose objects may have different names; columns are their union."""
    rows: list[tuple[int, dict[str, str] | FileError]] = []
    for number, line in enumerate(_lines(text), start=1):
        if line := line.strip(" \t\r"):
            try:
                rows.append((number, _json_cells(line, f"{where}:{number}")))
            except FileError as error:
                rows.append((number, error))
    objects = [cells for _, cells in rows if not isinstance(cells, FileError)]
    if rows and not objects:
        raise rows[0][1]  # type: ignore[misc]  # All are errors.
    names = tuple(dict.fromkeys(name for cells in objects for name in cells))

    def numbered() -> Iterator[tuple[int, Cells]]:
        for number, cells in rows:
            if isinstance(cells, FileError):
                yield number, cells
            else:
                yield number, [cells.get(name, "") for name in names]

    return Table(
        where,
        rows[0][0] if rows else 1,
        names,
        numbered(),
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
    """Yields the lines lazily.

    `str.splitlines` also breaks at form feeds, so its line numbers differ from those of
    editors.
    """
    start = 1 if text.startswith("\ufeff") else 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _malformed(place: str, problem: str, line: str, expected: str) -> FileError:
    """Returns the error of a line: position, problem, content, expected format."""
    return FileError(f"{place}: {problem}\n  line: {shown(line)}\n  expected: {expected}")
