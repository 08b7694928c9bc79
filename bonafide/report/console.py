"""Prints an evaluation as tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from bonafide import text
from bonafide.report import limits, measures

# Imported where it is needed: it takes two seconds, and errors in the input are reported first.
if TYPE_CHECKING:
    from bonafide.metrics.gate import Verdict
    from bonafide.metrics.results import Comparison, Evaluation, Figure
    from bonafide.metrics.slices import SliceResult, Slices
    from bonafide.metrics.treated import TreatedTrials

_MOST_ATTACKS = 30  # on the console; JSON and HTML have them all
_ASCII = {0x2212: "-", 0xA0: " "}  # typographic characters that some terminals lack


def show(
    found: Evaluation,
    title: str,
    console: Console,
    conditions: TreatedTrials | None = None,
    groups: Slices | None = None,
) -> None:
    """Prints everything for people."""
    from bonafide.report import facts

    how, attacks = found.bootstrap, len(found.per_attack)
    console.print(visible(title), style="bold")
    speakers = ""
    if found.n_speakers is not None:
        speakers = f", {text.plural(found.n_speakers, 'speaker')}" + facts.speakers_by_class(found)
    trials = text.plural(found.n_bonafide + found.n_spoof, "trial")
    console.print(
        f"{trials}: {found.n_bonafide:,} bona fide, "
        f"{found.n_spoof:,} spoofed ({text.plural(attacks, 'attack')}){speakers}"
    )
    if how.resamples:
        console.print(
            f"95 % intervals from {text.plural(how.resamples, 'resample')} of "
            f"{text.plural(how.clusters, how.unit)}, seed {how.seed}"
        )
    console.print(figures_table(found))
    if found.comparison is not None:
        console.print(comparison_table(found.comparison))
    if found.reference is not None:
        console.print(visible(facts.reference_summary(found)))
    console.print(attacks_table(found))
    if attacks > _MOST_ATTACKS:
        console.print(f"and {text.plural(attacks - _MOST_ATTACKS, 'easier attack')}: see --json")
    console.print(points_table(found))
    for name, values in (groups or {}).items():
        console.print(groups_table(name, values))
    if conditions is not None:
        console.print(conditions_table(conditions))
    for warning in found.warnings:
        console.print(f"Warning: {warning}", style="yellow")


def figures_table(found: Evaluation) -> Table:
    """Returns every figure with its interval."""
    unseen = any(figure.unseen_ci95 for figure in found.figures.values())
    table = _table("Figures", "", "value", "95 % interval", *["unseen attacks"] * unseen)
    for name, measure in measures.MEASURES.items():
        if figure := found.figures.get(name):
            label = measure.title
            if name == "worst_attack_eer":
                label += f" ({found.worst_attack})"
            table.add_row(
                visible(label),
                visible(text.figure(figure.value, measure.unit)),
                visible(text.interval(figure.ci95, measure.unit)),
                *_unseen(figure, measure.unit, shown=unseen),
                style="bold" if name == "eer" else None,
            )
    return table


def _unseen(figure: Figure, unit: str, *, shown: bool) -> list[str]:
    """Returns the cell of the interval for attacks never seen; none without that column."""
    if not shown:
        return []
    return [visible(text.interval(figure.unseen_ci95, unit)) if figure.unseen_ci95 else "-"]


def groups_table(name: str, values: Mapping[str, SliceResult]) -> Table:
    """Returns the error rates of each value of a column of the protocol."""
    columns = (name, "bona fide", "spoof", "EER %", "FAR %", "95 %", "FRR %", "95 %")
    table = _table(f"By {name}; FAR and FRR at the threshold eer", *columns)
    for value, found in values.items():
        row = [value, text.count(found.n_bonafide), text.count(found.n_spoof)]
        row.append("-" if found.eer is None else text.figure(found.eer, "points"))
        for number, rate, ends in (
            (found.n_spoof, found.rates.far if found.rates else None, found.far_ci95),
            (found.n_bonafide, found.rates.frr if found.rates else None, found.frr_ci95),
        ):
            row.append(text.figure(rate, "points") if number and rate is not None else "-")
            row.append(text.interval(ends, "points") if ends else "-")
        table.add_row(*map(visible, row))
    return table


def comparison_table(comparison: Comparison) -> Table:
    """Returns the figures of the baseline and the differences; significant ones are coloured."""
    from bonafide.metrics.results import HIGHER_IS_BETTER

    table = _table("Comparison with the baseline", "", "baseline", "difference", "95 % interval")
    for name, measure in measures.MEASURES.items():
        if difference := comparison.differences.get(name):
            style = None
            if difference.ci95 is not None and difference.ci95[0] * difference.ci95[1] > 0:
                better = (difference.value > 0) == (name in HIGHER_IS_BETTER)
                style = "green" if better else "red"
            table.add_row(
                visible(measure.title),
                visible(text.figure(comparison.figures[name].value, measure.unit)),
                visible(text.difference(difference.value, measure.unit)),
                visible(text.difference_interval(difference.ci95, measure.unit)),
                style=style,
            )
    chance = text.p_value(comparison.p_value)
    table.caption = "Differences are this detector minus the baseline; rates in percentage points."
    if chance:
        table.caption += f"\n{chance} for equal EERs (two-sided)"
    return table


def attacks_table(found: Evaluation) -> Table:
    """Returns the attacks, worst first."""
    theirs = found.comparison.per_attack if found.comparison is not None else None
    columns = ["attack", "spoofs", "EER", "95 % interval"] + ["baseline"] * (theirs is not None)
    table = _table("EER by attack, worst first", *columns)
    ranked = sorted(found.per_attack.items(), key=lambda item: (-item[1].eer, item[0]))
    for name, attack in ranked[:_MOST_ATTACKS]:
        row = [name, text.count(attack.n_spoof), text.rate(attack.eer)]
        row.append(text.interval(attack.ci95, "rate"))
        if theirs is not None:
            row.append(text.rate(theirs[name].eer))
        table.add_row(*map(visible, row))
    return table


def points_table(found: Evaluation) -> Table:
    """Returns the thresholds and their error rates."""
    table = _table("Thresholds", "for", "from", "threshold", "FAR %", "95 %", "FRR %", "95 %")
    table.columns[0].no_wrap = True  # our own names, all short
    for point in found.operating_points:
        row = [point.name, point.chosen_on]
        row.append(text.score(point.threshold))
        for value, ends in (
            (point.rates.far, point.far_ci95),
            (point.rates.frr, point.frr_ci95),
        ):
            row += [text.figure(value, "points"), text.interval(ends, "points")]
        table.add_row(*map(visible, row))
    return table


def conditions_table(conditions: TreatedTrials) -> Table:
    """Returns the errors under each condition, worst first."""
    from bonafide.report import robustness

    columns = ("condition", "EER %", "FAR %", "95 %", "FRR %", "95 %")
    table = _table("Conditions, worst first; FAR and FRR at the frozen threshold", *columns)
    for row in robustness.rows(conditions):
        cells = [row.title, text.figure(row.result.eer.value, "points")]
        for rate in (row.result.far, row.result.frr):
            cells.append("-" if rate is None else text.figure(rate.value, "points"))
            cells.append("-" if rate is None else text.interval(rate.ci95, "points"))
        table.add_row(*map(visible, cells))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)
    table.pad_edge = False
    table.collapse_padding = True
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index == 0 else "right", no_wrap=index > 0)
    return table


def visible(cell: str) -> str:
    """Returns a text that is safe on any terminal: ids may contain control characters."""
    return text.visible(cell.translate(_ASCII))


def show_verdict(verdict: Verdict | None, named: limits.Limits | None, console: Console) -> None:
    """Prints whether the limits are kept, and which are not."""
    if verdict is None or named is None:
        console.print(
            "No gate was applied: no figure was compared with a limit (--max-eer and others, or "
            "--gate FILE)."
        )
        return
    number = text.plural(len(verdict.rules), "limit")
    if verdict.passed:
        console.print(
            visible(f"Gate passed: {number} kept, of {named.source}."), style="bold green"
        )
        return
    console.print(visible(f"Gate refused, by {named.source}:"), style="bold red")
    for failure in verdict.failures:
        console.print(visible(f"  {failure}"))
