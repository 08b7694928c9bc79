"""A picture of a recording: its score over time above its spectrogram."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from metrics import files
from report.text import visible
from scoring.engine import Recording
from scoring.rows import Reading
from scoring.spectrogram import Spectrogram
from scoring.thresholds import BONAFIDE, SPOOF

ENDINGS = (".png", ".svg", ".html")
_WIDTH, _SCORE_HEIGHT, _SPECTROGRAM_HEIGHT = 900, 240, 260
_PNG_SCALE = 2
_RANGE_DB = 80.0
_MOST_BARS = 400  # segments that can still be told apart
_STEPS_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MOST_TICKS = 12
_INK, _MUTED, _GRID = "#1b242d", "#566370", "#dfe4e9"
_COLOURS = {BONAFIDE: "#0b62a8", SPOOF: "#b8480a"}
# From quiet to loud, even in lightness; dark on white as the rest of the picture.
_RAMP = np.array([[255, 255, 255], [196, 211, 224], [106, 148, 184], [37, 84, 128], [8, 25, 48]])

Spec = dict[str, Any]


class PlotError(Exception):
    """A picture that cannot be drawn or written; the message says what to do."""


def refuse_impossible(path: str) -> None:
    """Raises PlotError if a picture cannot be written, before any work is done."""
    if not path.lower().endswith(ENDINGS):
        raise PlotError(f"--plot {path}: the name must end in one of {', '.join(ENDINGS)}")
    try:
        import vl_convert  # noqa: F401
    except ImportError as error:
        raise PlotError(
            "--plot needs vl-convert, which is not installed: pip install vl-convert-python"
        ) from error
    if reason := files.why_not_writable(path):
        raise PlotError(f"cannot write {path}: {reason}")


class Plot:
    """Watches the blocks of one recording go by, and draws it when it is scored.

    Args:
        reading: How scores are read.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._spectrogram = Spectrogram(reading.sample_rate)

    def watch(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Passes blocks on, int16 samples [M]."""
        for block in blocks:
            self._spectrogram.add(block)
            yield block

    def write(self, path: str, recording: Recording) -> None:
        """Draws the recording into a file, by its ending PNG, SVG or one HTML page.

        Raises:
            PlotError: It cannot be written.
        """
        import vl_convert

        spec = chart(recording, self._reading, spectrogram_url(self._spectrogram.decibels()))
        if path.lower().endswith(".png"):
            content = vl_convert.vegalite_to_png(spec, scale=_PNG_SCALE)
        else:
            drawn = vl_convert.vegalite_to_svg(spec)
            is_page = path.lower().endswith(".html")
            text = page(recording, self._reading, drawn) if is_page else drawn
            content = text.encode("utf-8")
        try:
            with files.replacing(path) as part:
                part.write_bytes(content)
        except OSError as error:
            raise PlotError(f"cannot write {path}: {error.strerror}") from error


def spectrogram_url(decibels: np.ndarray) -> str:
    """Returns a spectrogram [T, F] in dB as the data URL of a PNG, low frequencies at its foot."""
    from scoring.model import import_tensorflow

    top = decibels.max()
    share = np.clip((decibels - top) / _RANGE_DB + 1.0, 0.0, 1.0).T[::-1]  # [F, T]
    stops = np.linspace(0.0, 1.0, len(_RAMP))
    rgb = np.stack([np.interp(share, stops, channel) for channel in _RAMP.T], axis=-1)
    png = import_tensorflow().io.encode_png(np.rint(rgb).astype(np.uint8)).numpy()
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def chart(recording: Recording, reading: Reading, image_url: str) -> Spec:
    """Returns the picture as a Vega-Lite specification.

    Args:
        recording: A recording that has a score.
        reading: How scores are read.
        image_url: Of its spectrogram, which fills its panel.
    """
    seconds = recording.samples / reading.sample_rate
    rows = segments(recording, reading)
    threshold = reading.threshold.value
    scores = [*recording.scores, threshold]
    margin = max(0.5, 0.12 * (max(scores) - min(scores)))
    x = {"field": "middle", "type": "quantitative", "scale": {"domain": [0, seconds]}}
    x |= {"axis": time_axis(seconds)}
    y = {"field": "score", "type": "quantitative", "title": "score (log-likelihood ratio)"}
    y |= {"scale": {"domain": [min(scores) - margin, max(scores) + margin], "nice": False}}
    colours = {"domain": list(_COLOURS), "range": list(_COLOURS.values())}
    by_decision = {"field": "decision", "type": "nominal", "title": None}
    by_decision |= {"scale": colours, "legend": {"orient": "top"}}
    bars = {
        "mark": {"type": "rule", "strokeWidth": 4, "strokeCap": "round"},
        "encoding": {
            "x": x | {"field": "start"},
            "x2": {"field": "end"},
            "y": y,
            "color": by_decision,
        },
    }
    line = {
        "mark": {"type": "line", "color": _MUTED, "strokeWidth": 1},
        "encoding": {"x": x, "y": y},
    }
    text = {"type": "text", "align": "right", "dx": -4, "dy": -7}
    placed = {"x": {"value": _WIDTH}, "text": {"field": "text"}}
    rule = {
        "data": {"values": [{"score": threshold, "text": str(reading.threshold)}]},
        "encoding": {"y": y},
        "layer": [
            {"mark": {"type": "rule", "strokeDash": [5, 3], "color": _INK}},
            # A halo first: the text may stand on the line of the scores.
            {"mark": {**text, "stroke": "white", "strokeWidth": 4}, "encoding": placed},
            {"mark": {**text, "color": _INK}, "encoding": placed},
        ],
    }
    lowest = {
        "transform": [{"filter": "datum.lowest"}],
        "mark": {
            **{"type": "point", "shape": "triangle-up", "size": 90, "filled": True},
            **{"color": _INK, "opacity": 1, "yOffset": 11},
        },
        "encoding": {"x": x, "y": y},
    }
    many = len(rows) > _MOST_BARS
    panels = [
        {
            "width": _WIDTH,
            "height": _SCORE_HEIGHT,
            "data": {"values": rows},
            "layer": [line, *([] if many else [bars]), rule, *([lowest] if len(rows) > 1 else [])],
        },
        _spectrogram_panel(seconds, reading.sample_rate, image_url),
    ]
    return {
        "title": {"text": title(recording, reading), "subtitle": subtitle(recording, reading)},
        "vconcat": panels,
        "background": "white",
        "padding": 12,
        "config": _config(),
    }


def _spectrogram_panel(seconds: float, sample_rate: int, image_url: str) -> Spec:
    corners = [{"x": 0, "y": 0}, {"x": seconds, "y": sample_rate / 2000}]
    axes = {
        "x": {"field": "x", "scale": {"domain": [0, seconds]}, "axis": time_axis(seconds)},
        "y": {"field": "y", "title": "frequency (kHz)"},
    }
    axes["y"] |= {"scale": {"domain": [0, sample_rate / 2000], "nice": False}}
    size = {"width": _WIDTH, "height": _SPECTROGRAM_HEIGHT}
    picture = {
        "data": {"values": [{"url": image_url}]},
        "mark": {"type": "image", "aspect": False, "align": "left", "baseline": "top", **size},
        "encoding": {"x": {"value": 0}, "y": {"value": 0}, "url": {"field": "url"}},
    }
    frame = {
        "data": {"values": corners},
        "mark": {"type": "point", "opacity": 0},
        "encoding": {name: axis | {"type": "quantitative"} for name, axis in axes.items()},
    }
    return {**size, "layer": [picture, frame]}


def _config() -> Spec:
    text = {"labelColor": _INK, "titleColor": _INK, "labelFontSize": 12, "titleFontSize": 12}
    return {
        "axis": {**text, "titleFontWeight": "normal", "gridColor": _GRID, "domainColor": _MUTED},
        "legend": {**text, "symbolStrokeWidth": 4},
        "title": {"anchor": "start", "color": _INK, "subtitleColor": _MUTED, "fontSize": 15},
        "view": {"stroke": _GRID},
        "font": "system-ui, sans-serif",
    }


def segments(recording: Recording, reading: Reading) -> list[dict[str, Any]]:
    """Returns a row for each segment; `middle`, in seconds, is where its score stands."""
    rows = reading.segment_rows(recording)
    shown = ("start", "end", "score", "decision", "lowest")
    return [
        {name: row[name] for name in shown} | {"middle": (row["start"] + row["end"]) / 2}
        for row in rows
    ]


def time_axis(seconds: float) -> Spec:
    """Returns an axis with ticks at round times, as minutes and seconds beyond two minutes."""
    step = next((s for s in _STEPS_SECONDS if seconds / s <= _MOST_TICKS), None)
    step = step or 3600 * math.ceil(seconds / 3600 / _MOST_TICKS)
    ticks = [round(i * step, 1) for i in range(math.floor(seconds / step + 1e-9) + 1)]
    axis: Spec = {"values": ticks, "title": "time (s)", "grid": False}
    if seconds > 120:
        minutes = "floor(datum.value / 60) + ':' + format(datum.value % 60, '02')"
        axis |= {"title": "time (min:s)", "labelExpr": minutes}
    return axis


def title(recording: Recording, reading: Reading) -> str:
    """Returns the name of the recording and what is decided, as text for people."""
    row = reading.row(recording)
    return f"{visible(row['path'])}: {row['decision']}, score {row['score']:.2f}"


def subtitle(recording: Recording, reading: Reading) -> str:
    """Returns how the score came about."""
    count = len(recording.scores)
    if count == 1:
        return (
            f"one clip of {recording.samples / reading.sample_rate:.2f} s; higher = more bona fide"
        )
    return (
        f"the mean of {count} segments of {reading.clip_samples / reading.sample_rate:g} s, the "
        f"lowest of them {min(recording.scores):.2f} (▲); higher = more bona fide"
    )


def page(recording: Recording, reading: Reading, drawn: str) -> str:
    """Returns one HTML page that loads nothing: the picture, and its segments as a table."""
    name = html.escape(title(recording, reading))
    cells = "".join(
        f"<tr><td>{row['start']:.2f}</td><td>{row['end']:.2f}</td><td>{row['score']:.3f}</td>"
        f"<td>{row['decision']}{' (lowest)' if row['lowest'] else ''}</td></tr>\n"
        for row in segments(recording, reading)
    )
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
body {{ margin: 1rem auto; max-width: 62rem; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif;
  color: {_INK}; background: #fff; overflow-wrap: anywhere; }}
svg {{ width: 100%; height: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .1rem .8rem; text-align: right; border-bottom: 1px solid {_GRID}; }}
</style>
</head>
<body>
<main>
<figure role="img" aria-label="{name}" style="margin: 0">
{drawn}
</figure>
<details>
<summary>Segments</summary>
<table>
<thead><tr><th>start (s)</th><th>end (s)</th><th>score</th><th>decision</th></tr></thead>
<tbody>
{cells}</tbody>
</table>
</details>
</main>
</body>
</html>
"""
