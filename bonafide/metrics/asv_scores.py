"""Score files of a speaker verifier (ASV), whose error rates the t-DCF requires."""

from __future__ import annotations

import math

from bonafide.metrics import costs
from bonafide.metrics.costs import AsvErrorRates
from bonafide.storage.text_files import FileError, read_text
from bonafide.text import shown
from bonafide.trials import tables
from bonafide.trials.score_files import is_number

_KINDS = ("target", "nontarget", "spoof")
_EXPECTED = (
    "SYSTEM KIND SCORE, such as 'bonafide target 7.98', 'bonafide nontarget -3.2' or "
    "'A07 spoof 1.5' (ASVspoof2019.LA.asv.eval.gi.trl.scores.txt and alike)"
)


def read_asv_scores(path: str) -> AsvErrorRates:
    """Reads a file of ASV scores; see `parse_asv_scores`.

    Raises:
        FileError: As `parse_asv_scores`, or the file cannot be read.
    """
    return parse_asv_scores(read_text(path), where=str(path))


def parse_asv_scores(text: str, *, where: str) -> AsvErrorRates:
    """Returns the error rates of a speaker verifier from `SYSTEM KIND SCORE` lines.

    Args:
        text: Content of the file.
        where: Its path, for messages.

    Raises:
        FileError: A malformed line, a score that is not a finite number, a missing kind of trial,
            or a verifier that is too weak for the t-DCF.
    """
    scores: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    for row in tables.without_header(text, where, {("system", "kind", "score"): _EXPECTED}):
        _, kind, score = row.fields
        if kind not in scores:
            raise row.error(f"expected {', '.join(_KINDS)} as the kind, got {shown(kind)}")
        if not is_number(score) or not math.isfinite(float(score)):
            raise row.error(f"expected a finite number as the score, got {shown(score)}")
        scores[kind].append(float(score))
    missing = [kind for kind, found in scores.items() if not found]
    if missing:
        raise FileError(
            f"{where}: expected lines {_EXPECTED}, got no {' and no '.join(missing)} trial"
        )
    rates = costs.asv_error_rates(*(scores[kind] for kind in _KINDS))
    try:
        costs.legacy_tdcf(rates)
        costs.revised_tdcf(rates)
    except ValueError as error:
        raise FileError(f"{where}: {error}") from error
    return rates
