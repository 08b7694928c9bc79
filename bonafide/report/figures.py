"""The charts of a report, each with a finding, a description and its data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bonafide import text
from bonafide.metrics.calibration import reliability
from bonafide.metrics.detection import ErrorRates, error_rates_at
from bonafide.metrics.results import Figure
from bonafide.report import charts, facts, robustness
from bonafide.report.chart_data import DetCurve, det_curve, histogram
from bonafide.report.contents import ReportContents
from bonafide.report.vega import Spec

CANDIDATE = "this detector"


@dataclass(frozen=True)
class Table:
    """Data as text.

    Attributes:
        caption: Description of the content.
        columns: Column headings.
        rows: One cell per column; the first is the row heading.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ChartFigure:
    """A chart, or two related ones, of the page.

    Attributes:
        name: Id on the page.
        finding: Result, as a sentence.
        description: Alternative text.
        specs: Vega-Lite specifications, one below the other.
        table: Data of the chart.
        shape: `wide`, or `square` if both axes have the same quantity.
    """

    name: str
    finding: str
    description: str
    specs: tuple[Spec, ...]
    table: Table
    shape: str = "wide"


def det(contents: ReportContents) -> ChartFigure:
    """Returns the DET curve."""
    evaluation, trials = contents.evaluation, contents.trials
    other = _other(contents)
    curves = {CANDIDATE: det_curve(trials.scores, trials.is_bonafide)}
    if contents.baseline_scores is not None:
        curves[other] = det_curve(
            np.asarray(contents.baseline_scores, dtype=np.float64), trials.is_bonafide
        )
    figures = evaluation.figures
    eer = figures["eer"].value
    missed = text.rate(figures["frr_at_far_1pct"].value)
    finding = (
        f"The EER of {CANDIDATE} is {text.rate(eer)}. With at most 1 % of spoofs accepted, it "
        f"rejects {missed} of bona fide utterances."
    )
    if evaluation.comparison is not None:
        theirs = evaluation.comparison.figures
        finding += (
            f" For {other} the rates are {text.rate(theirs['eer'].value)} and "
            f"{text.rate(theirs['frr_at_far_1pct'].value)}."
        )
    return ChartFigure(
        name="det",
        finding=finding,
        description="Detection error trade-off: false rejection rate over false acceptance rate "
        "on probit axes, lower left is better; the dotted diagonal is where both are equal. A rate "
        "of 0 is drawn as half a trial; operating points beyond the axes are drawn at their edge.",
        specs=(
            charts.det(
                curves,
                evaluation.operating_points,
                eer=max([eer, *_their_eer(contents)]),
                n_bonafide=evaluation.n_bonafide,
                n_spoof=evaluation.n_spoof,
            ),
        ),
        table=_det_table(curves),
        shape="square",
    )


def _other(contents: ReportContents) -> str:
    name = text.visible(facts.baseline_name(contents))
    return name if name != CANDIDATE else "the other system"


def _their_eer(contents: ReportContents) -> list[float]:
    comparison = contents.evaluation.comparison
    return [comparison.figures["eer"].value] if comparison else []


def _det_table(curves: Mapping[str, DetCurve]) -> Table:
    """Returns a subset of the points, enough to read the curve."""
    rows = []
    for name, curve in curves.items():
        places = np.unique(np.linspace(0, curve.far.size - 1, min(40, curve.far.size)).astype(int))
        best = int(np.argmin(np.abs(curve.far - curve.frr)))
        rows += [
            (
                name,
                text.score(curve.thresholds[place]),
                text.rate(curve.far[place]),
                text.rate(curve.frr[place]),
            )
            for place in sorted({*places.tolist(), best})
        ]
    return Table(
        "Points of the DET curve, about 40 of each system",
        ("System", "Threshold", "FAR", "FRR"),
        tuple(rows),
    )


