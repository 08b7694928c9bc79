"""The views of TFMA's results: metrics by slice, and curves."""

from __future__ import annotations

from bonafide.metrics.intervals import Interval
from bonafide.report.review import charts
from bonafide.report.review.page import Cell, Section, Table, View
from bonafide.report.review.rows import MetricRow, TfmaResults
from bonafide.text import percent

_RATES = frozenset({"eer"})
_COUNTS = frozenset({"bonafide_count", "spoof_count"})
_TITLES = {
    "eer": "EER",
    "min_dcf": "min DCF",
    "act_dcf": "act DCF",
    "cllr": "Cllr",
    "calibration_loss": "Cllr - min Cllr",
    "min_tdcf_legacy": "min t-DCF (2019)",
    "min_tdcf_revised": "min t-DCF (2021)",
    "bonafide_count": "Bona fide",
    "spoof_count": "Spoofs",
}


def metrics_view(results: TfmaResults) -> View:
    """Returns TFMA's metrics by slice: a chart of one metric, and a sortable table of all."""
    found = {row.metric for row in results.metrics}
    metrics = [name for name in _TITLES if name in found] + sorted(found - {*_TITLES})
    rows, slices = [], []
    for where in results.slices:
        for model in results.models:
            cells = [_cell(results.value(where, model, name)) for name in metrics]
            rows.append([Cell(where, where), Cell(model, model), *cells])
            slices.append(where)
    table = Table(
        "A column's heading sorts by it.",
        ["Slice", "Model", *(_TITLES.get(name, name) for name in metrics)],
        rows,
        slices,
    )
    verdict = {
        None: "The evaluation has no TFMA thresholds.",
        True: "TFMA's validation: passed.",
        False: "TFMA's validation: refused.",
    }[results.validation_ok]
    note = (
        "A slice of an attack contains its spoofs and all bona fide trials. Intervals are of 95 %, "
        "by speakers, from our evaluation; a black tick is the gate's bound on the measured value. "
    )
    section = Section(
        "metrics",
        "Metrics by slice",
        note + verdict,
        {"The chosen metric, highest value first": charts.slices(results)},
        table,
    )
    pickers = {"metric": ("Metric", metrics), "slice": ("Slice", results.slices)}
    return View("TFMA: metrics by slice", [section], pickers)


def curves_view(results: TfmaResults) -> View:
    """Returns ROC, DET, calibration and errors over thresholds, for one slice at a time."""
    sections = [
        Section(
            "curves",
            "ROC and DET",
            "From TFMA's confusion matrices at 1,000 thresholds of the probability. The DET of "
            "the report is exact.",
            {"ROC": charts.roc(results), "DET": charts.det(results)},
        ),
        Section(
            "thresholds",
            "Calibration and errors over thresholds",
            "Left: the share of bona fide trials among those with a probability; on the diagonal, "
            "probabilities are calibrated for the classes of this split. Right: spoofs accepted "
            "(FAR) and bona fide rejected (FRR) at each threshold, with the counts in the tooltip.",
            {
                "Calibration": charts.calibration(results),
                "Errors over thresholds": charts.confusion(results),
            },
        ),
    ]
    return View("TFMA: curves", sections, {"slice": ("Slice", results.slices)})


def _cell(row: MetricRow | None) -> Cell:
    if row is None or row.value is None:
        return Cell("–")
    notes = []
    if row.ci95 is not None:
        notes.append(_ends(row.metric, row.ci95))
    if row.difference is not None and row.metric not in _COUNTS:
        notes.append(f"{_difference(row.metric, row.difference)} from the champion")
    low, high = row.limits
    if row.within is not None:
        bounds = [
            f"{word} {_shown(row.metric, end)}"
            for word, end in (("at least", low), ("at most", high))
            if end is not None
        ]
        notes.append(", ".join(bounds))
    state = "" if row.within is None else ("good" if row.within else "bad")
    return Cell(_shown(row.metric, row.value), row.value, "; ".join(notes), state)


def _shown(metric: str, value: float) -> str:
    if metric in _RATES:
        return percent(value)
    return f"{value:,.0f}" if metric in _COUNTS else f"{value:.3f}"


def _ends(metric: str, ends: Interval) -> str:
    return " to ".join(_shown(metric, end) for end in ends)


def _difference(metric: str, value: float) -> str:
    return f"{100 * value:+.2f} points" if metric in _RATES else f"{value:+.3f}"
