"""Metrics of a detector from scores and labels, in plain numpy.

Everywhere: a score is higher the more bona fide the utterance sounds, a label is 1 for bona fide
and 0 for spoof, and a rate is a fraction (0.0106, not 1.06).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BONAFIDE = 1
SPOOF = 0


@dataclass(frozen=True)
class Eer:
    """An equal error rate and where it was found.

    Attributes:
        eer: Equal error rate, a fraction.
        threshold: Score at which it is reached; a trial is accepted when its score is *above* it.
    """

    eer: float
    threshold: float


def equal_error_rate(scores: npt.ArrayLike, labels: npt.ArrayLike) -> Eer:
    """Returns the equal error rate as the official ASVspoof evaluation computes it.

    The estimator of `compute_det_curve` and `compute_eer` in the ASVspoof evaluation package:
    trials are sorted by score, bona fide first among equals; after each of them stands one point
    with FRR = share of bona fide so far and FAR = share of spoofs still to come, and before all of
    them the point (FRR, FAR) = (0, 1). The EER is (FRR + FAR) / 2 at the first point of least
    |FRR - FAR|. There is no interpolation.

    Ties count against the detector: one that gives every trial the same score has an EER of 1,
    not 0.5, because every bona fide trial is rejected before the first spoof is.

    Args:
        scores: [N] finite scores, higher = more bona fide.
        labels: [N] 1 for bona fide, 0 for spoof (integers, booleans or whole floats).

    Returns:
        The EER and its threshold. O(N log N).

    Raises:
        ValueError: Shapes differ, a score is NaN or infinite, a label is neither 0 nor 1, or one
            of the classes is missing.
    """
    scores, is_bonafide = _checked(scores, labels)
    bonafide, spoof = scores[is_bonafide], scores[~is_bonafide]
    if not bonafide.size or not spoof.size:
        missing = "spoof" if bonafide.size else "bona fide"
        raise ValueError(
            f"An equal error rate needs both classes; there is no {missing} trial among "
            f"{scores.size}. Check the labels (1 = bona fide, 0 = spoof) and the split."
        )
    return _equal_error_rate(bonafide, spoof)


def per_attack_eer(
    scores: npt.ArrayLike, labels: npt.ArrayLike, systems: Sequence[str]
) -> dict[str, Eer]:
    """Returns the EER of each attack: its spoofs against *all* bona fide trials.

    Args:
        scores: [N] finite scores, higher = more bona fide.
        labels: [N] 1 for bona fide, 0 for spoof.
        systems: [N] attack id of each spoof; what stands beside a bona fide trial is not read.

    Returns:
        Attack id -> EER, sorted by attack id. Empty if there is no spoof.

    Raises:
        ValueError: As `equal_error_rate`.
    """
    scores, is_bonafide = _checked(scores, labels)
    names = np.asarray(systems, dtype=object)
    if names.shape != scores.shape:
        raise ValueError(
            f"{names.size} system ids for {scores.size} scores; one a trial is needed."
        )
    bonafide = scores[is_bonafide]
    if not bonafide.size:
        raise ValueError("A per-attack EER needs bona fide trials; there is none.")
    spoof, attacks = scores[~is_bonafide], names[~is_bonafide]
    return {
        str(attack): _equal_error_rate(bonafide, spoof[attacks == attack])
        for attack in sorted(set(attacks))
    }


def _checked(
    scores: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Returns scores [N] as float64 and whether each is bona fide [N], or raises ValueError."""
    scores = np.asarray(scores, dtype=np.float64)
    labels = np.asarray(labels)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(
            "Scores and labels must be one-dimensional and of equal length, not of shapes "
            f"{scores.shape} and {labels.shape}."
        )
    finite = np.isfinite(scores)
    if not finite.all():
        where = int(np.argmin(finite))
        raise ValueError(
            f"{np.count_nonzero(~finite)} of {scores.size} scores are NaN or infinite, the first "
            f"at position {where} ({scores[where]}). A model that gives such scores has diverged "
            "or was fed broken features; look at its training loss."
        )
    known = (labels == BONAFIDE) | (labels == SPOOF)
    if not np.all(known):
        where = int(np.argmin(known))
        raise ValueError(
            f"Labels must be 1 (bona fide) or 0 (spoof); position {where} has {labels[where]!r}."
        )
    return scores, labels == BONAFIDE


def _equal_error_rate(bonafide: npt.NDArray[np.float64], spoof: npt.NDArray[np.float64]) -> Eer:
    """Official estimator on finite scores of both classes, [Nb] and [Ns], neither empty."""
    scores = np.concatenate([bonafide, spoof])
    # A stable sort, with the bona fide trials put first, keeps them first among equals.
    order = np.argsort(scores, kind="stable")
    rejected_bonafide = np.cumsum(order < bonafide.size)
    rejected_spoof = np.arange(1, scores.size + 1) - rejected_bonafide
    frr = np.concatenate([[0.0], rejected_bonafide / bonafide.size])  # [N + 1]
    far = np.concatenate([[1.0], (spoof.size - rejected_spoof) / spoof.size])  # [N + 1]
    best = int(np.argmin(np.abs(frr - far)))
    # The point before all trials has no score of its own; the official code goes 0.001 below.
    threshold = scores[order[best - 1]] if best else scores[order[0]] - 0.001
    return Eer(eer=float((frr[best] + far[best]) / 2), threshold=float(threshold))
