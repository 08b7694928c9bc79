"""Pictures of the data page: how the classes are distributed over a measure of a finding.

They are drawn as SVG without a script: the page runs none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bonafide import text

WIDTH, HEIGHT = 300.0, 90.0


@dataclass(frozen=True)
class Picture:
    """The distributions of both classes in a split.

    Attributes:
        title: Of the measure, and the split.
        description: What the picture shows, in words.
        bonafide: Outline, as points of an SVG polyline.
        spoof: The same of the spoofs.
        threshold: Place of the value that separates them best; None outside the picture.
        low: Label of the left end.
        high: Label of the right end.
    """

    title: str
    description: str
    bonafide: str
    spoof: str
    threshold: float | None
    low: str
    high: str


def pictures_of(report: Mapping[str, Any]) -> dict[str, list[Picture]]:
    """Returns title of a measure -> a picture for each split; empty in older reports."""
    found: dict[str, list[Picture]] = {}
    for number, splits in report.get("histograms", {}).items():
        title, unit = report["titles"][number]
        found[title] = [
            _picture(title, unit, split, one, report["numbers"].get(split, {}).get(number))
            for split, one in splits.items()
        ]
    return found


def _picture(
    title: str,
    unit: str,
    split: str,
    histogram: Mapping[str, Any],
    separation: Mapping[str, Any] | None,
) -> Picture:
    low, high = histogram["low"], histogram["high"]
    highest = max(*histogram["bonafide"], *histogram["spoof"])
    at = (histogram["threshold"] - low) / (high - low)
    unit = f" {unit}" if unit else ""
    error = f" with equal error rates of {text.rate(separation['eer'])}" if separation else ""
    return Picture(
        title=f"{title}, {split}",
        description=f"Share of each class by {title} in {split}; the dashed line, at "
        f"{text.score(histogram['threshold'])}{unit}, separates the classes{error}.",
        bonafide=_outline(histogram["bonafide"], highest),
        spoof=_outline(histogram["spoof"], highest),
        threshold=round(at * WIDTH, 1) if 0 <= at <= 1 else None,
        low=f"{text.score(low)}{unit}",
        high=f"{text.score(high)}{unit}",
    )


def _outline(shares: Sequence[float], highest: float) -> str:
    """Returns the steps of a histogram from the lower left to the lower right corner."""
    step = WIDTH / len(shares)
    points = [(0.0, HEIGHT)]
    for place, share in enumerate(shares):
        top = HEIGHT * (1 - share / highest)
        points += [(place * step, top), ((place + 1) * step, top)]
    points.append((WIDTH, HEIGHT))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
