"""Calibration of scores: Cllr, its minimum, reliability, and an affine calibration.

A calibrated score is a natural-log likelihood ratio (LLR): ln p(speech | bona fide) - ln p(speech |
spoof). Sources: Bruemmer and du Preez, "Application-independent evaluation of speaker detection"
(Computer Speech and Language 2006) for Cllr and its minimum by the pool-adjacent-violators (PAV)
algorithm; Platt, "Probabilistic outputs for support vector machines" (1999) for the soft targets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.isotonic import isotonic_regression
from sklearn.linear_model import LogisticRegression

from bonafide.metrics.detection import Floats, by_class


def cllr(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Returns the cost of log-likelihood ratios, in bits.

    `(mean log2(1 + exp(-s)) over bona fide + mean log2(1 + exp(s)) over spoof) / 2`: 0 for a
    perfect detector, 1 for one whose scores are all 0, more for a misleading one.

    Args:
        scores: [N] log-likelihood ratios, natural log.
        labels: [N] 1 for bona fide, 0 for spoof.

    Raises:
        ValueError: As `detection.error_curve`.
    """
    bonafide, spoof = by_class(scores, labels)
    return float(np.mean(cllr_terms(-bonafide)) + np.mean(cllr_terms(spoof))) / 2


def cllr_terms(margin: Floats) -> Floats:
    """Returns log2(1 + exp(margin)) of each trial, without overflow."""
    return np.logaddexp(0.0, margin) / math.log(2)


