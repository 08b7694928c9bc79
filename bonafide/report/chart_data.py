"""Data of the charts, in plain numpy: thinned curves, binned scores.

A page has some hundred points of each curve, for any number of trials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from bonafide.metrics.detection import ErrorCurve, Floats, corners, eer_of, error_curve
from bonafide.trials.trials import Trials

MOST_POINTS = 400
_BINS = 60
_FAR_OUT = 5  # interquartile ranges beyond a quartile: seven deviations of a normal distribution


@dataclass(frozen=True, eq=False)
class DetCurve:
    """A DET curve, thinned.

    Attributes:
        far: [M] decreasing; exact, also beyond the axis.
        frr: [M] increasing.
        thresholds: [M] a trial is accepted if its score is above it.
        x: [M] probit of the FAR, clipped at half a trial.
        y: [M] probit of the FRR, clipped at half a trial.
    """

    far: Floats
    frr: Floats
    thresholds: Floats
    x: Floats
    y: Floats


def det_curve(scores: Floats, is_bonafide: npt.NDArray[np.bool_]) -> DetCurve:
    """Returns about `MOST_POINTS` points at most, evenly spaced along the drawn curve.

    The point of the EER is always included.
    """
    full = error_curve(scores, is_bonafide)
    bent = corners(full)
    x, y = probit(bent.far, full.n_spoof), probit(bent.frr, full.n_bonafide)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    wanted = np.linspace(0.0, length[-1], MOST_POINTS)
    if length.size > MOST_POINTS:
        keep = np.unique(np.searchsorted(length, wanted).clip(max=length.size - 1))
    else:
        keep = np.arange(length.size)
    far, frr, thresholds = _with_eer(full, bent.far[keep], bent.frr[keep], bent.thresholds[keep])
    return DetCurve(
        far=far,
        frr=frr,
        thresholds=thresholds,
        x=probit(far, full.n_spoof),
        y=probit(frr, full.n_bonafide),
    )


def _with_eer(
    curve: ErrorCurve, far: Floats, frr: Floats, thresholds: Floats
) -> tuple[Floats, Floats, Floats]:
    best = int(np.argmin(np.abs(curve.frr - curve.far)))
    threshold = eer_of(curve).threshold
    place = int(np.searchsorted(frr - far, curve.frr[best] - curve.far[best]))
    if place < far.size and (far[place], frr[place]) == (curve.far[best], curve.frr[best]):
        return far, frr, thresholds
    return (
        np.insert(far, place, curve.far[best]),
        np.insert(frr, place, curve.frr[best]),
        np.insert(thresholds, place, threshold),
    )


def probit(rate: npt.ArrayLike, trials: int) -> Floats:
    """Returns the normal quantile of rates; 0 and 1 are moved inwards by half a trial.

    Args:
        rate: Fractions, of any shape.
        trials: Number of trials of the rate.
    """
    half = 0.5 / trials
    quantiles: Floats = ndtri(np.clip(np.asarray(rate, dtype=np.float64), half, 1 - half))
    return quantiles


@dataclass(frozen=True, eq=False)
class Histogram:
    """Scores in bins that both classes share.

    Attributes:
        edges: [B + 1] increasing.
        bonafide: [B] trials.
        spoof: [B] trials.
        outside: Number of trials beyond the edges, which are counted in the outer bins.
    """

    edges: Floats
    bonafide: npt.NDArray[np.int64]
    spoof: npt.NDArray[np.int64]
    outside: int


def histogram(trials: Trials, marks: tuple[float, ...] = ()) -> Histogram:
    """Counts scores in bins with round edges.

    A few outliers would compress all other scores into one bin; they are counted in the bins at
    the ends.

    Args:
        trials: Trials to count.
        marks: Thresholds to include, unless they are farther away than the range of the scores.
    """
    bonafide, spoof = trials.scores[trials.is_bonafide], trials.scores[~trials.is_bonafide]
    low, high = _range(bonafide, spoof)
    span = high - low
    near = [mark for mark in marks if low - span / 2 <= mark <= high + span / 2]
    low, high = min([low, *near]), max([high, *near])
    step = _round_step((high - low) / _BINS)
    first, last = math.floor(low / step), math.ceil(high / step)
    # A score on the last edge would need another bin, because bins include their lower edge.
    end = last + 2 if last * step <= high else last + 1
    edges = step * np.arange(first, end, dtype=np.float64)
    outside = np.count_nonzero((trials.scores < edges[0]) | (trials.scores > edges[-1]))
    counts = [
        np.histogram(np.clip(part, edges[0], edges[-1]), edges)[0] for part in (bonafide, spoof)
    ]
    return Histogram(edges, counts[0], counts[1], int(outside))


def _range(bonafide: Floats, spoof: Floats) -> tuple[float, float]:
    """Returns the range of the scores, without outliers far from the quartiles of both classes."""
    ends = [_fences(part) for part in (bonafide, spoof)]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if low < high:
        return low, high
    whole = np.concatenate([bonafide, spoof])
    return float(whole.min()), float(whole.max())


def _fences(scores: Floats) -> tuple[float, float]:
    lower, upper = np.quantile(scores, [0.25, 0.75])
    reach = _FAR_OUT * (upper - lower)
    return max(float(scores.min()), lower - reach), min(float(scores.max()), upper + reach)


def _round_step(step: float) -> float:
    """Returns the next of 1, 2, 5, 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
