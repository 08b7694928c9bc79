"""The facts of a report as text and numbers, the same for the page and the model card.

This module decides the content; the templates decide the layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bonafide import text
from bonafide.metrics import intervals
from bonafide.metrics.detection import Floats
from bonafide.metrics.gate import Rule
from bonafide.metrics.results import FIGURES, HIGHER_IS_BETTER, Evaluation, Figure, OperatingPoint
from bonafide.metrics.treated import TreatedResult, TreatedTrials
from bonafide.report.contents import ReportContents
from bonafide.report.measures import MEASURES, Measure
from bonafide.trials.trials import Trials

CALLS = 10_000
ATTACK_CALLS = 100  # of those: 1 %
HARDEST = 15
WORST_SPEAKERS = 10


@dataclass(frozen=True)
class Decision:
    """The first statement of a report.

    Attributes:
        state: `passed`, `refused`, `forced` or `none`.
        title: A few words.
        sentence: One or two sentences more.
    """

    state: str
    title: str
    sentence: str


def calibrated_on(contents: ReportContents) -> str:
    """Returns what the calibration was fitted on; empty if that is not known."""
    dev = contents.dev
    if dev is None:
        return ""
    attacks = set(dev.attack_ids)
    shared = attacks & set(contents.trials.attack_ids)
    parts = [
        f"{text.count(dev.n_bonafide)} bona fide and {text.count(dev.n_spoof)} spoofed trials",
        text.plural(len(attacks), "attack"),
    ]
    if dev.speakers is not None:
        parts.append(text.plural(len(set(dev.speakers.tolist())), "speaker"))
    return (
        f"The calibration was fitted on dev: {', '.join(parts)}. "
        f"{text.count(len(shared))} of its attacks are in the evaluated trials too."
    )


def decision(contents: ReportContents) -> Decision:
    """Returns the decision of the gate, and whether it was overridden."""
    verdict, forced = contents.verdict, contents.forced_reason
    if verdict is None:
        if forced:
            return Decision("forced", "Forced blessing", "No gate was applied.")
        return Decision(
            "none",
            "No gate was applied",
            "No figure was compared with a limit. These are measurements, not an approval.",
        )
    number = text.plural(len(verdict.rules), "rule")
    source = f" The limits are those of {contents.limits_of}." if contents.limits_of else ""
    if verdict.passed:
        return Decision("passed", "Passed by the gate", f"The model passed all {number}.{source}")
    failed = [rule.title for rule in verdict.rules if not rule.passed]
    sentence = f"The model failed {len(failed)} of {number}: {'; '.join(failed)}.{source}"
    if not verdict.rules:
        sentence = "The gate has no rules, so no figure was compared with a limit."
    if forced:
        return Decision("forced", "Refused by the gate, pushed by a forced blessing", sentence)
    return Decision("refused", "Refused by the gate", sentence)


def rule_value(rule: Rule) -> str:
    """Returns the measured value of a rule."""
    return _of_rule(rule.value, rule.unit)


def rule_limit(rule: Rule) -> str:
    """Returns the limit of a rule."""
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
        outcome: `better`, `worse`, `undecided`; empty without an interval.
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
    """Returns a comparison of the EERs in a sentence; empty without a comparison."""
    comparison = contents.evaluation.comparison
    if comparison is None:
        return ""
    name = baseline_name(contents)
    delta = comparison.differences["eer"]
    points = text.difference(delta.value, "rate")
    if delta.ci95 is None:
        return (
            f"The EER differs from that of {name} by {points} percentage points; there is no "
            "interval."
        )
    ends = text.difference_interval(delta.ci95, "rate")
    summary = {
        "better": f"The EER is lower than that of {name}: {points} percentage points ({ends}).",
        "worse": f"The EER is higher than that of {name}: {points} percentage points ({ends}).",
        "undecided": f"These trials show no difference from {name}: the EER differs by {points} "
        f"percentage points, and the interval ({ends}) contains 0.",
    }
    return summary[_outcome("eer", delta)]


def baseline_name(contents: ReportContents) -> str:
    """Returns what the other system is called."""
    return contents.baseline_name or "the other system"


@dataclass(frozen=True)
class CallCentre:
    """What an operating point means for 10,000 calls of which 100 are attacks.

    Attributes:
        accepted_attacks: Accepted attacks, of 100.
        rejected_callers: Rejected genuine callers, of 9,900.
        attack_share: Share of alarms that are attacks; None if there is no alarm.
        accepted_ends: 95 % interval of the accepted attacks; None where the rate has none.
        rejected_ends: The same of the rejected callers.
    """

    accepted_attacks: float
    rejected_callers: float
    attack_share: float | None
    accepted_ends: tuple[float, float] | None
    rejected_ends: tuple[float, float] | None


def call_centre(point: OperatingPoint) -> CallCentre:
    """Returns the expected results with 1 % attacks."""
    accepted = point.rates.far * ATTACK_CALLS
    rejected = point.rates.frr * (CALLS - ATTACK_CALLS)
    alarms = ATTACK_CALLS - accepted + rejected
    share = (ATTACK_CALLS - accepted) / alarms if alarms > 0 else None
    return CallCentre(
        accepted,
        rejected,
        share,
        accepted_ends=_times(point.far_ci95, ATTACK_CALLS),
        rejected_ends=_times(point.frr_ci95, CALLS - ATTACK_CALLS),
    )


def _times(ends: tuple[float, float] | None, calls: int) -> tuple[float, float] | None:
    return None if ends is None else (ends[0] * calls, ends[1] * calls)


@dataclass(frozen=True)
class Share:
    """A share of calls in the headline.

    Attributes:
        title: What is counted.
        value: Fraction.
        ci95: Its interval; None if there is none.
        good: Whether a high share is good.
    """

    title: str
    value: float
    ci95: tuple[float, float] | None
    good: bool


def headline(evaluation: Evaluation) -> tuple[Share, Share] | None:
    """Returns the shares of detected attacks and of rejected callers at the threshold EER.

    It is the threshold of the gate's conditions and of the hardest trials, fixed on dev where there
    is a dev set. None without operating points.
    """
    point = next((one for one in evaluation.operating_points if one.name == "eer"), None)
    if point is None:
        return None
    far = point.far_ci95
    caught = None if far is None else (1 - far[1], 1 - far[0])
    return (
        Share("Attacks detected", 1 - point.rates.far, caught, good=True),
        Share("Genuine callers rejected", point.rates.frr, point.frr_ci95, good=False),
    )


def headline_sentence(evaluation: Evaluation) -> str:
    """Returns the headline in words; empty without operating points."""
    shares = headline(evaluation)
    if shares is None:
        return ""
    point = next(one for one in evaluation.operating_points if one.name == "eer")
    caught, stopped = shares
    chosen = "fixed on dev" if point.chosen_on == "dev" else "chosen on these trials"
    return (
        f"At the threshold EER ({text.score(point.threshold)}, {chosen}), the detector detects "
        f"{_share(caught)} of the attacks and rejects {_share(stopped)} of the genuine callers."
    )


def _share(share: Share) -> str:
    ends = f" ({text.interval(share.ci95, 'rate')})" if share.ci95 else ""
    return f"{text.rate(share.value)}{ends}"


@dataclass(frozen=True)
class HardTrial:
    """A trial with an error far from the threshold.

    Attributes:
        utterance: Id.
        attack: Id; `-` of a bona fide trial.
        speaker: Id; None where speakers are not known.
        score: Of the detector.
        audio: URI that a browser can play; None if there is none.
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


