"""Output of rows: a console table, TSV, CSV, JSON, or JSON lines."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from bonafide import cells
from bonafide.scoring.engine import Recording
from bonafide.scoring.rows import COLUMNS, SEGMENT_COLUMNS, Reading, Row, as_text
from bonafide.storage import files
from bonafide.text import visible

STDOUT = "-"
Write = Callable[[Recording], None]
_LEFT = ("path", "channel", "decision", "partly_spoofed", "unlike_training", "note", "error")
_FOLDED = ("path", "unlike_training", "note", "error")
_ON_SCREEN = {
    **{"score": ".3f", "probability": ".3f", "seconds": ".2f", "speech": ".2f", "start": ".2f"},
    **{"end": ".2f", "lowest_start": ".2f"},
}
# In a table, a flag is a word, so that it is noticed.
_FLAGS = {"lowest": "lowest", "partly_spoofed": "partly spoofed?"}
# Columns that a table omits if all rows have this value.
_PLAIN: dict[str, set[Any]] = {
    **{"channel": {"mono", "mix", None}, "unlike_training": {None}},
    **{"note": {None}, "error": {None}},
}


class OutputError(Exception):
    """An output cannot be written."""


def rows_of(recording: Recording, reading: Reading, *, segments: bool) -> list[Row]:
    """Returns a row per recording and separately scored channel, or a row per segment."""
    return reading.segment_rows(recording) if segments else reading.rows(recording)


@contextlib.contextmanager
def separated(file: TextIO, reading: Reading, *, segments: bool, delimiter: str) -> Iterator[Write]:
    """Writes CSV or TSV with a header, each row as soon as it is available.

    Cells are quoted as in CSV if they contain the delimiter or a quote; `bonafide.cells` describes
    how text is escaped.
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
    """Writes an object per recording, one per line and as soon as it is available."""

    def write(recording: Recording) -> None:
        file.write(_dumped(as_object(recording, reading, segments=segments)) + "\n")
        file.flush()

    yield write


@contextlib.contextmanager
def json_document(
    file: TextIO, reading: Reading, *, segments: bool, about: Mapping[str, Any]
) -> Iterator[Write]:
    """Writes one object with `about` and all `recordings`, without keeping them in memory."""
    file.write(_dumped(about)[:-1] + ', "recordings": [')
    between = "\n"

    def write(recording: Recording) -> None:
        nonlocal between
        file.write(between + _dumped(as_object(recording, reading, segments=segments)))
        between = ",\n"

    yield write
    file.write("\n]}\n")


def as_object(recording: Recording, reading: Reading, *, segments: bool) -> Row:
    """Returns the JSON object of a recording: its row, `channels` and `segment_scores`."""
    own, *channels = reading.rows(recording)
    if channels:
        unwanted = ("path", "note", "error")
        own["channels"] = [_without(unwanted, row) for row in channels]
    if segments:
        inner = reading.segment_rows(recording) if recording.has_score else []
        own["segment_scores"] = [_without(("path", "error"), row) for row in inner]
    return own


def _without(names: tuple[str, ...], row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def _dumped(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    if text.isprintable():
        return text
    # As escapes of JSON, so that a terminal does not obey them.
    return "".join(json.dumps(one)[1:-1] if cells.is_unseen(one) else one for one in text)


@contextlib.contextmanager
def table(console: Console, reading: Reading, *, segments: bool, title: str) -> Iterator[Write]:
    """Prints a table at the end."""
    rows: list[Row] = []

    def write(recording: Recording) -> None:
        rows.extend(rows_of(recording, reading, segments=segments))

    yield write
    console.print(_table(rows, SEGMENT_COLUMNS if segments else COLUMNS, title))


def _table(rows: list[Row], columns: tuple[str, ...], title: str) -> Table:
    columns = tuple(
        column
        for column in columns
        if column not in _PLAIN or {row[column] for row in rows} - _PLAIN[column]
    )
    result = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        left = column in _LEFT
        result.add_column(
            column.replace("_", " "),
            justify="left" if left else "right",
            no_wrap=column not in _FOLDED,
            overflow="fold",
        )
    for row in rows:
        style = "red" if row["error"] else None
        result.add_row(*(_cell(column, row[column]) for column in columns), style=style)
    return result


def _cell(column: str, value: Any) -> str:
    if isinstance(value, bool):
        return _FLAGS[column] if value else ""
    if value is None:
        return ""
    # Names may contain terminal control sequences.
    if column in _ON_SCREEN or column == "lowest":
        return f"{value:{_ON_SCREEN.get(column, '.3f')}}"
    return visible(value)


@contextlib.contextmanager
def beside(path: str) -> Iterator[TextIO]:
    """Opens a file that is written atomically, only after success; `-` is standard output.

    Raises:
        OutputError: The file cannot be written.
    """
    if path == STDOUT:
        yield sys.stdout
        sys.stdout.flush()
        return
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
    if path != STDOUT and (reason := files.why_not_writable(path)):
        raise OutputError(f"cannot write {path}: {reason}")
