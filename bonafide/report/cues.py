"""Cue removal: rows of its table, and a summary."""

from __future__ import annotations

from dataclasses import dataclass

from bonafide import text
from bonafide.metrics.treated import TreatedResult, TreatedTrials
from bonafide.report.contents import ReportContents

TREATMENTS = {
    "as_recorded": "As recorded",
    "trimmed": "Leading and trailing silence removed",
    "levelled": "Level and DC normalised",
    "trimmed_levelled": "Both",
}


@dataclass(frozen=True)
class CueRow:
    """A treatment of the recordings in the table of cue removal.

    Attributes:
        name: Of the treatment.
        title: What was done.
        result: Error rates on the treated recordings.
        outcome: `relies` if the EER is significantly higher, `none` if it is not higher, `open` if
            the trials do not decide; empty for unprocessed recordings, and without an interval.
    """

    name: str
    title: str
    result: TreatedResult
    outcome: str


def cue_rows(removal: TreatedTrials) -> list[CueRow]:
    """Returns the rows of the table of cue removal."""
    return [
        CueRow(name, TREATMENTS.get(name, name), result, _cue_outcome(result))
        for name, result in removal.results.items()
    ]


def _cue_outcome(result: TreatedResult) -> str:
    if result.difference is None or result.difference.ci95 is None:
        return ""
    low, high = result.difference.ci95
    return "relies" if low > 0 else "none" if high <= 0 else "open"


def cue_summary(contents: ReportContents) -> str:
    """Summarises which cues the detector uses; empty if cue removal is not known."""
    removal = contents.cue_removal
    if removal is None:
        return ""
    rows = cue_rows(removal)[1:]
    trials = text.count(removal.n_bonafide + removal.n_spoof)
    used = [
        (row.result.difference.value, row)
        for row in rows
        if row.result.difference is not None and row.outcome == "relies"
    ]
    if used:
        loss, worst = max(used, key=lambda found: found[0])
        return (
            f"This detector uses cues that are no property of speech: on {trials} processed trials "
            f"({worst.title.lower()}), its EER is {text.rate(worst.result.eer.value)}, "
            f"{text.difference(loss, 'rate')} percentage points."
        )
    if all(row.outcome == "none" for row in rows):
        return f"Removing silence, level and DC does not increase the EER ({trials} trials)."
    return (
        f"On {trials} trials, removing silence, level and DC does not increase the EER "
        "significantly."
    )
