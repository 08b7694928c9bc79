"""The picture of a recording as a Vega-Lite specification."""

from __future__ import annotations

import math
from typing import Any

from bonafide.scoring.engine import Recording
from bonafide.scoring.rows import Reading
from bonafide.scoring.thresholds import BONAFIDE, NOT_SURE, SPOOF, Threshold
from bonafide.text import visible

Spec = dict[str, Any]

WIDTH = 900
_SCORE_HEIGHT, _SPECTROGRAM_HEIGHT = 240, 260
_MOST_BARS = 400  # segments that can be distinguished
_STEPS_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_TICK_WIDTH = 75  # pixels, with space
INK, MUTED, GRID = "#1b242d", "#566370", "#dfe4e9"
_COLOURS = {BONAFIDE: "#0b62a8", NOT_SURE: "#566370", SPOOF: "#b8480a"}


def chart(
    recording: Recording,
    reading: Reading,
    image_url: str,
    *,
    width: int = WIDTH,
    titled: bool = True,
) -> Spec:
    """Returns the picture as a Vega-Lite specification.

    Args:
        recording: A recording that has a score.
        reading: How scores are read.
        image_url: URL of its spectrogram, which fills its panel.
        width: Width of the panels, in pixels.
        titled: Whether to add a title with the decision and its derivation.
    """
    track = reading.verdict(recording)
    seconds = track.samples / reading.sample_rate
    rows = segments(recording, reading)
    decided = reading.threshold
    thresholds = [decided.value] if decided.lower is None else [decided.value, decided.lower]
    scores = [*(segment.score for segment in track.segments), *thresholds]
    margin = max(0.5, 0.12 * (max(scores) - min(scores)))
    x: Spec = {"field": "middle", "type": "quantitative", "scale": {"domain": [0, seconds]}}
    x |= {"axis": time_axis(seconds, width)}
    y: Spec = {"field": "score", "type": "quantitative", "title": "score (log-likelihood ratio)"}
    y |= {"scale": {"domain": [min(scores) - margin, max(scores) + margin], "nice": False}}
    unsure = decided.lower is not None or any(row["decision"] == NOT_SURE for row in rows)
    answers = [a for a in _COLOURS if a != NOT_SURE or unsure]
    colours = {"domain": answers, "range": [_COLOURS[answer] for answer in answers]}
    by_decision: Spec = {"field": "decision", "type": "nominal", "title": None}
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
        "mark": {"type": "line", "color": MUTED, "strokeWidth": 1},
        # One line per stretch of speech: there are no scores between them.
        "encoding": {"x": x, "y": y, "detail": {"field": "stretch"}},
    }
    text = {"type": "text", "align": "right", "dx": -4, "dy": -7}
    placed = {"x": {"value": width}, "text": {"field": "text"}}
    rule = {
        "data": {"values": _rules(decided)},
        "encoding": {"y": y},
        "layer": [
            {"mark": {"type": "rule", "strokeDash": [5, 3], "color": INK}},
            # A halo first, because the text may overlap the line of the scores.
            {"mark": {**text, "stroke": "white", "strokeWidth": 4}, "encoding": placed},
            {"mark": {**text, "color": INK}, "encoding": placed},
        ],
    }
    lowest = {
        "transform": [{"filter": "datum.lowest"}],
        "mark": {
            **{"type": "point", "shape": "triangle-up", "size": 90, "filled": True},
            **{"color": INK, "opacity": 1, "yOffset": 11},
        },
        "encoding": {"x": x, "y": y},
    }
    many = len(rows) > _MOST_BARS
    panels = [
        {
            "width": width,
            "height": _SCORE_HEIGHT,
            "data": {"values": rows},
            "layer": [line, *([] if many else [bars]), rule, *([lowest] if len(rows) > 1 else [])],
        },
        _spectrogram_panel(seconds, reading.sample_rate, image_url, width),
    ]
    spec: Spec = {
        "vconcat": panels,
        "background": "white",
        "padding": 12,
        "config": _config(),
    }
    if titled:
        spec["title"] = {
            "text": title(recording, reading),
            "subtitle": subtitle(recording, reading),
        }
    return spec


