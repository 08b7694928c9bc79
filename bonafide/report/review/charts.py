"""Charts of TFMA's results and of pushed versions.

The signals `slice` and `metric` choose what a chart shows; the page sets them (`review.js`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
from scipy.special import ndtri

from bonafide.report.review.rows import CHAMPION, OVERALL, TfmaResults
from bonafide.report.vega import INK, MUTED, Rows, Spec, dataset, finished, per_cent_axis, series

_DOTTED = [2, 3]
_HEIGHT = 320
_RATES = (0.001, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99)
_COUNTS = {
    "accepted_bonafide": "Bona fide accepted",
    "rejected_bonafide": "Bona fide rejected",
    "accepted_spoof": "Spoofs accepted",
    "rejected_spoof": "Spoofs rejected",
}


def _chosen(chart: alt.Chart, *signals: str) -> alt.Chart:
    for signal in signals:
        chart = chart.transform_filter(f"datum.{signal} === {signal}")
    return chart


def _with_params(layers: Sequence[alt.Chart], **params: str) -> alt.LayerChart:
    return alt.layer(*layers).add_params(
        *(alt.param(name=name, value=value) for name, value in params.items())
    )


def slices(results: TfmaResults) -> Spec:
    """Draws one metric in every slice, with intervals and bounds; the highest value is at the top.

    Signal `metric`: TFMA's name of the metric.
    """
    rows: Rows = [
        {
            "slice": row.slice,
            "model": row.model,
            "metric": row.metric,
            "value": row.value,
            "low": row.ci95[0] if row.ci95 else None,
            "high": row.ci95[1] if row.ci95 else None,
            "bound": row.limits[1] if row.limits[1] is not None else row.limits[0],
        }
        for row in results.metrics
        if row.value is not None
    ]
    order = alt.EncodingSortField(field="value", op="max", order="descending")
    y = alt.Y("slice:N", title=None, sort=order)
    offset = alt.YOffset("model:N", sort=list(results.models))
    style = series("model", results.models)
    color = style["color"]
    shown = _chosen(dataset("metrics"), "metric")
    tooltip = [
        alt.Tooltip("slice:N", title="Slice"),
        alt.Tooltip("model:N", title="Model"),
        alt.Tooltip("value:Q", title="Value", format=".4~f"),
        alt.Tooltip("low:Q", title="95 % from", format=".4~f"),
        alt.Tooltip("high:Q", title="to", format=".4~f"),
        alt.Tooltip("bound:Q", title="Bound", format=".4~f"),
    ]
    layers = [
        shown.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2)
        .encode(alt.X("low:Q", title=None), y, x2="high:Q", yOffset=offset, color=color),
        shown.transform_filter(f"isValid(datum.bound) && datum.model !== '{CHAMPION}'")
        .mark_tick(thickness=2, size=18, color=INK)
        .encode(alt.X("bound:Q"), y),
        shown.mark_point(filled=True, size=80, opacity=1)
        .encode(
            alt.X("value:Q", title=None, scale=alt.Scale(zero=True)),
            y,
            yOffset=offset,
            color=color,
            shape=alt.Shape("model:N", scale=alt.Scale(domain=list(results.models))),
            tooltip=tooltip,
        )
        .properties(name="slice_points"),
    ]
    height = 30 + (18 if len(results.models) == 1 else 26) * len(results.slices)
    return finished(_with_params(layers, metric="eer"), {"metrics": rows}, height=height)


def _curves(results: TfmaResults) -> Rows:
    return [
        {
            "slice": matrix.slice,
            "model": matrix.model,
            "threshold": matrix.threshold,
            "far": matrix.far,
            "frr": matrix.frr,
            "tpr": 1 - matrix.frr,
            "far_probit": _probit(matrix.far),
            "frr_probit": _probit(matrix.frr),
            "order": order,
            **{name: getattr(matrix, name) for name in _COUNTS},
        }
        for order, matrix in enumerate(results.matrices)
        if math.isfinite(matrix.far) and math.isfinite(matrix.frr)
    ]


def _probit(rate: float) -> float:
    return float(ndtri(min(1 - 5e-4, max(5e-4, rate))))


def _curve(results: TfmaResults, x: alt.X, y: alt.Y, name: str, guide: Rows) -> Spec:
    style = series("model", results.models)
    shown = _chosen(dataset("curves"), "slice")
    tooltip = [
        alt.Tooltip("model:N", title="Model"),
        alt.Tooltip("threshold:Q", title="Threshold (probability)", format=".3f"),
        alt.Tooltip("far:Q", title="FAR", format=".2%"),
        alt.Tooltip("frr:Q", title="FRR", format=".2%"),
        *(alt.Tooltip(f"{field}:Q", title=title) for field, title in _COUNTS.items()),
    ]
    layers = [
        dataset("guide")
        .mark_line(color=MUTED, strokeWidth=1, strokeDash=_DOTTED)
        .encode(alt.X("x:Q"), alt.Y("y:Q")),
        shown.mark_line(strokeWidth=2.5).encode(x, y, order="order:Q", **style),
        shown.mark_point(size=120, filled=True, opacity=0)
        .encode(x, y, color=style["color"], tooltip=tooltip)
        .properties(name=f"{name}_points"),
    ]
    datasets = {"curves": _curves(results), "guide": guide}
    return finished(_with_params(layers, slice=OVERALL), datasets, height=_HEIGHT)


def roc(results: TfmaResults) -> Spec:
    """Draws the ROC of each model in the slice of the signal `slice`."""
    x = alt.X("far:Q", title="False acceptance rate (FAR)", axis=per_cent_axis())
    y = alt.Y("tpr:Q", title="Bona fide accepted (1 - FRR)", axis=per_cent_axis())
    return _curve(results, x, y, "roc", [{"x": 0, "y": 0}, {"x": 1, "y": 1}])


def det(results: TfmaResults) -> Spec:
    """Draws the DET of each model, FRR over FAR on probit axes, in the slice of `slice`."""
    ticks = [_probit(rate) for rate in _RATES]
    label = " : ".join(
        f"abs(datum.value - {tick}) < 1e-6 ? '{100 * rate:g} %'"
        for rate, tick in zip(_RATES, ticks, strict=True)
    )
    axis = alt.Axis(values=ticks, labelExpr=f"{label} : ''")
    scale = alt.Scale(domain=[_probit(0), _probit(1)], nice=False, zero=False)
    x = alt.X("far_probit:Q", title="False acceptance rate (FAR)", axis=axis, scale=scale)
    y = alt.Y("frr_probit:Q", title="False rejection rate (FRR)", axis=axis, scale=scale)
    return _curve(results, x, y, "det", [{"x": end, "y": end} for end in (ticks[0], ticks[-1])])


def calibration(results: TfmaResults) -> Spec:
    """Draws the share of bona fide trials over the mean probability, in the slice of `slice`."""
    rows: Rows = [vars(found) for found in results.calibration]
    x = alt.X("predicted:Q", title="Mean probability", scale=alt.Scale(domain=[0, 1]))
    y = alt.Y("observed:Q", title="Share of bona fide", scale=alt.Scale(domain=[0, 1]))
    style = series("model", results.models)
    shown = _chosen(dataset("bins"), "slice")
    tooltip = [
        alt.Tooltip("model:N", title="Model"),
        alt.Tooltip("predicted:Q", title="Mean probability", format=".3f"),
        alt.Tooltip("observed:Q", title="Share of bona fide", format=".3f"),
        alt.Tooltip("count:Q", title="Trials"),
    ]
    layers = [
        dataset("guide")
        .mark_line(color=MUTED, strokeWidth=1, strokeDash=_DOTTED)
        .encode(alt.X("x:Q"), alt.Y("y:Q")),
        shown.mark_line(strokeWidth=1.5).encode(x, y, **style),
        shown.mark_point(filled=True, opacity=0.85)
        .encode(
            x,
            y,
            color=style["color"],
            size=alt.Size("count:Q", scale=alt.Scale(range=[30, 400]), legend=None),
            tooltip=tooltip,
        )
        .properties(name="calibration_points"),
    ]
    datasets = {"bins": rows, "guide": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}
    return finished(_with_params(layers, slice=OVERALL), datasets, height=_HEIGHT)


def confusion(results: TfmaResults) -> Spec:
    """Draws FAR and FRR of each model over the threshold, in the slice of `slice`."""
    rows: Rows = [
        row | {"rate": row[name], "error": name.upper()}
        for row in _curves(results)
        for name in ("far", "frr")
    ]
    x = alt.X("threshold:Q", title="Threshold of the probability", scale=alt.Scale(domain=[0, 1]))
    y = alt.Y("rate:Q", title="Error rate", axis=per_cent_axis(), scale=alt.Scale(domain=[0, 1]))
    style: dict[str, Any] = {
        "color": series("model", results.models)["color"],
        "strokeDash": alt.StrokeDash(
            "error:N", scale=alt.Scale(domain=["FAR", "FRR"], range=[[1, 0], [5, 3]])
        ),
    }
    style["strokeDash"].legend = alt.Legend(title=None, symbolStrokeColor=INK)
    shown = _chosen(dataset("errors"), "slice")
    tooltip = [
        alt.Tooltip("model:N", title="Model"),
        alt.Tooltip("threshold:Q", title="Threshold", format=".3f"),
        alt.Tooltip("far:Q", title="FAR", format=".2%"),
        alt.Tooltip("frr:Q", title="FRR", format=".2%"),
        *(alt.Tooltip(f"{field}:Q", title=title) for field, title in _COUNTS.items()),
    ]
    layers = [
        shown.mark_line(strokeWidth=2.5, interpolate="step-after").encode(x, y, **style),
        shown.mark_point(size=120, filled=True, opacity=0)
        .encode(x, y, color=style["color"], tooltip=tooltip)
        .properties(name="confusion_points"),
    ]
    return finished(_with_params(layers, slice=OVERALL), {"errors": rows}, height=_HEIGHT)


def over_time(
    rows: Rows, *, lines: Sequence[str], title: str, name: str, rates: bool = True
) -> Spec:
    """Draws figures over pushed versions, the oldest at the left.

    Args:
        rows: A mapping for each point: `version`, `line`, `value`, and `low`, `high` or None.
        lines: Names of the lines, in order.
        title: Of the vertical axis.
        name: Of the marks.
        rates: Whether values are fractions, labelled in per cent.
    """
    versions = list(dict.fromkeys(row["version"] for row in rows))
    x = alt.X("version:N", title="Version", sort=versions, axis=alt.Axis(labelAngle=-30))
    axis: Mapping[str, Any] = {"axis": per_cent_axis()} if rates else {}
    y = alt.Y("value:Q", title=title, **axis)
    color = alt.Color(
        "line:N",
        scale=alt.Scale(domain=list(lines), scheme="tableau10"),
        legend=alt.Legend(title=None, columns=3),
    )
    data = dataset("versions")
    shape = alt.Shape("line:N", scale=alt.Scale(domain=list(lines)))
    tooltip = [
        alt.Tooltip("version:N", title="Version"),
        alt.Tooltip("line:N", title="Figure"),
        alt.Tooltip("value:Q", title="Value", format=".4~f"),
        alt.Tooltip("low:Q", title="95 % from", format=".4~f"),
        alt.Tooltip("high:Q", title="to", format=".4~f"),
    ]
    layers = [
        data.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=1.5, opacity=0.6)
        .encode(x, alt.Y("low:Q"), y2="high:Q", color=color),
        data.mark_line(strokeWidth=1.5).encode(x, y, color=color),
        data.mark_point(filled=True, size=70, opacity=1)
        .encode(x, y, color=color, shape=shape, tooltip=tooltip)
        .properties(name=f"{name}_points"),
    ]
    return finished(alt.layer(*layers), {"versions": rows}, height=_HEIGHT)
