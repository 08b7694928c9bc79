"""The facts of a report as text and numbers, the same for the page and the model card.

Here is decided what is said; how it looks is the templates' business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bonafide import text
from bonafide.metrics.detection import Floats
from bonafide.metrics.evaluation import (
    FIGURES,
    HIGHER_IS_BETTER,
    Evaluation,
    Figure,
    OperatingPoint,
)
from bonafide.metrics.gate import Rule
from bonafide.metrics.treated import TreatedResult, TreatedTrials
from bonafide.report.contents import ReportContents
from bonafide.report.measures import MEASURES, Measure
from bonafide.trials.trials import Trials

CALLS = 10_000
ATTACK_CALLS = 100  # of those: 1 %
HARDEST = 15


@dataclass(frozen=True)
class Decision:
    """What the reviewer is told first.

    Attributes:
        state: `passed`, `refused`, `forced` or `none`.
        title: A few words.
        sentence: One or two sentences more.
    """

    state: str
    title: str
    sentence: str


def decision(contents: ReportContents) -> Decision:
    """Says what the gate decided and what was done about it."""
    verdict, forced = contents.verdict, contents.forced_reason
    if verdict is None:
        if forced:
            return Decision("forced", "Blessed by force", "No gate was asked.")
        return Decision("none", "No gate was asked", "Nothing here was held against a limit.")
    number = text.plural(len(verdict.rules), "rule")
    if verdict.passed:
        return Decision("passed", "Passed by the gate", f"It keeps all {number}.")
    failed = [rule.title for rule in verdict.rules if not rule.passed]
    sentence = f"It breaks {len(failed)} of {number}: {'; '.join(failed)}."
    if not verdict.rules:
        sentence = "The gate has no rules, so nothing was judged."
    if forced:
        return Decision("forced", "Blessed by force against the gate", sentence)
    return Decision("refused", "Refused by the gate", sentence)


def rule_value(rule: Rule) -> str:
    """Returns what a rule found."""
    return _of_rule(rule.value, rule.unit)


def rule_limit(rule: Rule) -> str:
    """Returns what a rule allows."""
    return f"{'at most' if rule.at_most else 'at least'} {_of_rule(rule.limit, rule.unit)}"


def _of_rule(value: float | None, unit: str) -> str:
    if value is None:
        return text.NOT_KNOWN
    if unit == "count":
        return text.count(round(value))
    return text.figure(value, unit) + {"points": " points", "bits": " bits"}.get(unit, "")


@dataclass(frozen=True)
class FigureRow:
    """One figure of the headline table.

    Attributes:
        name: Its name in the JSON.
        measure: What it is.
        ours: The candidate's.
        theirs: The other system's; None without a comparison.
        difference: Ours minus theirs; None without a comparison.
        outcome: `better`, `worse`, `undecided`; empty where nothing can be said.
    """

    name: str
    measure: Measure
    ours: Figure
    theirs: Figure | None
    difference: Figure | None
    outcome: str


def figure_rows(evaluation: Evaluation) -> list[FigureRow]:
    """Returns a row for every figure that could be computed, in the order of `FIGURES`."""
    comparison = evaluation.comparison
    theirs = comparison.figures if comparison else {}
    differences = comparison.differences if comparison else {}
    return [
        FigureRow(
            name=name,
            measure=MEASURES[name],
            ours=evaluation.figures[name],
            theirs=theirs.get(name),
            difference=differences.get(name),
            outcome=_outcome(name, differences.get(name)),
        )
        for name in FIGURES
        if name in evaluation.figures
    ]


def _outcome(name: str, difference: Figure | None) -> str:
    if difference is None or difference.ci95 is None:
        return ""
    low, high = difference.ci95
    if low <= 0 <= high:
        return "undecided"
    return "better" if (low > 0) == (name in HIGHER_IS_BETTER) else "worse"


def comparison_summary(contents: ReportContents) -> str:
    """Says in a sentence or two how the EER compares; empty without a comparison."""
    comparison = contents.evaluation.comparison
    if comparison is None:
        return ""
    name = baseline_name(contents)
    delta = comparison.differences["eer"]
    points = text.difference(delta.value, "rate")
    if delta.ci95 is None:
        return f"The EER differs from that of {name} by {points} points; how surely is not known."
    ends = text.difference_interval(delta.ci95, "rate")
    said = {
        "better": f"The EER is lower than that of {name}: {points} points ({ends}).",
        "worse": f"The EER is higher than that of {name}: {points} points ({ends}).",
        "undecided": f"These trials do not decide between it and {name}: the EER differs by "
        f"{points} points, and the interval ({ends}) holds 0.",
    }
    return said[_outcome("eer", delta)]


def baseline_name(contents: ReportContents) -> str:
    """Returns what the other system is called."""
    return contents.baseline_name or "the other system"


@dataclass(frozen=True)
class CallCentre:
    """What an operating point means for 10,000 calls of which 100 are attacks.

    Attributes:
        accepted_attacks: Attacks that get through, of 100.
        rejected_callers: Genuine callers who are stopped, of 9,900.
        attack_share: Share of alarms that are attacks; None where there is no alarm.
    """

    accepted_attacks: float
    rejected_callers: float
    attack_share: float | None


def call_centre(point: OperatingPoint) -> CallCentre:
    """Reckons with 1 % attacks."""
    accepted = point.rates.far * ATTACK_CALLS
    rejected = point.rates.frr * (CALLS - ATTACK_CALLS)
    alarms = ATTACK_CALLS - accepted + rejected
    share = (ATTACK_CALLS - accepted) / alarms if alarms > 0 else None
    return CallCentre(accepted, rejected, share)


@dataclass(frozen=True)
class HardTrial:
    """A trial that the detector got wrong by far.

    Attributes:
        utterance: Id.
        attack: Id; `-` of a bona fide trial.
        speaker: Id; None where speakers are not known.
        score: Of the detector.
        audio: Where a browser can play it, None where it cannot.
    """

    utterance: str
    attack: str
    speaker: str | None
    score: float
    audio: str | None


@dataclass(frozen=True)
class Hardest:
    """The worst errors at the threshold of the EER operating point.

    Attributes:
        threshold: A trial is accepted when its score is above it.
        accepted_total: Spoofs accepted.
        accepted: Those with the highest scores.
        rejected_total: Bona fide trials rejected.
        rejected: Those with the lowest scores.
    """

    threshold: float
    accepted_total: int
    accepted: tuple[HardTrial, ...]
    rejected_total: int
    rejected: tuple[HardTrial, ...]


def hardest(contents: ReportContents) -> Hardest:
    """Finds the errors that are furthest from the threshold; equal scores are sorted by id."""
    trials = contents.trials
    points = {point.name: point for point in contents.evaluation.operating_points}
    threshold = points["eer"].threshold if "eer" in points else contents.evaluation.eer_threshold
    above = trials.scores > threshold
    accepted = np.flatnonzero(above & ~trials.is_bonafide)
    rejected = np.flatnonzero(~above & trials.is_bonafide)
    return Hardest(
        threshold=threshold,
        accepted_total=accepted.size,
        accepted=_hard(contents, _furthest(trials, accepted, -trials.scores)),
        rejected_total=rejected.size,
        rejected=_hard(contents, _furthest(trials, rejected, trials.scores)),
    )


def _furthest(
    trials: Trials, places: npt.NDArray[np.int64], distance: Floats
) -> npt.NDArray[np.int64]:
    order = np.lexsort((trials.utterances[places], distance[places]))
    return places[order[:HARDEST]]


def _hard(contents: ReportContents, places: Iterable[int]) -> tuple[HardTrial, ...]:
    trials = contents.trials
    return tuple(
        HardTrial(
            utterance=str(trials.utterances[place]),
            attack=str(trials.attacks[place]),
            speaker=None if trials.speakers is None else str(trials.speakers[place]),
            score=float(trials.scores[place]),
            audio=playable(contents.audio(str(trials.utterances[place]))),
        )
        for place in places
    )


def playable(uri: str | None) -> str | None:
    """Returns the URI if a page may name it as audio: a file, http(s) or relative one.

    What is not printable is refused with it: browsers drop tabs and line breaks inside a URI, and
    what is left may be another scheme.
    """
    if not uri or not uri.isprintable() or uri != uri.strip():
        return None
    scheme = re.match(r"[^/?#]*?:", uri)
    return uri if scheme is None or scheme[0].lower() in ("file:", "http:", "https:") else None


def intervals_summary(evaluation: Evaluation) -> str:
    """Says how the intervals were made."""
    how = evaluation.bootstrap
    if how.missing:
        return f"There are no intervals: {how.missing}."
    return (
        f"95 % percentile intervals of a bootstrap over {how.unit}s: {how.resamples:,} times, "
        f"{text.plural(how.clusters, how.unit)} were drawn with replacement, each with all of its "
        f"trials (seed {how.seed}). Trials of one speaker resemble each other; an interval that "
        "takes them as independent is too narrow. Differences are paired: both systems are "
        "measured on the same draws."
    )


def trials_summary(evaluation: Evaluation) -> str:
    """Says how much was evaluated."""
    parts = [
        f"{evaluation.n_bonafide:,} bona fide",
        f"{evaluation.n_spoof:,} spoofed",
        text.plural(len(evaluation.per_attack), "attack"),
    ]
    if evaluation.n_speakers is not None:
        parts.append(text.plural(evaluation.n_speakers, "speaker"))
    total = evaluation.n_bonafide + evaluation.n_spoof
    return f"{total:,} trials: {', '.join(parts)}"


TREATMENTS = {
    "as_recorded": "As recorded",
    "trimmed": "Silence before and after cut off",
    "levelled": "Level and DC normalised",
    "trimmed_levelled": "Both",
}


@dataclass(frozen=True)
class CueRow:
    """A treatment of the recordings in the table of shortcuts.

    Attributes:
        name: Of the treatment.
        title: What was done.
        result: How the detector does then.
        outcome: `relies` where the EER is surely higher, `none` where it is surely not, `open`
            where the trials do not decide it; empty of the recordings as they are, and where
            there is no interval.
    """

    name: str
    title: str
    result: TreatedResult
    outcome: str


def cue_rows(removal: TreatedTrials) -> list[CueRow]:
    """Returns the rows of the table of shortcuts."""
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
    """Says which shortcuts the detector uses; empty where cue removal is not known."""
    removal = contents.cue_removal
    if removal is None:
        return ""
    rows = cue_rows(removal)[1:]
    trials = text.count(removal.n_bonafide + removal.n_spoof)
    used = [row for row in rows if row.outcome == "relies"]
    if used:
        worst = max(used, key=lambda row: row.result.difference.value)
        return (
            f"Part of what this detector knows is no property of the speech: on {trials} trials "
            f"treated alike ({worst.title.lower()}), its EER is "
            f"{text.rate(worst.result.eer.value)}, "
            f"{text.difference(worst.result.difference.value, 'rate')} points."
        )
    if all(row.outcome == "none" for row in rows):
        return f"Taking out silence, level and DC costs it nothing ({trials} trials)."
    return (
        f"The {trials} trials show no loss that is surely more than chance when silence, level and "
        "DC are taken out."
    )


def data_summary(contents: ReportContents) -> str:
    """Says what the checks of the data found; empty where they are not known."""
    data = contents.data
    if data is None:
        return ""
    kinds = [found.severity for found in data.findings]
    said = "Nothing was found to be wrong with the data."
    if kinds:
        counted = [
            text.plural(kinds.count(kind), kind) for kind in ("error", "warning") if kind in kinds
        ]
        said = f"The data have {' and '.join(counted)}."
    if data.all_numbers_eer is not None:
        ours = contents.evaluation.figures["eer"].value
        rate = text.rate(data.all_numbers_eer)
        said += (
            " Numbers that have nothing to do with speech (duration, silence, level, file) tell "
            f"the classes of eval apart at an EER of {rate}"
        )
        said += (
            "; this detector does no better, and may have learnt nothing about speech."
            if ours >= data.all_numbers_eer
            else f", this detector at {text.rate(ours)}."
        )
    return said