def scores(contents: ReportContents) -> ChartFigure:
    """Returns the histogram of scores by class."""
    evaluation, trials = contents.evaluation, contents.trials
    # The default band of scoring, the threshold of the headline, and that of the costs.
    marks = {
        point.name: point.threshold
        for point in evaluation.operating_points
        if point.name in ("eer", "frr5", "far5", "bayes")
    } or {"eer": evaluation.eer_threshold}
    found = histogram(trials, tuple(marks.values()))
    rates = error_rates_at(trials.scores, trials.is_bonafide, contents.threshold)
    away = [
        f"{name} ({text.score(mark)})"
        for name, mark in marks.items()
        if not found.edges[0] <= mark <= found.edges[-1]
    ]
    finding = _spread(contents, rates)
    if found.outside:
        finding += (
            f" {text.plural(found.outside, 'trial')} outside the displayed range "
            f"{'is' if found.outside == 1 else 'are'} counted in the outer bins."
        )
    if away:
        finding += f" Outside the displayed range: {', '.join(away)}."
    return ChartFigure(
        name="scores",
        finding=finding,
        description="Histogram of the scores of bona fide and of spoofed trials in the same bins, "
        "each as a share of its class, so that the larger class does not hide the smaller; "
        "vertical lines mark the thresholds.",
        specs=(charts.scores(found, marks),),
        table=Table(
            "Trials by score",
            ("Score", "Bona fide", "Share of bona fide", "Spoof", "Share of spoofs"),
            tuple(
                (
                    f"{text.edge(low)} to {text.edge(high)}",
                    text.count(int(bonafide)),
                    text.rate(bonafide / evaluation.n_bonafide),
                    text.count(int(spoof)),
                    text.rate(spoof / evaluation.n_spoof),
                )
                for low, high, bonafide, spoof in zip(
                    found.edges[:-1], found.edges[1:], found.bonafide, found.spoof, strict=True
                )
                if bonafide or spoof
            ),
        ),
    )


def _spread(contents: ReportContents, rates: ErrorRates) -> str:
    evaluation, trials = contents.evaluation, contents.trials
    missed = round(rates.frr * evaluation.n_bonafide)
    accepted = round(rates.far * evaluation.n_spoof)
    middle = [
        text.score(float(np.median(trials.scores[flags])))
        for flags in (trials.is_bonafide, ~trials.is_bonafide)
    ]
    return (
        f"The median score is {middle[0]} for bona fide and {middle[1]} for spoofed trials. At the "
        f"threshold eer, {text.score(contents.threshold)}, "
        f"{text.count(accepted)} of {text.plural(evaluation.n_spoof, 'spoof')} score above it, and "
        f"{text.count(missed)} of {evaluation.n_bonafide:,} bona fide trials at or below it."
    )


def attacks(contents: ReportContents) -> ChartFigure:
    """Returns the EER of each attack."""
    evaluation = contents.evaluation
    comparison = evaluation.comparison
    theirs = comparison.per_attack if comparison else {}
    ours = evaluation.per_attack
    order = charts.worst_first(ours)
    other = _other(contents)
    worst, best = ours[order[0]], ours[order[-1]]
    pooled = evaluation.figures["eer"].value
    worst_name = text.attack(order[0])
    finding = f"All spoofs are of one attack, {worst_name}: {text.rate(worst.eer)}."
    if len(order) > 1:
        times = f", {worst.eer / pooled:.1f} times the pooled {text.rate(pooled)}" if pooled else ""
        finding = (
            f"The worst is {worst_name} with {text.rate(worst.eer)}{times}; "
            f"{text.attack(order[-1])} is detected best, with {text.rate(best.eer)}."
        )
    if len(order) > charts.MOST_ATTACKS:
        finding += f" The chart shows the worst {charts.MOST_ATTACKS} of {len(order)}."
    drawn = "EER of each attack against all bona fide trials, worst first; whiskers are 95 % "
    drawn += "intervals (missing for attacks with too few speakers), the dotted line is the pooled "
    drawn += "EER"
    columns = ("Attack", "EER", "95 % interval", "Spoofs")
    return ChartFigure(
        name="attacks",
        finding=finding,
        description=f"{drawn}, diamonds are {other}." if theirs else f"{drawn}.",
        specs=(charts.attacks(ours, theirs, other, pooled),),
        table=Table(
            "EER of each attack, worst first",
            (*columns, f"EER of {other}") if theirs else columns,
            tuple(
                (
                    text.attack(attack),
                    text.rate(ours[attack].eer),
                    text.interval(ours[attack].ci95, "rate"),
                    text.count(ours[attack].n_spoof),
                    *([text.rate(theirs[attack].eer)] if attack in theirs else []),
                )
                for attack in order
            ),
        ),
    )


