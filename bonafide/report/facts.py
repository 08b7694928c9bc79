"""The facts of a report as text and numbers, the same for the page and the model card.

This module decides the content; the templates decide the layout.
"""

from __future__ import annotations

from dataclasses import dataclass

from bonafide import text
from bonafide.metrics.gate import Rule
from bonafide.metrics.results import FIGURES, HIGHER_IS_BETTER, Evaluation, Figure
from bonafide.report.contents import ReportContents
from bonafide.report.cues import cue_rows, cue_summary
from bonafide.report.hardest import hardest
from bonafide.report.headline import (
    CALLS,
    attack_calls,
    call_centre,
    default_sentence,
    headline,
    headline_sentence,
    unseen_sentence,
)
from bonafide.report.measures import MEASURES, Measure
from bonafide.report.speakers import worst_speakers

# The templates find all facts by this one name.
__all__ = [
    "CALLS",
    "Decision",
    "FigureRow",
    "attack_calls",
    "baseline_name",
    "call_centre",
    "comparison_summary",
    "costs_summary",
    "cue_rows",
    "cue_summary",
    "data_summary",
    "decision",
    "default_sentence",
    "figure_rows",
    "hardest",
    "headline",
    "headline_sentence",
    "intervals_summary",
    "power_summary",
    "reference_summary",
    "rule_limit",
    "rule_value",
    "speakers_by_class",
    "trials_summary",
    "unseen_sentence",
    "worst_speakers",
]


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


def power_summary(contents: ReportContents) -> str:
    """Returns which differences in EER the trials can show; empty without a comparison."""
    comparison = contents.evaluation.comparison
    if comparison is None or comparison.power is None:
        return ""
    points = 100 * comparison.power.detectable
    return (
        f"These trials show a difference in EER of {points:.2f} percentage points in 80 % of runs; "
        "smaller ones are usually undecided, and a limit below that may refuse an equally good "
        "model."
    )


def reference_summary(evaluation: Evaluation) -> str:
    """Returns the comparison with the fixed reference in a sentence; empty without one."""
    reference = evaluation.reference
    if reference is None:
        return ""
    points = text.difference(reference.difference.value, "rate")
    ends = text.difference_interval(reference.difference.ci95, "rate")
    return (
        f"{reference.name[:1].upper()}{reference.name[1:]} has an EER of "
        f"{text.rate(reference.eer.value)} on these trials; the difference from it is {points} "
        f"percentage points ({ends})."
    )


def costs_summary(evaluation: Evaluation) -> str:
    """Returns prior and costs of minDCF, actDCF and the threshold bayes, in a sentence."""
    costs = evaluation.costs
    return (
        f"minDCF, actDCF and the threshold bayes assume that {text.short_rate(costs.spoof_prior)} "
        f"of the calls are attacks, that a rejected caller costs {costs.miss:g} and an accepted "
        f"attack {costs.false_accept:g}."
    )


def baseline_name(contents: ReportContents) -> str:
    """Returns what the other system is called."""
    return contents.baseline_name or "the other system"


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