def _spectrogram_panel(seconds: float, sample_rate: int, image_url: str, width: int) -> Spec:
    corners = [{"x": 0, "y": 0}, {"x": seconds, "y": sample_rate / 2000}]
    axes: dict[str, Spec] = {
        "x": {"field": "x", "scale": {"domain": [0, seconds]}, "axis": time_axis(seconds, width)},
        "y": {"field": "y", "title": "frequency (kHz)"},
    }
    axes["y"] |= {"scale": {"domain": [0, sample_rate / 2000], "nice": False}}
    size = {"width": width, "height": _SPECTROGRAM_HEIGHT}
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
    text = {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12}
    return {
        "axis": {**text, "titleFontWeight": "normal", "gridColor": GRID, "domainColor": MUTED},
        "legend": {**text, "symbolStrokeWidth": 4},
        "title": {"anchor": "start", "color": INK, "subtitleColor": MUTED, "fontSize": 15},
        "view": {"stroke": GRID},
        "font": "system-ui, sans-serif",
    }


def segments(recording: Recording, reading: Reading) -> list[dict[str, Any]]:
    """Returns a row for each segment of the track that decides.

    `middle`, in seconds, is the position of its score; `stretch` is the number of its stretch of
    speech.
    """
    shown = ("start", "end", "score", "decision", "lowest", "partly_spoofed")
    rows: list[dict[str, Any]] = []
    for row in reading.rows_of_segments(reading.verdict(recording)):
        follows = bool(rows) and row["start"] < rows[-1]["end"]
        stretch = rows[-1]["stretch"] + (not follows) if rows else 0
        middle = (row["start"] + row["end"]) / 2
        rows.append({name: row[name] for name in shown} | {"middle": middle, "stretch": stretch})
    return rows


def _rules(threshold: Threshold) -> list[dict[str, Any]]:
    """Returns the lines of the thresholds, with their labels."""
    if threshold.lower is None:
        return [{"score": threshold.value, "text": str(threshold)}]
    return [
        {"score": threshold.value, "text": f"bona fide above {threshold.value:.4g}"},
        {"score": threshold.lower, "text": f"spoof at or below {threshold.lower:.4g}"},
    ]


def time_axis(seconds: float, width: int = WIDTH) -> Spec:
    """Returns an axis with ticks at round times, as minutes and seconds beyond two minutes."""
    most = max(2, width // _TICK_WIDTH)
    step = next((s for s in _STEPS_SECONDS if seconds / s <= most), None)
    step = step or 3600 * math.ceil(seconds / 3600 / most)
    ticks = [round(i * step, 1) for i in range(math.floor(seconds / step + 1e-9) + 1)]
    axis: Spec = {"values": ticks, "title": "time (s)", "grid": False}
    if seconds > 120:
        minutes = "floor(datum.value / 60) + ':' + format(datum.value % 60, '02')"
        axis |= {"title": "time (min:s)", "labelExpr": minutes}
    return axis


def title(recording: Recording, reading: Reading) -> str:
    """Returns the name of the recording and the decision, as a title."""
    row = reading.row(recording)
    parts = [f"{row['decision']}, score {row['score']:.2f}"]
    if len(recording.tracks) > 1:
        parts.append(f"channel {reading.verdict(recording).channel}")
    if unlike := row["unlike_training"]:
        parts.append(f"unlike training: {unlike}")
    if span := reading.run(recording):
        parts.append(f"partly spoofed? {span[0]:.1f} to {span[1]:.1f} s")
    return f"{visible(row['path'])}: {', '.join(parts)}"


def subtitle(recording: Recording, reading: Reading) -> str:
    """Returns the derivation of the score."""
    track = reading.verdict(recording)
    count = len(track.segments)
    speech = f"{track.speech_seconds:.1f} s of speech"
    if count == 1:
        return f"one segment, {speech}; higher = more bona fide"
    return (
        f"the mean of {count} segments of at most {reading.clip_samples / reading.sample_rate:g} s "
        f"({speech}), the lowest of them {track.lowest.score:.2f} (▲); higher = more bona fide"
    )
