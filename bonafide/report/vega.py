"""What all charts share: colours, axes, how they fit their container, the script that draws them.

Colours are CSS variables: Vega's SVG renderer writes them into the marks as they are, so the style
sheet alone decides about light and dark. No colour is the only sign of anything: lines differ in
dashes, points in shape.
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
    """Returns a chart of rows that `finished` gets by this name.

    Altair would copy and check every row at every step; layers share the rows, too.
    """
    return alt.Chart(alt.NamedData(name=name))


def series(field: str, names: Sequence[str], **legend: Any) -> dict[str, Any]:
    """Returns the encoding of up to two series: by colour and by dashes, with one legend."""
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
    """Returns a Vega expression that shows a fraction as `bonafide.text.rate` does."""
    value = f"datum.{field}"
    digits = f"{value} === 0 || {value} === 1 ? 'd' : {value} < 0.001 ? '.2r' : '.2f'"
    return f"format(100 * {value}, {digits}) + '\u00a0%'"


def per_cent_axis(**settings: Any) -> alt.Axis:
    """Returns an axis of fractions, labelled in per cent."""
    return alt.Axis(
        labelExpr="format(100 * datum.value, '.4~g') + '\u00a0%'", tickCount=5, **settings
    )


def finished(chart: alt.LayerChart, datasets: Mapping[str, Rows], *, height: int) -> Spec:
    """Returns the specification: as wide as its container, dressed, with its data."""
    text = {"labelColor": INK, "labelFontSize": 12}
    spec: Spec = (
        chart.properties(width="container", height=height, background="transparent")
        .properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
        # The page gives each chart a description and a table: no mark needs a name of its own.
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
    # Altair names the Vega-Lite it was made for, an older one than vl-convert brings; the grammar
    # is the same, and without the name there is no warning.
    del spec["$schema"]
    return spec | {"datasets": dict(datasets)}


@functools.cache
def library() -> str:
    """Returns Vega, Vega-Lite and Vega-Embed as one script that sets `window.vegaEmbed`."""
    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # Either would change how a browser reads the rest of the page.
    if "</script" in script.lower() or "<!--" in script:
        raise RuntimeError("the Vega bundle cannot stand inside a script element as it is")
    return script
