"""The charts as Vega-Lite specifications, built with Altair.

Names that Altair would generate with a counter are set explicitly, so that equal contents
give equal pages.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from scipy.special import ndtri

from bonafide import text
from bonafide.metrics.calibration import ReliabilityBin
from bonafide.metrics.results import AttackResult, Figure, OperatingPoint
from bonafide.report import vega
from bonafide.report.chart_data import DetCurve, Histogram, probit
from bonafide.report.robustness import ConditionRow
from bonafide.report.vega import FIRST, INK, MUTED, PAPER, SECOND, Rows, Spec, dataset, per_cent

BONAFIDE, SPOOF = "bona fide", "spoof"
MARK_LINE = 15  # pixels between the names of thresholds
MOST_ATTACKS = 40  # more bars are not legible; the table has all attacks
_LEAST_EER_AXIS = 0.01  # so that an EER of 0 has an axis
_DET_TICKS = (0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999, 0.9999)
_SHAPES = (
    *("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "triangle-right"),
)
_DOTTED = [2, 3]


def det(
    curves: Mapping[str, DetCurve],
    points: Sequence[OperatingPoint],
    *,
    eer: float,
    n_bonafide: int,
    n_spoof: int,
) -> Spec:
    """Draws FRR over FAR on probit axes, the operating points marked on the first curve.

    Args:
        curves: System -> curve; the first is the evaluated one.
        points: Its operating points; those beyond the axes are drawn at the edge.
        eer: The highest EER of the systems, which defines the range of the axes.
        n_bonafide: Number of bona fide trials.
        n_spoof: Number of spoofed trials.
    """
    ticks = det_ticks(eer, n_spoof), det_ticks(eer, n_bonafide)
    domains = tuple(
        (float(ndtri(found[0])) - 0.05, float(ndtri(found[-1])) + 0.05) for found in ticks
    )
    x = _probit_axis(alt.X("x:Q"), "False acceptance rate (FAR)", ticks[0], domains[0])
    y = _probit_axis(alt.Y("y:Q"), "False rejection rate (FRR)", ticks[1], domains[1])
    system = vega.series("system", list(curves), columns=1)
    under = alt.selection_point(name="under", on="pointerover", clear="pointerout", empty=False)
    curve = dataset("curves").mark_line(strokeWidth=2.5, clip=True)
    # Invisible points, larger than the line, for the tooltip.
    hover = _with_rates(dataset("curves")).mark_point(size=300, filled=True, clip=True)
    marks = _with_rates(dataset("points")).mark_point(
        size=110, filled=True, opacity=1, color=INK, stroke=PAPER, strokeWidth=1.5
    )
    shapes = alt.Scale(
        domain=[_point_name(point) for point in points], range=list(_SHAPES[: len(points)])
    )
    # The curve of a usable detector does not reach the upper right corner.
    legend = alt.Legend(
        title=None,
        orient="top-right",
        direction="vertical",
        fillColor=PAPER,
        padding=6,
        symbolFillColor=INK,
        symbolStrokeColor=INK,
        symbolOpacity=1,
    )
    layers = [
        dataset("diagonal")
        .mark_line(color=MUTED, strokeWidth=1, strokeDash=_DOTTED, clip=True)
        .encode(x, y),
        curve.encode(x, y, order="order:Q", **system),
        hover.encode(
            x,
            y,
            color=system["color"],
            opacity=alt.condition(under, alt.value(0.4), alt.value(0)),
            tooltip=_rate_tooltip("system", "System"),
        )
        .add_params(under)
        .properties(name="curve_points"),
        marks.encode(
            x,
            y,
            shape=alt.Shape("point:N", scale=shapes, legend=legend),
            tooltip=_rate_tooltip("point", "Operating point"),
        ),
    ]
    datasets = {
        "diagonal": [{"x": end, "y": end} for end in domains[0]],
        "curves": [row for name, found in curves.items() for row in _curve_rows(name, found)],
        "points": [_point_row(point, domains, n_bonafide, n_spoof) for point in points],
    }
    return vega.finished(alt.layer(*layers), datasets, height=400)


def det_ticks(eer: float, trials: int) -> list[float]:
    """Returns the rates of the ticks of an axis: from below half a trial to well above the EER.

    Args:
        eer: The highest EER to include.
        trials: Number of trials of the rate.
    """
    below = [tick for tick in _DET_TICKS if tick < 0.5 / trials][-1:]
    inside = [tick for tick in _DET_TICKS if tick >= 0.5 / trials]
    highest = 0.5 if eer <= 0.2 else 0.95 if eer <= 0.8 else 0.9999
    return [tick for tick in below + inside if tick <= highest]


def _probit_axis(channel: Any, title: str, ticks: Sequence[float], domain: Sequence[float]) -> Any:
    places = [float(ndtri(tick)) for tick in ticks]
    labels = [f"{100 * tick:g}\u00a0%" for tick in ticks]
    return channel.scale(domain=list(domain), zero=False, nice=False).axis(
        title=title,
        values=places,
        labelExpr=f"{labels}[indexof({places}, datum.value)]",
        labelOverlap="greedy",
    )


def _curve_rows(name: str, curve: DetCurve) -> Rows:
    parts = (curve.far, curve.frr, curve.thresholds, curve.x, curve.y)
    return [
        {"system": name, "order": order, "far": far, "frr": frr, "threshold": threshold}
        | {"x": x, "y": y}
        for order, (far, frr, threshold, x, y) in enumerate(
            zip(*(part.tolist() for part in parts), strict=True)
        )
    ]


def _point_name(point: OperatingPoint) -> str:
    return point.name


def _point_row(
    point: OperatingPoint,
    domains: Sequence[tuple[float, float]],
    n_bonafide: int,
    n_spoof: int,
) -> dict[str, Any]:
    rates = point.rates
    x = float(np.clip(probit(rates.far, n_spoof), *domains[0]))
    y = float(np.clip(probit(rates.frr, n_bonafide), *domains[1]))
    return {
        "point": _point_name(point),
        "far": rates.far,
        "frr": rates.frr,
        "threshold": point.threshold,
        "x": x,
        "y": y,
    }


def _with_rates(chart: alt.Chart) -> alt.Chart:
    return chart.transform_calculate(shown_far=per_cent("far"), shown_frr=per_cent("frr"))


def _rate_tooltip(field: str, title: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip(f"{field}:N", title=title),
        alt.Tooltip("shown_far:N", title="FAR"),
        alt.Tooltip("shown_frr:N", title="FRR"),
        alt.Tooltip("threshold:Q", title="Threshold", format=".6~g"),
    ]


def scores(found: Histogram, marks: Mapping[str, float]) -> Spec:
    """Draws the distribution of the scores of each class, as shares of the class.

    Args:
        found: The bins.
        marks: Name -> threshold to mark; those outside the bins are omitted.
    """
    edges = found.edges.tolist()
    totals = {BONAFIDE: int(found.bonafide.sum()), SPOOF: int(found.spoof.sum())}
    bins = list(
        zip(edges[:-1], edges[1:], found.bonafide.tolist(), found.spoof.tolist(), strict=True)
    )
    shares = [
        {"start": start, "class": name, "share": number / totals[name]}
        for start, _, *numbers in bins
        for name, number in zip(totals, numbers, strict=True)
    ]
    # The outline needs an end point, or the last step would have no width.
    shares += [{"start": edges[-1], "class": name, "share": 0.0} for name in totals]
    whole = [
        {"start": start, "end": end}
        | {"score": f"{text.edge(start)} to {text.edge(end)}"}
        | {"bonafide": f"{text.rate(bonafide / totals[BONAFIDE])} ({bonafide:,})"}
        | {"spoof": f"{text.rate(spoof / totals[SPOOF])} ({spoof:,})"}
        for start, end, bonafide, spoof in bins
    ]
    shown = {name: mark for name, mark in marks.items() if edges[0] <= mark <= edges[-1]}
    x = alt.X("start:Q", title="Score (higher = more bona fide)").scale(
        domain=[edges[0], edges[-1]], nice=False
    )
    x = x.axis(grid=False, tickCount=10, format=",.6~g")
    y = alt.Y("share:Q", title="Share of the class", axis=vega.per_cent_axis()).stack(None)
    classes = vega.series("class", list(totals), orient="bottom")  # names of thresholds are above
    steps = dataset("shares")
    layers = [
        steps.mark_area(interpolate="step-after", fillOpacity=0.22, strokeWidth=0).encode(
            x, y, color=classes["color"]
        ),
        steps.mark_line(interpolate="step-after", strokeWidth=2).encode(x, y, **classes),
        dataset("bins")
        .mark_rect(fill=MUTED, fillOpacity=0)
        .encode(
            x,
            x2="end:Q",
            tooltip=[
                alt.Tooltip("score:N", title="Score"),
                alt.Tooltip("bonafide:N", title="Bona fide"),
                alt.Tooltip("spoof:N", title="Spoof"),
            ],
        ),
        *_threshold_layers(shown, edges[0], edges[-1]),
    ]
    datasets = {"shares": shares, "bins": whole, **_threshold_rows(shown)}
    return vega.finished(alt.layer(*layers), datasets, height=300)


def _from_left(marks: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(marks.items(), key=lambda mark: (mark[1], mark[0]))


def _threshold_rows(marks: Mapping[str, float]) -> dict[str, Rows]:
    """A dataset for each threshold."""
    return {
        f"mark-{place}": [{"name": name, "start": mark}]
        for place, (name, mark) in enumerate(_from_left(marks))
    }


def _threshold_layers(marks: Mapping[str, float], low: float, high: float) -> list[alt.Chart]:
    """Draws lines with their names above the plot, each name in a line of its own.

    Names beside each other would overlap where thresholds are near and the page is narrow. The
    lines of thresholds further right end lower, so that they do not cross a name.
    """
    layers: list[alt.Chart] = []
    for place, (_, mark) in enumerate(_from_left(marks)):
        align = "left" if (mark - low) / (high - low) < 0.85 else "right"
        data, x = dataset(f"mark-{place}"), alt.X("start:Q")
        tooltip = [
            alt.Tooltip("name:N", title="Threshold"),
            alt.Tooltip("start:Q", title="Score", format=".6~g"),
        ]
        name = data.mark_text(
            align=align, dx=4 if align == "left" else -4, color=INK, fontSize=12, clip=False
        )
        height = -9 - MARK_LINE * (len(marks) - 1 - place)
        rule = data.mark_rule(color=INK, strokeWidth=1.5, clip=False)
        layers += [
            rule.encode(x, y=alt.value(height), y2=alt.value("height"), tooltip=tooltip),
            name.encode(x, y=alt.value(height), text="name:N"),
        ]
    return layers


def attacks(
    ours: Mapping[str, AttackResult], theirs: Mapping[str, AttackResult], other: str, pooled: float
) -> Spec:
    """Draws the EER of each attack as a bar, worst first, with its interval.

    Args:
        ours: Results by attack id.
        theirs: Results of the other system, drawn as diamonds; empty without one.
        other: Name of the other system.
        pooled: EER over all attacks, drawn as a line.
    """
    order = worst_first(ours)[:MOST_ATTACKS]
    rows = [_attack_row(attack, ours[attack], theirs.get(attack)) for attack in order]
    names = [row["attack"] for row in rows]
    y = alt.Y("attack:N", sort=names, title=None, axis=alt.Axis(labelLimit=130, ticks=False))
    ends = [row[field] or 0.0 for row in rows for field in ("eer", "high", "other")]
    x = alt.X("eer:Q", title="EER", axis=vega.per_cent_axis())
    x = x.scale(domain=[0, max(*ends, pooled, _LEAST_EER_AXIS)], nice=True)
    tooltip = [
        alt.Tooltip("attack:N", title="Attack"),
        alt.Tooltip("shown:N", title="EER"),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("spoofs:Q", title="Spoofs", format=","),
    ]
    if theirs:
        tooltip.append(alt.Tooltip("shown_other:N", title=other))
    data = dataset("attacks")
    layers = [
        data.mark_bar(color=FIRST, opacity=0.6, height={"band": 0.62}).encode(
            x, y, tooltip=tooltip
        ),
    ]
    if any(row["low"] is not None for row in rows):
        whisker = data.mark_rule(color=INK, strokeWidth=1.5)
        cap = data.mark_tick(color=INK, thickness=1.5, size=7)
        layers += [
            whisker.encode(x="low:Q", x2="high:Q", y=y, tooltip=tooltip),
            cap.encode(x="low:Q", y=y),
            cap.encode(x="high:Q", y=y),
        ]
    if theirs:
        diamond = data.mark_point(shape="diamond", filled=True, size=70, color=SECOND, opacity=1)
        layers.append(diamond.encode(x="other:Q", y=y, tooltip=tooltip))
    layers.append(
        dataset("pooled")
        .mark_rule(color=MUTED, strokeWidth=1.5, strokeDash=_DOTTED)
        .encode(x="eer:Q", tooltip=[alt.Tooltip("shown:N", title="Pooled EER")])
    )
    datasets = {"attacks": rows, "pooled": [{"eer": pooled, "shown": text.rate(pooled)}]}
    return vega.finished(alt.layer(*layers), datasets, height=max(60, 24 * len(rows)))


def conditions(rows: Sequence[ConditionRow]) -> Spec:
    """Draws the errors under each condition as points with their intervals.

    Args:
        rows: From top to bottom; FAR and FRR at the fixed threshold, or the EER without one.
    """
    measured = [
        {
            "condition": row.title,
            "error": name,
            "rate": figure.value,
            "low": figure.ci95[0] if figure.ci95 else None,
            "high": figure.ci95[1] if figure.ci95 else None,
            "shown": text.rate(figure.value),
            "interval": text.interval(figure.ci95, "rate"),
        }
        for row in rows
        for name, figure in _errors(row).items()
    ]
    errors = list(dict.fromkeys(name for row in rows for name in _errors(row)))
    titles = [row.title for row in rows]
    y = alt.Y("condition:N", sort=titles, title=None, axis=alt.Axis(labelLimit=260, ticks=False))
    # One line per error, so that points and whiskers do not overlap.
    offset = alt.YOffset("error:N", sort=errors)
    x = alt.X("rate:Q", title="Share of the class", axis=vega.per_cent_axis())
    x = x.scale(domain=[0, 1], nice=False)
    legend = alt.Legend(title=None, symbolSize=90) if len(errors) > 1 else None
    colors = alt.Scale(domain=errors, range=[FIRST, SECOND][: len(errors)])
    shapes = alt.Scale(domain=errors, range=list(_SHAPES[: len(errors)]))
    color = alt.Color("error:N", scale=colors, legend=legend)
    shape = alt.Shape("error:N", scale=shapes, legend=legend)
    tooltip = [
        alt.Tooltip("condition:N", title="Condition"),
        alt.Tooltip("error:N", title="Error"),
        alt.Tooltip("shown:N", title="Rate"),
        alt.Tooltip("interval:N", title="95 % interval"),
    ]
    data = dataset("conditions")
    layers = [
        data.mark_point(filled=True, size=90, opacity=1).encode(
            x, y, yOffset=offset, color=color, shape=shape, tooltip=tooltip
        )
    ]
    if any(row["low"] is not None for row in measured):
        whisker = data.mark_rule(strokeWidth=1.5).encode(
            x="low:Q", x2="high:Q", y=y, yOffset=offset, color=color, tooltip=tooltip
        )
        layers.insert(0, whisker)
    height = max(90, 34 * len(rows))
    return vega.finished(alt.layer(*layers), {"conditions": measured}, height=height)


def _errors(row: ConditionRow) -> dict[str, Figure]:
    """Returns the drawn figures of a condition."""
    if row.result.far is None or row.result.frr is None:
        return {"EER": row.result.eer}
    return {"Spoofs accepted (FAR)": row.result.far, "Bona fide rejected (FRR)": row.result.frr}


def _attack_row(attack: str, ours: AttackResult, theirs: AttackResult | None) -> dict[str, Any]:
    low, high = ours.ci95 or (None, None)
    return {
        "attack": text.attack(attack),
        "eer": ours.eer,
        "shown": text.rate(ours.eer),
        "low": low,
        "high": high,
        "interval": text.interval(ours.ci95, "rate"),
        "spoofs": ours.n_spoof,
        "other": theirs.eer if theirs else None,
        "shown_other": text.rate(theirs.eer if theirs else None),
    }


def worst_first(found: Mapping[str, AttackResult]) -> list[str]:
    """Returns attack ids by decreasing EER, then by id."""
    return sorted(found, key=lambda attack: (-found[attack].eer, attack))


def reliability(bins: Sequence[ReliabilityBin]) -> Spec:
    """Draws observed over predicted probability, at equal priors."""
    rows = [
        {"predicted": found.predicted, "observed": found.observed, "count": found.count}
        for found in bins
    ]
    scale, axis = alt.Scale(domain=[0, 1], nice=False), vega.per_cent_axis()
    x = alt.X("predicted:Q", title="Predicted probability of bona fide", scale=scale, axis=axis)
    y = alt.Y("observed:Q", title="Observed share of bona fide", scale=scale, axis=axis)
    data = dataset("bins").transform_calculate(
        claimed=per_cent("predicted"), found=per_cent("observed")
    )
    layers = [
        dataset("diagonal").mark_line(color=MUTED, strokeWidth=1, strokeDash=_DOTTED).encode(x, y),
        data.mark_line(color=FIRST, strokeWidth=2).encode(x, y, order="predicted:Q"),
        data.mark_point(color=FIRST, filled=True, size=90, opacity=1).encode(
            x,
            y,
            tooltip=[
                alt.Tooltip("claimed:N", title="Claimed"),
                alt.Tooltip("found:N", title="Observed"),
                alt.Tooltip("count:Q", title="Trials", format=","),
            ],
        ),
    ]
    diagonal = [{"predicted": end, "observed": end} for end in (0, 1)]
    return vega.finished(alt.layer(*layers), {"bins": rows, "diagonal": diagonal}, height=380)


def training(
    history: Sequence[Mapping[str, float]], measures: Mapping[str, str], *, title: str, rates: bool
) -> Spec:
    """Draws measures of the training over its epochs.

    Args:
        history: A mapping per epoch. Values that are None or not finite are omitted.
        measures: Key of the mapping -> name in the legend.
        title: Title of the axis.
        rates: Whether the measures are fractions, to be shown in per cent.
    """
    rows = [
        {"epoch": epoch["epoch"], "measure": name, "value": float(epoch[key])}
        | {"shown": text.rate(epoch[key]) if rates else text.loss(epoch[key])}
        for epoch in history
        for key, name in measures.items()
        if epoch.get(key) is not None and math.isfinite(epoch[key])
    ]
    # No ticks between epochs.
    x = alt.X("epoch:Q", title="Epoch", axis=alt.Axis(tickMinStep=1, format="d", grid=False))
    x = x.scale(zero=False, nice=False)
    axis = vega.per_cent_axis() if rates else alt.Axis(format="~g", tickCount=5)
    y = alt.Y("value:Q", title=title, axis=axis)
    names = vega.series("measure", list(measures.values()))
    tooltip = [
        alt.Tooltip("measure:N", title="Measure"),
        alt.Tooltip("epoch:Q", title="Epoch"),
        alt.Tooltip("shown:N", title="Value"),
    ]
    data = dataset("epochs")
    layers = [
        data.mark_line(strokeWidth=2).encode(x, y, **names),
        data.mark_point(filled=True, size=45, opacity=1).encode(
            x, y, color=names["color"], tooltip=tooltip
        ),
    ]
    return vega.finished(alt.layer(*layers), {"epochs": rows}, height=220)
