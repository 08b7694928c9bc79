"""Lists the versions of a pushed model, rolls back to an older one, removes old ones.

    bonafide versions output/sample/serving/sample
    bonafide versions output/sample/serving/sample --to 1795616476 --reason "misses A17"
    bonafide versions output/sample/serving/sample --keep 5

TensorFlow Serving and KServe serve the version with the highest number. --to publishes an older
version again under a new number, atomically and with a record of its source; existing
versions do not change. The folder may be local or in an object store (s3://, gs://; extra
`stores`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from bonafide.command_line import CommandParser
from bonafide.text import percent, visible

if TYPE_CHECKING:
    from bonafide.registry.versions import Version


_WIDTH = 120
_NARROW = 80  # columns of a terminal, below which the table has no room
_COLUMNS = ("version", "pushed (UTC)", "eval EER", "worst attack", "dev EER", "")


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """Returns the command line; `prog` is the command's name in messages."""
    result = CommandParser(
        prog=prog,
        description=__doc__,
    )
    add = result.add_argument
    add("serving", metavar="SERVING", help="folder of a model, serving/<name>")
    add("--to", metavar="VERSION", help="make this the current version")
    add("--reason", metavar="TEXT", help="reason, stored with the model (required with --to)")
    add("--keep", metavar="N", type=int, help="remove all but the N newest versions")
    add("--json", action="store_true", help="write the list as JSON")
    return result


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command and returns its exit code: 0, or 1 on failure."""
    command_line = parser(prog)
    options = command_line.parse_args(arguments)
    if bool(options.to) != bool(options.reason):
        command_line.error("expected --to VERSION and --reason TEXT together")
    if options.keep is not None and options.keep < 1:
        command_line.error(
            f"expected --keep of 1 or more, got {options.keep}: the current version always stays"
        )
    from bonafide.registry import versions  # after the validation of the command line

    output = sys.stderr if options.json else sys.stdout
    try:
        if options.to:
            new = versions.make_current(options.serving, options.to, reason=options.reason)
            print(f"version {new} is now current, a copy of version {options.to}", file=output)
        if options.keep is not None:
            removed = versions.prune(options.serving, options.keep)
            print(f"removed: {', '.join(removed) or 'nothing'}", file=output)
        found = versions.read_versions(options.serving)
    except (versions.VersionError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(versions.summaries(found), indent=2))
    else:
        # Rows are complete in a pipe or a file; on a narrow terminal cells are folded.
        width = None if sys.stdout.isatty() else _WIDTH
        console = Console(highlight=False, markup=False, width=width)
        show(found, versions.summaries(found), console)
    return 0


def show(found: Sequence[Version], rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Shows the versions, the newest first, and notes below them.

    On a narrow terminal a version is a block of lines, because folded cells cannot be read.
    """
    newest_first = list(reversed(list(zip(found, rows, strict=True))))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=name == "version", overflow="fold")
    for version, row in newest_first:
        table.add_row(*_cells(version, row))
    if console.width >= _NARROW:
        console.print(table)
    else:
        for version, row in newest_first:
            name, *cells, state = _cells(version, row)
            console.print(f"{name} {state}".rstrip())
            for title, cell in zip(_COLUMNS[1:-1], cells, strict=True):
                console.print(f"  {title}: {cell}")
    for version, row in newest_first:
        if note := notes(row):
            console.print(f"{version.name}: {note}")


def _cells(version: Version, row: dict[str, Any]) -> list[str]:
    """Returns the texts of a version, one for each of `_COLUMNS`."""
    ci95, worst = row["eval_eer_ci95"], row["worst_attack"]
    interval = f" ({100 * ci95[0]:.2f} to {100 * ci95[1]:.2f})" if ci95 else ""
    return [
        version.name,
        version.pushed[:-3] or "-",  # without seconds
        _rate(row["eval_eer"]) + interval,
        f"{visible(worst)} {_rate(row['worst_attack_eer'])}" if worst else "-",
        _rate(row["dev_eer"]),
        "current" if row["current"] else "",
    ]


def notes(row: dict[str, Any]) -> str:
    """Returns notes about a version: its source, a forced blessing."""
    parts = []
    if row["republished_of"]:
        who = _by(row["republished_by"])
        parts.append(f"copy of {row['republished_of']}{who}: {row['republished_reason']}")
    if row["forced_reason"]:
        who = _by(row["forced_by"])
        parts.append(f"pushed by a forced blessing{who}: {row['forced_reason']}")
    return visible("; ".join(parts))


def _by(user: str | None) -> str:
    return f" by {user}" if user else ""


def _rate(value: float | None) -> str:
    return "-" if value is None else percent(value)
