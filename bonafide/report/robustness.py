"""Robustness section of a report: rows, worst first, and a summary."""

from __future__ import annotations

from dataclasses import dataclass

from bonafide import text
from bonafide.audio.degradation_specs import title_of
from bonafide.metrics.results import Figure
from bonafide.metrics.treated import AS_RECORDED, TreatedResult, TreatedTrials

_STEADY_POINTS = 0.15  # a smaller change of a rate is described as unchanged


@dataclass(frozen=True)
class ConditionRow:
    """A condition in the table and in the chart.

    Attributes:
        name: Name in the settings.
        title: Description.
        result: Error rates under the condition.
    """

    name: str
    title: str
    result: TreatedResult


def rows(conditions: TreatedTrials) -> list[ConditionRow]:
    """Returns the original recordings, then the conditions, worst first.

    The worst has the highest error: the larger of FAR and FRR at the fixed threshold, or the EER
    without a threshold.
    """
    found = [
        ConditionRow(name, _title(name), result) for name, result in conditions.results.items()
    ]
    return found[:1] + sorted(found[1:], key=lambda row: (-highest(row.result), row.name))


def _title(name: str) -> str:
    # A name may come from the command line.
    return "As recorded" if name == AS_RECORDED else text.visible(title_of(name))


def highest(result: TreatedResult) -> float:
    """Returns the error by which conditions are ranked; see `rows`."""
    return max(result.rates.far, result.rates.frr) if result.rates else result.eer.value


def summary(conditions: TreatedTrials) -> str:
    """Summarises the detector's decisions in the worst conditions."""
    plain, *others = rows(conditions)
    if not others:
        return "No condition was measured."
    rates = {row.title: row.result.rates for row in others if row.result.rates}
    if plain.result.rates is None or not rates:
        worst = others[0]
        return (
            f"The EER is {text.rate(plain.result.eer.value)} as recorded and at worst "
            f"{text.rate(worst.result.eer.value)} ({_inside(worst.title)})."
        )
    passes = max(rates, key=lambda title: rates[title].far)
    stops = max(rates, key=lambda title: rates[title].frr)
    sentences = [
        f"As recorded, {_of_100(plain.result.rates.far)} of 100 spoofs pass as bona fide; in the "
        f"worst condition ({_inside(passes)}) {_of_100(rates[passes].far)} do.",
        f"As recorded, {_of_100(plain.result.rates.frr)} of 100 bona fide recordings are rejected; "
        f"in the worst condition ({_inside(stops)}) {_of_100(rates[stops].frr)} are.",
    ]
    moved = [
        row.title
        for row in others
        if max(_moved(row.result.far_difference), _moved(row.result.frr_difference))
        > _STEADY_POINTS
    ]
    if not moved:
        sentences.append("No condition moves either rate by more than 15 points.")
    else:
        sentences.append(
            f"In {len(moved)} of {text.plural(len(others), 'condition')} a rate moves by more than "
            "15 points: there, decisions at this threshold are not those of clean recordings."
        )
    return " ".join(sentences)


def _of_100(rate: float) -> str:
    return f"{100 * rate:.0f}"


def _inside(title: str) -> str:
    """Returns a title for the middle of a sentence; abbreviations keep their capitals."""
    return title if not title[1:2].islower() else title[0].lower() + title[1:]


def _moved(difference: Figure | None) -> float:
    return abs(difference.value) if difference else 0.0