@dataclass(frozen=True)
class SpeakerErrors:
    """Rejected bona fide trials of a speaker at the threshold EER.

    Attributes:
        speaker: Id.
        rejected: Number of rejected trials.
        total: Number of bona fide trials of the speaker.
        frr: Share of rejected trials.
        ci95: Its interval for this speaker, by trials.
        share: Share of the rejected trials of all speakers.
    """

    speaker: str
    rejected: int
    total: int
    frr: float
    ci95: tuple[float, float]
    share: float


def worst_speakers(contents: ReportContents) -> tuple[SpeakerErrors, ...]:
    """Returns the speakers with rejections, the highest lower end of the interval first.

    At most `WORST_SPEAKERS`; empty if speakers are unknown or nobody is rejected.
    """
    trials = contents.trials
    if trials.speakers is None:
        return ()
    rejected = trials.is_bonafide & ~(trials.scores > hardest(contents).threshold)
    names, totals = np.unique(trials.speakers[trials.is_bonafide], return_counts=True)
    found = []
    for name, total in zip(names.tolist(), totals.tolist(), strict=True):
        hits = int(np.count_nonzero(rejected & (trials.speakers == name)))
        if hits:
            ends = intervals.of_trials(hits, total)
            share = hits / int(np.count_nonzero(rejected))
            found.append(SpeakerErrors(name, hits, total, hits / total, ends, share))
    found.sort(key=lambda one: (-one.ci95[0], one.speaker))
    return tuple(found[:WORST_SPEAKERS])


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
    """Describes how the intervals were computed."""
    how = evaluation.bootstrap
    if how.missing:
        return f"There are no intervals: {how.missing}."
    correlated = (
        "Trials of one speaker are correlated, so intervals that treat them as independent are too "
        "narrow."
        if how.unit == "speaker"
        else "Trials of one speaker are correlated, and the speakers are not known here, so the "
        "intervals are too narrow."
    )
    return (
        f"95 % intervals of a bootstrap over {how.unit}s: {how.resamples:,} resamples "
        f"of {text.plural(how.clusters, how.unit)} drawn with replacement, each with all of its "
        f"trials (seed {how.seed}). {correlated} Intervals are wider with few speakers of a class "
        "(Student's t), and rates of 0 and 100 % have binomial bounds. Differences are paired: "
        "both systems are evaluated on the same resamples."
    )


