"""Common parts of all charts: colours, axes, sizing, and the script that renders them.

Colours are CSS variables: Vega's SVG renderer copies them into the marks, so the style sheet
defines light and dark. Colour is never the only distinction: lines also differ in dashes, points in
shape.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert

Spec = dict[str, Any]
Rows = list[dict[str, Any]]

INK, MUTED, GRID, PAPER = "var(--ink)", "var(--muted)", "var(--grid)", "var(--paper)"
FIRST, SECOND = "var(--series-1)", "var(--series-2)"
_DASHES = ([1, 0], [5, 3])
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


def dataset(name: str) -> alt.Chart:
    """Returns a chart of the rows that `finished` receives by this name.

    Altair would copy and validate every row at every step; layers also share the rows.
    """
    return alt.Chart(alt.NamedData(name=name))


def series(field: str, names: Sequence[str], **legend: Any) -> dict[str, Any]:
    """Returns the encoding of up to two series by colour and dashes, with one legend."""
    shown = alt.Legend(
        title=None,
        symbolType="stroke",
        symbolSize=500,
        symbolStrokeWidth=2.5,
        symbolOpacity=1,
        symbolFillColor="transparent",
        **legend,
    )
    colors = alt.Scale(domain=list(names), range=[FIRST, SECOND][: len(names)])
    dashes = alt.Scale(domain=list(names), range=list(_DASHES[: len(names)]))
    legend_or_none = shown if len(names) > 1 else None
    return {
        "color": alt.Color(f"{field}:N", scale=colors, legend=legend_or_none),
        "strokeDash": alt.StrokeDash(f"{field}:N", scale=dashes, legend=legend_or_none),
    }


def per_cent(field: str) -> str:
    """Returns a Vega expression that formats a fraction like `bonafide.text.rate`."""
    value = f"datum.{field}"
    digits = f"{value} === 0 || {value} === 1 ? 'd' : {value} < 0.001 ? '.2r' : '.2f'"
    return f"format(100 * {value}, {digits}) + '\u00a0%'"


def per_cent_axis(**settings: Any) -> alt.Axis:
    """Returns an axis of fractions, labelled in per cent."""
    return alt.Axis(
        labelExpr="format(100 * datum.value, '.4~g') + '\u00a0%'", tickCount=5, **settings
    )


def finished(chart: alt.LayerChart, datasets: Mapping[str, Rows], *, height: int) -> Spec:
    """Returns the specification with the width of its container, the theme and the data."""
    text = {"labelColor": INK, "labelFontSize": 12}
    spec: Spec = (
        chart.properties(width="container", height=height, background="transparent")
        .properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
        # Each chart has a description and a table on the page: marks need no labels.
        .configure(font=_FONT, padding={"left": 2, "right": 10, "top": 4, "bottom": 2}, aria=False)
        .configure_axis(
            **text,
            titleColor=INK,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=8,
            gridColor=GRID,
            domainColor=MUTED,
            tickColor=MUTED,
            labelOverlap="parity",
            labelSeparation=8,
        )
        .configure_legend(**text, orient="top", direction="horizontal", labelLimit=220)
        .configure_view(stroke=None)
        .to_dict()
    )
    # Altair sets its Vega-Lite version, which is older than that of vl-convert; the grammar
    # is the same, and without the version there is no warning.
    del spec["$schema"]
    return spec | {"datasets": dict(datasets)}


@functools.cache
def library() -> str:
    """Returns Vega, Vega-Lite and Vega-Embed as one script that sets `window.vegaEmbed`."""
    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # Either would break the parsing of the page.
    if "</script" in script.lower() or "<!--" in script:
        raise RuntimeError("the Vega bundle cannot be embedded in a script element")
    return script
