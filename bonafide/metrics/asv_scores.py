"""Score files of a speaker verifier (ASV): what the t-DCF needs to know about it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bonafide.metrics import costs
from bonafide.metrics.costs import AsvErrorRates
from bonafide.trials import protocols
from bonafide.trials.protocols import FileError
from bonafide.trials.score_files import is_number

_KINDS = ("target", "nontarget", "spoof")
_EXPECTED = (
    "SYSTEM KIND SCORE, such as 'bonafide target 7.98', 'bonafide nontarget -3.2' or "
    "'A07 spoof 1.5' (ASVspoof2019.LA.asv.eval.gi.trl.scores.txt and alike)"
)


def read_asv_scores(path: str) -> AsvErrorRates:
    """Reads a file of ASV scores; see `parse_asv_scores`.

    Raises:
        FileError: Also where the file cannot be read.
    """
    return parse_asv_scores(protocols.read_text(path), where=str(path))


def parse_asv_scores(text: str, *, where: str) -> AsvErrorRates:
    """Returns the error rates of a speaker verifier from `SYSTEM KIND SCORE` lines.

    Args:
        text: Content of the file. Byte order mark, CRLF and blank lines are accepted.
        where: Its path, for messages.

    Raises:
        FileError: A malformed line, a score that is not a finite number, a kind of trial that is
            missing, or a verifier that is too weak for the t-DCF.
    """
    scores: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    for number, fields in protocols.table(text.removeprefix("\ufeff"), None):
        if problem := _problem(fields):
            protocols.malformed(f"{where}:{number}", problem, fields, _EXPECTED)
        scores[fields[1]].append(float(fields[2]))
    missing = [kind for kind, found in scores.items() if not found]
    if missing:
        raise FileError(
            f"{where}: there is no {' and no '.join(missing)} trial; expected lines {_EXPECTED}"
        )
    rates = costs.asv_error_rates(*(scores[kind] for kind in _KINDS))
    try:
        costs.legacy_tdcf(rates)
        costs.revised_tdcf(rates)
    except ValueError as error:
        raise FileError(f"{where}: {error}") from error
    return rates


def _problem(fields: Sequence[str]) -> str | None:
    """Returns what is wrong with a line; None if nothing is."""
    if len(fields) != 3:
        return f"{protocols.counted(len(fields), 'column')} in place of 3"
    if fields[1] not in _KINDS:
        return f"unknown kind {protocols.shown(fields[1])}; there are {', '.join(_KINDS)}"
    if not is_number(fields[2]) or not math.isfinite(float(fields[2])):
        return f"the score {protocols.shown(fields[2])} is not a finite number"
    return None
