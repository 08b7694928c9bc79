"""Rows of TFMA's results: metrics, confusion matrices, calibration. Imports no framework."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bonafide.metrics.intervals import Interval

OVERALL = "all trials"
NEW, CHAMPION = "new model", "champion"


@dataclass(frozen=True)
class MetricRow:
    """A metric of a model in a slice.

    Attributes:
        slice: `all trials`, or an attack (its spoofs and all bona fide trials).
        model: `new model` or `champion`.
        metric: TFMA's name.
        value: None where TFMA has no number (a slice of a single class).
        ci95: 95 % interval by speakers, from our evaluation; None where there is none.
        difference: From the champion; None without one, and in its own rows.
        limits: Lower and upper bound of the EvalConfig; None where there is none.
    """

    slice: str
    model: str
    metric: str
    value: float | None
    ci95: Interval | None
    difference: float | None
    limits: tuple[float | None, float | None]

    @property
    def within(self) -> bool | None:
        """Whether the value keeps its bounds; None without bounds, and for the champion."""
        low, high = self.limits
        if self.model == CHAMPION or (low is None and high is None):
            return None
        if self.value is None:
            return False
        return (low is None or self.value >= low) and (high is None or self.value <= high)


@dataclass(frozen=True)
class Matrix:
    """Confusion matrix at a threshold of the probability; positive is bona fide."""

    slice: str
    model: str
    threshold: float
    accepted_bonafide: float
    accepted_spoof: float
    rejected_bonafide: float
    rejected_spoof: float

    @property
    def far(self) -> float:
        """Share of spoofs that are accepted."""
        return _share(self.accepted_spoof, self.rejected_spoof)

    @property
    def frr(self) -> float:
        """Share of bona fide trials that are rejected."""
        return _share(self.rejected_bonafide, self.accepted_bonafide)


@dataclass(frozen=True)
class CalibrationBin:
    """Mean probability and share of bona fide trials in a bin of probabilities."""

    slice: str
    model: str
    predicted: float
    observed: float
    count: float


@dataclass(frozen=True)
class TfmaResults:
    """All results of TFMA on a split.

    Attributes:
        models: `new model`, and `champion` if there is one.
        slices: `all trials`, then the attacks, sorted.
        metrics: Every metric of every model in every slice.
        matrices: For the ROC, the DET and the errors over thresholds; equal ones are left out.
        calibration: Bins that contain trials.
        validation_ok: TFMA's verdict; None in evaluations of versions without thresholds.
    """

    models: tuple[str, ...]
    slices: tuple[str, ...]
    metrics: tuple[MetricRow, ...]
    matrices: tuple[Matrix, ...]
    calibration: tuple[CalibrationBin, ...]
    validation_ok: bool | None

    def value(self, slice_: str, model: str, metric: str) -> MetricRow | None:
        """Returns one row of `metrics`."""
        wanted = (slice_, model, metric)
        return next((r for r in self.metrics if (r.slice, r.model, r.metric) == wanted), None)


def _share(some: float, others: float) -> float:
    return some / (some + others) if some + others else math.nan