def min_cllr(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Returns the Cllr after the best monotone recalibration, in bits.

    It depends on the ranking only; the excess of `cllr` over it is the calibration loss. The
    posterior is fitted by isotonic regression (PAV) on the same trials and converted to an LLR
    with their class counts.

    Raises:
        ValueError: As `detection.error_curve`.
    """
    bonafide, spoof = by_class(scores, labels)
    values = np.concatenate([bonafide, spoof])
    # Bona fide first among ties: a one before a zero is a violation, so PAV pools ties.
    order = np.argsort(values, kind="stable")
    is_bonafide = (order < bonafide.size).astype(np.float64)
    return min_cllr_of_blocks(is_bonafide, 1.0 - is_bonafide)


def min_cllr_of_blocks(bonafide: Floats, spoof: Floats) -> float:
    """As `min_cllr`, from the number of trials of each class in each block of equal scores.

    Args:
        bonafide: [M] bona fide trials in each block, blocks sorted by score.
        spoof: [M] spoofed trials in each block; empty blocks are skipped.
    """
    there = bonafide + spoof > 0
    bonafide, spoof = bonafide[there], spoof[there]
    total = bonafide + spoof
    posterior = isotonic_regression(bonafide / total, sample_weight=total, y_min=0.0, y_max=1.0)
    n_bonafide, n_spoof = bonafide.sum(), spoof.sum()
    odds = n_spoof / n_bonafide
    # exp(-LLR) = (1 - p) / p * Nb / Ns. If p is 0 there is no bona fide trial, if it is 1 no
    # spoof, so that no infinite term occurs.
    with np.errstate(divide="ignore", invalid="ignore"):
        of_bonafide = np.log2(1 + (1 - posterior) / posterior / odds)
        of_spoof = np.log2(1 + posterior / (1 - posterior) * odds)
    misses = np.sum(bonafide[bonafide > 0] * of_bonafide[bonafide > 0]) / n_bonafide
    false_accepts = np.sum(spoof[spoof > 0] * of_spoof[spoof > 0]) / n_spoof
    return float(misses + false_accepts) / 2


@dataclass(frozen=True)
class AffineCalibration:
    """`slope * score + offset`: from a raw score to a log-likelihood ratio.

    Attributes:
        slope: Above 0, so that the ranking does not change.
        offset: In nats.
    """

    slope: float = 1.0
    offset: float = 0.0

    def apply(self, scores: npt.ArrayLike) -> Floats:
        """Returns the log-likelihood ratios of raw scores, of any shape."""
        return self.slope * np.asarray(scores, dtype=np.float64) + self.offset

    def undo(self, scores: npt.ArrayLike) -> Floats:
        """Returns the raw scores of log-likelihood ratios, of any shape."""
        return (np.asarray(scores, dtype=np.float64) - self.offset) / self.slope


class CalibrationError(ValueError):
    """The scores do not allow a calibration."""


def fit_affine(
    scores: npt.ArrayLike, labels: npt.ArrayLike, *, prior: float = 0.5
) -> AffineCalibration:
    """Fits an affine calibration by logistic regression.

    It minimises `P mean_b log(1 + exp(-(l + t))) + (1 - P) mean_s log(1 + exp(l + t))` of the
    calibrated scores l, where P is the prior and t its log odds: the weight of a class depends on
    the prior and not on its number of trials. Targets are Platt's, (N + 1) / (N + 2) in place of 1,
    so that the slope is finite for classes without overlap.

    Args:
        scores: [N] raw scores, higher = more bona fide.
        labels: [N] 1 for bona fide, 0 for spoof.
        prior: Share of bona fide trials for which the fit is optimal, inside (0, 1).

    Raises:
        CalibrationError: The fitted slope is not above 0: the scores do not separate the classes
            in the right direction. Or all scores are equal, or the slope is not a finite float.
        ValueError: The prior, or as `detection.error_curve`.
    """
    if not 0 < prior < 1:
        raise ValueError(f"expected a calibration prior inside (0, 1), got {prior}")
    bonafide, spoof = by_class(scores, labels)
    values = np.concatenate([bonafide, spoof])
    n_bonafide, n_spoof = bonafide.size, spoof.size
    lowest, highest = float(np.min(values)), float(np.max(values))
    if lowest == highest:
        raise CalibrationError(
            f"no calibration can be fitted to {n_bonafide} bona fide and {n_spoof} spoofed "
            f"trials: every score is {lowest:g}"
        )
    # First to [-1, 1], then to mean 0 and deviation 1, so that for any offset and scale no
    # square overflows or underflows. Halves, because the range itself may overflow.
    middle, half_range = lowest / 2 + highest / 2, highest / 2 - lowest / 2 or math.inf
    values = (values - middle) / half_range
    centre, scale = float(np.mean(values)), float(np.std(values)) or 1.0
    target = np.repeat(
        [(n_bonafide + 1) / (n_bonafide + 2), 1 / (n_spoof + 2)], [n_bonafide, n_spoof]
    )
    weight = np.repeat([prior / n_bonafide, (1 - prior) / n_spoof], [n_bonafide, n_spoof])
    weight *= values.size  # the solver's tolerance is absolute
    # A soft target is a trial with both labels, weighted.
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    model.fit(
        np.tile((values - centre) / scale, 2)[:, np.newaxis],
        np.repeat([1, 0], values.size),
        sample_weight=np.concatenate([weight * target, weight * (1 - target)]),
    )
    slope = float(model.coef_[0, 0]) / scale
    offset = float(model.intercept_[0]) - slope * centre - math.log(prior / (1 - prior))
    slope /= half_range
    offset -= slope * middle
    if not 0 < slope < math.inf:
        raise CalibrationError(
            f"no calibration can be fitted to {n_bonafide} bona fide and {n_spoof} spoofed "
            f"trials: the fitted slope is {slope:.3g}, so higher scores do not mean more bona fide"
        )
    return AffineCalibration(slope, offset)


@dataclass(frozen=True)
class ReliabilityBin:
    """A bin of a reliability plot: predicted and observed posterior of trials with similar scores.

    Attributes:
        predicted: Mean posterior of bona fide by the scores, at equal priors.
        observed: Share of bona fide trials, with equal weights of the classes.
        count: Trials in the bin.
    """

    predicted: float
    observed: float
    count: int


def reliability(
    scores: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 10
) -> list[ReliabilityBin]:
    """Compares predicted with observed posteriors in bins of equal width, at equal class priors.

    Args:
        scores: [N] log-likelihood ratios.
        labels: [N] 1 for bona fide, 0 for spoof.
        bins: Number of bins; empty ones are omitted.

    Raises:
        ValueError: `bins` is less than 1, or as `detection.error_curve`.
    """
    if bins < 1:
        raise ValueError(f"expected one bin or more, got {bins}")
    bonafide, spoof = by_class(scores, labels)
    claimed = expit(np.concatenate([bonafide, spoof]))
    weight = np.repeat([0.5 / bonafide.size, 0.5 / spoof.size], [bonafide.size, spoof.size])
    is_bonafide = np.arange(claimed.size) < bonafide.size
    place = np.minimum((claimed * bins).astype(int), bins - 1)
    found = []
    for index in np.unique(place):
        inside = place == index
        total = weight[inside].sum()
        found.append(
            ReliabilityBin(
                predicted=float(np.sum(weight[inside] * claimed[inside]) / total),
                observed=float(np.sum(weight[inside & is_bonafide]) / total),
                count=int(inside.sum()),
            )
        )
    return found
