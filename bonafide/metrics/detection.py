"""Error rates of a detector from scores and labels, in plain numpy.

Conventions: higher scores mean more bona fide, labels are 1 for bona fide and 0 for spoof, and
rates are fractions (0.0106, not 1.06). FRR, the false rejection rate, is the
share of bona fide trials that are rejected (also called miss rate); FAR, the false acceptance rate,
is the share of spoofed trials that are accepted.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bonafide.trials.arrays import BONAFIDE, SPOOF, Floats, checked

__all__ = ["BONAFIDE", "SPOOF", "Floats", "checked"]  # Re-exported.


@dataclass(frozen=True)
class Eer:
    """An equal error rate and its threshold.

    Attributes:
        eer: Equal error rate, a fraction.
        threshold: Score at which it is reached; a trial is accepted if its score is *above* it.
    """

    eer: float
    threshold: float


@dataclass(frozen=True)
class ErrorRates:
    """Error rates at a threshold.

    Attributes:
        far: Share of spoofed trials accepted.
        frr: Share of bona fide trials rejected.
    """

    far: float
    frr: float

    @property
    def hter(self) -> float:
        """Half total error rate, (FAR + FRR) / 2."""
        return (self.far + self.frr) / 2


@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """FRR and FAR at every threshold, from accepting all trials to rejecting all.

    The points are those of `compute_det_curve` in the ASVspoof evaluation package: trials are
    sorted by score, bona fide first among ties; the first point is (FRR, FAR) = (0, 1), and each
    trial adds one. Points between tied trials cannot be reached by any threshold; the last point of
    a score has the rates of that threshold.

    Attributes:
        frr: [N + 1] share of bona fide trials at or below the threshold, increasing.
        far: [N + 1] share of spoofed trials above it, decreasing.
        thresholds: [N + 1] a trial is accepted if its score is above it. The first is 0.001 below
            the lowest score, as in the official code (or one float step, if that is more).
        n_bonafide: Number of bona fide trials.
        n_spoof: Number of spoofed trials.
    """

    frr: Floats
    far: Floats
    thresholds: Floats
    n_bonafide: int
    n_spoof: int


def error_curve(scores: npt.ArrayLike, labels: npt.ArrayLike) -> ErrorCurve:
    """Returns the error rates at every threshold, in O(N log N).

    Args:
        scores: [N] finite scores, higher = more bona fide.
        labels: [N] 1 for bona fide, 0 for spoof (integers, booleans or whole floats).

    Raises:
        ValueError: Shapes differ, a score is NaN or infinite, a label is neither 0 nor 1, or one
            of the classes is missing.
    """
    return curve_of(*by_class(scores, labels))


def by_class(scores: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Returns the validated scores of bona fide and of spoofed trials.

    Args:
        scores: [N] finite scores, higher = more bona fide.
        labels: [N] 1 for bona fide, 0 for spoof.

    Returns:
        [Nb] and [Ns], neither empty.

    Raises:
        ValueError: As `error_curve`.
    """
    scores, is_bonafide = checked(scores, labels)
    bonafide, spoof = scores[is_bonafide], scores[~is_bonafide]
    if not bonafide.size or not spoof.size:
        missing = "spoof" if bonafide.size else "bona fide"
        raise ValueError(
            f"expected trials of both classes, got no {missing} trial among {scores.size}. "
            "Check the labels (1 = bona fide, 0 = spoof) and the split."
        )
    return bonafide, spoof


def curve_of(bonafide: Floats, spoof: Floats) -> ErrorCurve:
    """As `error_curve`, from finite scores [Nb] and [Ns] of each class, neither empty."""
    scores = np.concatenate([bonafide, spoof])
    # A stable sort, with bona fide trials first, keeps them first among ties.
    order = np.argsort(scores, kind="stable")
    rejected_bonafide = np.cumsum(order < bonafide.size)
    rejected_spoof = np.arange(1, scores.size + 1) - rejected_bonafide
    ordered = scores[order]
    below_all = min(ordered[0] - 0.001, np.nextafter(ordered[0], -np.inf))
    return ErrorCurve(
        frr=np.concatenate([[0.0], rejected_bonafide / bonafide.size]),
        far=np.concatenate([[1.0], (spoof.size - rejected_spoof) / spoof.size]),
        thresholds=np.concatenate([[below_all], ordered]),
        n_bonafide=bonafide.size,
        n_spoof=spoof.size,
    )


def equal_error_rate(scores: npt.ArrayLike, labels: npt.ArrayLike) -> Eer:
    """Returns the equal error rate as the official ASVspoof evaluation computes it.

    The estimator is `compute_eer` of the ASVspoof evaluation package: (FRR + FAR) / 2 at the first
    point of the `ErrorCurve` with minimal |FRR - FAR|, without interpolation.

    Ties count against the detector: with equal scores for all trials, the EER is 1, not 0.5,
    because all bona fide trials are rejected before the first spoof.

    Args:
        scores: [N] finite scores, higher = more bona fide.
        labels: [N] 1 for bona fide, 0 for spoof (integers, booleans or whole floats).

    Returns:
        The EER and its threshold. O(N log N).

    Raises:
        ValueError: As `error_curve`.
    """
    return eer_of(error_curve(scores, labels))