def conditions(contents: ReportContents) -> ChartFigure | None:
    """Returns the errors under each condition; None if no condition was measured."""
    if contents.conditions is None:
        return None
    rows = robustness.rows(contents.conditions)
    return ChartFigure(
        name="degraded",
        finding=robustness.summary(contents.conditions),
        description="Points of the share of spoofs accepted (FAR) and of bona fide recordings "
        "rejected (FRR) at the one threshold frozen on dev (of the EER, if there is none); "
        "original recordings at the top, then the conditions, worst first; lines are 95 % "
        "intervals.",
        specs=(charts.conditions(rows),),
        table=Table(
            "The same trials under each condition, worst first",
            (
                *("Condition", "EER", "95 % interval", "Difference (points)", "95 % interval"),
                *("FAR", "95 % interval", "Difference (points)", "95 % interval"),
                *("FRR", "95 % interval", "Difference (points)", "95 % interval"),
            ),
            tuple(
                (
                    row.title,
                    *_with_difference(row.result.eer, row.result.difference),
                    *_with_difference(row.result.far, row.result.far_difference),
                    *_with_difference(row.result.frr, row.result.frr_difference),
                )
                for row in rows
            ),
        ),
    )


def _with_difference(figure: Figure | None, difference: Figure | None) -> tuple[str, ...]:
    """Returns a rate and its difference with their intervals; dashes for missing values."""
    shown = (
        ("–", "–")
        if figure is None
        else (text.rate(figure.value), text.interval(figure.ci95, "rate"))
    )
    changed = (
        ("–", "–")
        if difference is None
        else (
            text.difference(difference.value, "rate"),
            text.difference_interval(difference.ci95, "rate"),
        )
    )
    return *shown, *changed


def calibration(contents: ReportContents) -> ChartFigure:
    """Returns the reliability plot."""
    trials = contents.trials
    bins = reliability(trials.scores, trials.is_bonafide)
    figures = contents.evaluation.figures
    cllr, least = figures["cllr"].value, figures["min_cllr"].value
    return ChartFigure(
        name="reliability",
        finding=f"Cllr is {text.figure(cllr, 'bits')} bits, and {text.figure(least, 'bits')} "
        f"with perfect calibration. Miscalibration costs {text.figure(cllr - least, 'bits')} bits.",
        description="Observed share of bona fide over the predicted probability of bona fide, both "
        "at equal class priors, in ten bins; calibrated scores lie on the dotted diagonal. "
        "Above it scores are too low, below it too high.",
        specs=(charts.reliability(bins),),
        table=Table(
            "Reliability in bins of the predicted probability",
            ("Predicted", "Observed", "Trials"),
            tuple(
                (text.rate(found.predicted), text.rate(found.observed), text.count(found.count))
                for found in bins
            ),
        ),
        shape="square",
    )


def training(contents: ReportContents) -> ChartFigure | None:
    """Returns the training curve; None if there is no history."""
    history = [epoch for epoch in contents.history if "epoch" in epoch]
    if not history:
        return None
    losses = _there(history, {"loss": "training loss", "dev_loss": "development loss"})
    eers = _there(history, {"dev_eer": "EER on development"})
    if not losses and not eers:
        return None
    specs = []
    if losses:
        specs.append(charts.training(history, losses, title="Loss", rates=False))
    if eers:
        specs.append(charts.training(history, eers, title="Development EER", rates=True))
    finding = f"{text.plural(len(history), 'epoch')} of training."
    known = [epoch for epoch in history if _finite(epoch.get("dev_eer"))]
    if known:
        # As in training: of epochs with equal EER, the one with the lowest loss.
        best = min(known, key=lambda epoch: (epoch["dev_eer"], epoch.get("dev_loss", 0.0)))
        finding = (
            f"The best of {len(history)} epochs is number {best['epoch']:g}, with an EER of "
            f"{text.rate(best['dev_eer'])} on the development set."
        )
    return ChartFigure(
        name="training",
        finding=finding,
        description="Training and development loss, and EER on the development set, by epoch.",
        specs=tuple(specs),
        table=Table(
            "Training by epoch",
            (
                "Epoch",
                *(name.capitalize() for name in losses.values()),
                *(["Dev EER"] if eers else []),
            ),
            tuple(
                (
                    f"{epoch['epoch']:g}",
                    *(text.loss(epoch.get(key)) for key in losses),
                    *(text.rate(_known(epoch.get(key))) for key in eers),
                )
                for epoch in history
            ),
        ),
    )


def _there(history: Sequence[Mapping[str, float]], names: Mapping[str, str]) -> dict[str, str]:
    return {
        key: name
        for key, name in names.items()
        if any(_finite(epoch.get(key)) for epoch in history)
    }


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _known(value: float | None) -> float | None:
    return value if _finite(value) else None
