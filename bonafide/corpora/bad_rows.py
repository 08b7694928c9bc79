"""Malformed rows of tables: a few are left out and named, many stop the reading."""

from collections.abc import Callable, Iterator

from bonafide.corpora import base
from bonafide.storage.text_files import FileError
from bonafide.text import listed, percent, plural
from bonafide.trials import tables

# Of the rows of one table. With more, the table is not what it is taken for.
MAX_SHARE = 0.1
_NAMED = 5


def good_rows(
    table: tables.Table,
    make: Callable[[tables.Row], base.Utterance],
    bad: list[base.BadRow],
) -> Iterator[base.Utterance]:
    """Yields the utterances of a table, and appends its malformed rows to `bad`.

    Args:
        table: The table.
        make: Makes the utterance of a row, or raises FileError.
        bad: Receives the rows that are left out.

    Raises:
        CorpusError: More than `MAX_SHARE` of the rows are malformed; the message names the first.
    """
    total, errors = 0, []
    for source, row in table.attempts():
        total += 1
        try:
            if isinstance(row, FileError):
                raise row
            utterance = make(row)
        except FileError as error:
            errors.append(base.BadRow(source, str(error).removeprefix(f"{source}: ")))
        else:
            yield utterance
    if len(errors) > MAX_SHARE * total:
        first = f"{errors[0].source}: {errors[0].reason}"
        more = (
            f"\n{len(errors):,} of {plural(total, 'row')} are malformed, more than "
            f"{percent(MAX_SHARE)}, from which on a table is refused"
        )
        raise base.CorpusError(first + (more if total > 1 else ""))
    bad += errors


def described(bad: tuple[base.BadRow, ...]) -> str:
    """Returns how many rows are malformed, and the first of them; empty without any."""
    if not bad:
        return ""
    named = [f"{row.source}: {row.reason.splitlines()[0]}" for row in bad]
    return (
        f"{plural(len(bad), 'row')} {'is' if len(bad) == 1 else 'are'} malformed and left out: "
        f"{listed(named, most=_NAMED)}"
    )
