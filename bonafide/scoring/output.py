"""Where rows go: a table for people, TSV, CSV, JSON, or JSON lines."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from bonafide.scoring.engine import Recording
from bonafide.scoring.rows import COLUMNS, SEGMENT_COLUMNS, Reading, Row, as_text
from bonafide.storage import files
from bonafide.text import visible

Write = Callable[[Recording], None]
_LEFT = ("path", "decision", "error")
_ON_SCREEN = {"score": ".3f", "probability": ".3f", "seconds": ".2f", "start": ".2f", "end": ".2f"}


class OutputError(Exception):
    """An output that cannot be written."""


def rows_of(recording: Recording, reading: Reading, *, segments: bool) -> list[Row]:
    """Returns a row a recording, or one a segment."""
    return reading.segment_rows(recording) if segments else [reading.row(recording)]


@contextlib.contextmanager
def separated(file: TextIO, reading: Reading, *, segments: bool, delimiter: str) -> Iterator[Write]:
    """Writes CSV or TSV with a header, each row as soon as it is there.

    Cells are quoted as in CSV where they hold the delimiter, a quote or a line break.
    """
    columns = SEGMENT_COLUMNS if segments else COLUMNS
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)

    def write(recording: Recording) -> None:
        for row in rows_of(recording, reading, segments=segments):
            writer.writerow(as_text(column, row[column]) for column in columns)
        file.flush()

    yield write


@contextlib.contextmanager
def json_lines(file: TextIO, reading: Reading, *, segments: bool) -> Iterator[Write]:
    """Writes an object a recording, each on a line and as soon as it is there."""

    def write(recording: Recording) -> None:
        file.write(_dumped(_object(recording, reading, segments=segments)) + "\n")
        file.flush()

    yield write


@contextlib.contextmanager
def json_document(
    file: TextIO, reading: Reading, *, segments: bool, about: Mapping[str, Any]
) -> Iterator[Write]:
    """Writes one object: `about`, and all `recordings`, which are not held in memory."""
    file.write(_dumped(about)[:-1] + ', "recordings": [')
    between = "\n"

    def write(recording: Recording) -> None:
        nonlocal between
        file.write(between + _dumped(_object(recording, reading, segments=segments)))
        between = ",\n"

    yield write
    file.write("\n]}\n")


def _object(recording: Recording, reading: Reading, *, segments: bool) -> Row:
    row = reading.row(recording)
    if segments:
        inner = [] if recording.error else reading.segment_rows(recording)
        unwanted = ("path", "error")
        row["segment_scores"] = [
            {key: value for key, value in part.items() if key not in unwanted} for part in inner
        ]
    return row


def _dumped(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


@contextlib.contextmanager
def table(console: Console, reading: Reading, *, segments: bool, title: str) -> Iterator[Write]:
    """Shows a table at the end."""
    rows: list[Row] = []

    def write(recording: Recording) -> None:
        rows.extend(rows_of(recording, reading, segments=segments))

    yield write
    console.print(_table(rows, SEGMENT_COLUMNS if segments else COLUMNS, title))


def _table(rows: list[Row], columns: tuple[str, ...], title: str) -> Table:
    if not any(row["error"] for row in rows):
        columns = columns[:-1]
    result = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        left = column in _LEFT
        result.add_column(
            column,
            justify="left" if left else "right",
            no_wrap=column not in ("path", "error"),
            overflow="fold",
        )
    for row in rows:
        style = "red" if row["error"] else None
        result.add_row(*(_cell(column, row[column]) for column in columns), style=style)
    return result


def _cell(column: str, value: Any) -> str:
    if column == "lowest":
        return "lowest" if value else ""
    if value is None:
        return ""
    # Names may hold what would move the cursor of a terminal.
    return f"{value:{_ON_SCREEN[column]}}" if column in _ON_SCREEN else visible(value)


@contextlib.contextmanager
def beside(path: str) -> Iterator[TextIO]:
    """Opens a file that is there, whole, only when all went well.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        with (
            files.replacing(path) as part,
            part.open("w", encoding="utf-8", newline="") as file,
        ):
            yield file
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def refuse_unwritable(path: str) -> None:
    """Raises OutputError if a file cannot be written, before any work is done."""
    if reason := files.why_not_writable(path):
        raise OutputError(f"cannot write {path}: {reason}")