def eer_of(curve: ErrorCurve) -> Eer:
    """Returns the EER of a curve; see `equal_error_rate`."""
    best = int(np.argmin(np.abs(curve.frr - curve.far)))
    return Eer(
        eer=float((curve.frr[best] + curve.far[best]) / 2), threshold=float(curve.thresholds[best])
    )


def per_attack_eer(
    scores: npt.ArrayLike, labels: npt.ArrayLike, systems: Sequence[str] | npt.NDArray[np.str_]
) -> dict[str, Eer]:
    """Returns the EER of each attack: its spoofs against *all* bona fide trials.

    Args:
        scores: [N] finite scores, higher = more bona fide.
        labels: [N] 1 for bona fide, 0 for spoof.
        systems: [N] attack id of each spoof; those of bona fide trials are ignored.

    Returns:
        Attack id -> EER, sorted by attack id. Empty if there is no spoof.

    Raises:
        ValueError: As `equal_error_rate`.
    """
    scores, is_bonafide = checked(scores, labels)
    names = np.asarray(systems, dtype=np.str_)
    if names.shape != scores.shape:
        raise ValueError(
            f"expected one system id per score, got {names.size} for {scores.size} scores"
        )
    bonafide = scores[is_bonafide]
    if not bonafide.size:
        raise ValueError("expected bona fide trials for the EER of each attack, got none")
    spoof, attacks = scores[~is_bonafide], names[~is_bonafide]
    return {
        str(attack): eer_of(curve_of(bonafide, spoof[attacks == attack]))
        for attack in np.unique(attacks)
    }


def area_under_curve(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Returns the probability that a bona fide trial scores above a spoofed one; ties count half.

    The area under the ROC curve, by the Mann-Whitney statistic. O(N log N).

    Raises:
        ValueError: As `error_curve`.
    """
    bonafide, spoof = (np.sort(part) for part in by_class(scores, labels))
    below = np.searchsorted(spoof, bonafide, side="left")
    not_above = np.searchsorted(spoof, bonafide, side="right")
    return float((below.sum() + not_above.sum()) / (2 * bonafide.size * spoof.size))


def frr_at_far(curve: ErrorCurve, max_far: float) -> tuple[ErrorRates, float]:
    """Returns the lowest FRR with a FAR at or below a limit.

    Args:
        curve: Result of `error_curve`.
        max_far: A fraction in [0, 1].

    Returns:
        The error rates there, and the threshold (accepted above it).

    Raises:
        ValueError: The limit is not a fraction.
    """
    _check_limit(max_far)
    # FAR decreases along the curve and FRR increases: the first point within the limit is optimal.
    first = int(np.argmax(curve.far <= max_far))
    # It is among the spoofs with its score, and the threshold rejects all of these.
    return _point(curve, _end_of(curve, first))


def far_at_frr(curve: ErrorCurve, max_frr: float) -> tuple[ErrorRates, float]:
    """Returns the lowest FAR with an FRR at or below a limit; see `frr_at_far`."""
    _check_limit(max_frr)
    last = int(np.searchsorted(curve.frr, max_frr, side="right")) - 1
    if last != _end_of(curve, last):
        # It is among the bona fide trials with its score: a threshold there would reject all of
        # them and exceed the limit. The previous score has the same FAR and is within it.
        last = int(np.searchsorted(curve.thresholds, curve.thresholds[last], side="left")) - 1
    return _point(curve, last)


def _check_limit(rate: float) -> None:
    if not 0 <= rate <= 1:
        raise ValueError(f"expected a limit from 0 to 1, got {rate}")


def _end_of(curve: ErrorCurve, index: int) -> int:
    """Returns the last point with the same score, which has the rates of that threshold."""
    return int(np.searchsorted(curve.thresholds, curve.thresholds[index], side="right")) - 1


def _point(curve: ErrorCurve, index: int) -> tuple[ErrorRates, float]:
    rates = ErrorRates(far=float(curve.far[index]), frr=float(curve.frr[index]))
    return rates, float(curve.thresholds[index])


def error_rates_at(
    scores: npt.ArrayLike, labels: npt.ArrayLike, threshold: float, *, accept_equal: bool = False
) -> ErrorRates:
    """Returns the error rates of trials at a threshold that was fixed on other trials.

    Args:
        scores: [N] finite scores, higher = more bona fide.
        labels: [N] 1 for bona fide, 0 for spoof.
        threshold: A trial is accepted if its score is above it.
        accept_equal: Also accept scores equal to the threshold, as the actual DCF of ASVspoof 5
            does.

    Raises:
        ValueError: The threshold is NaN, or as `error_curve`.
    """
    if math.isnan(threshold):
        raise ValueError("expected a number as threshold, got NaN")
    bonafide, spoof = by_class(scores, labels)
    accepts = np.greater_equal if accept_equal else np.greater
    return ErrorRates(
        far=float(np.mean(accepts(spoof, threshold))),
        frr=float(np.mean(~accepts(bonafide, threshold))),
    )


def corners(curve: ErrorCurve) -> ErrorCurve:
    """Returns the curve without points inside straight segments, for plots."""
    steps_frr, steps_far = np.diff(curve.frr) > 0, np.diff(curve.far) < 0
    straight = (steps_frr[1:] == steps_frr[:-1]) & (steps_far[1:] == steps_far[:-1])
    keep = np.concatenate([[True], ~straight, [True]])
    return dataclasses.replace(
        curve, frr=curve.frr[keep], far=curve.far[keep], thresholds=curve.thresholds[keep]
    )
