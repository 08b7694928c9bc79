"""Histograms of the measures that a finding is about, for the pictures of the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bonafide.audio.measures import NUMBERS
from bonafide.metrics.detection import Floats, curve_of, eer_of
from components.data_gate.advice import title
from components.data_gate.findings import Finding
from components.data_gate.separation import column
from components.data_gate.table import Table

_BINS = 40
_TAIL = 0.005  # share of values at each end that are counted in the outer bins
_RULES = ("perfect_shortcut", "shortcut", "attack_shortcut")


@dataclasses.dataclass(frozen=True)
class ClassHistogram:
    """A measure of both classes of a split.

    Attributes:
        low: Lower edge of the first bin; values below it are counted there.
        high: Upper edge of the last bin, likewise.
        bonafide: Share of the bona fide utterances in each bin.
        spoof: Share of the spoofed ones.
        threshold: Value that separates the classes with equal error rates.
    """

    low: float
    high: float
    bonafide: tuple[float, ...]
    spoof: tuple[float, ...]
    threshold: float


def histograms_of(
    table: Table, samples: Mapping[str, np.ndarray], findings: Sequence[Finding]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns measure -> split -> histogram, for the measures of findings about shortcuts.

    Args:
        table: The utterances.
        samples: Split -> rows, from `separation.samples_of`.
        findings: Of all rules.
    """
    subjects = {found.subject for found in findings if found.rule in _RULES}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for number in NUMBERS:
        if title(number) not in subjects:
            continue
        for split, rows in samples.items():
            values, flags = column(table, number, rows), table.is_bonafide[rows]
            if np.ptp(values) > 0:
                one = histogram_of(values[flags], values[~flags])
                found.setdefault(number, {})[split] = dataclasses.asdict(one)
    return found


def histogram_of(bonafide: Floats, spoof: Floats) -> ClassHistogram:
    """Returns the histogram of the values of both classes, [Nb] and [Ns], not all equal."""
    both = np.concatenate([bonafide, spoof])
    low, high = np.quantile(both, [_TAIL, 1 - _TAIL]).tolist()
    if low == high:
        low, high = float(both.min()), float(both.max())
    edges = np.linspace(low, high, _BINS + 1)

    def shares(values: Floats) -> tuple[float, ...]:
        counts = np.histogram(np.clip(values, low, high), edges)[0]
        return tuple((counts / values.size).round(6).tolist())

    points = [eer_of(curve_of(sign * bonafide, sign * spoof)) for sign in (1, -1)]
    best = int(np.argmin([point.eer for point in points]))
    return ClassHistogram(
        low=low,
        high=high,
        bonafide=shares(bonafide),
        spoof=shares(spoof),
        threshold=(1, -1)[best] * points[best].threshold,
    )