def trials_summary(evaluation: Evaluation) -> str:
    """Returns the numbers of trials, attacks and speakers."""
    parts = [
        f"{evaluation.n_bonafide:,} bona fide",
        f"{evaluation.n_spoof:,} spoofed",
        text.plural(len(evaluation.per_attack), "attack"),
    ]
    if evaluation.n_speakers is not None:
        parts.append(text.plural(evaluation.n_speakers, "speaker") + speakers_by_class(evaluation))
    total = evaluation.n_bonafide + evaluation.n_spoof
    return f"{total:,} trials: {', '.join(parts)}"


def speakers_by_class(evaluation: Evaluation) -> str:
    """Returns how many speakers each class has, in brackets; empty where it is not known."""
    own, spoofed = evaluation.n_bonafide_speakers, evaluation.n_spoof_speakers
    if own is None or spoofed is None:
        return ""
    return f" ({own:,} with bona fide trials, {spoofed:,} with spoofed ones)"


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


def data_summary(contents: ReportContents) -> str:
    """Summarises the findings of DataGate; empty if they are not known."""
    data = contents.data
    if data is None:
        return ""
    kinds = [found.severity for found in data.findings]
    summary = "DataGate found no fault in the data."
    if kinds:
        counted = [
            text.plural(kinds.count(kind), kind) for kind in ("error", "warning") if kind in kinds
        ]
        summary = f"DataGate reported {' and '.join(counted)}."
    if data.all_numbers_eer is not None:
        ours = contents.evaluation.figures["eer"].value
        rate = text.rate(data.all_numbers_eer)
        summary += (
            " Measures that are no property of speech (duration, silence, level, file) separate "
            f"the classes of eval at an EER of {rate}"
        )
        summary += (
            "; this detector is no better, and may have learnt nothing about speech."
            if ours >= data.all_numbers_eer
            else f"; this detector reaches {text.rate(ours)}."
        )
    return summary
