"""Validation of scores and labels as arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BONAFIDE = 1
SPOOF = 0

Floats = npt.NDArray[np.float64]


def checked(scores: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Returns scores [N] as float64 and whether each is bona fide [N], or raises ValueError."""
    scores = np.asarray(scores, dtype=np.float64)
    labels = np.asarray(labels)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(
            "expected one-dimensional scores and labels of equal length, got the shapes "
            f"{scores.shape} and {labels.shape}"
        )
    finite = np.isfinite(scores)
    if not finite.all():
        where = int(np.argmin(finite))
        raise ValueError(
            f"{np.count_nonzero(~finite)} of {scores.size} scores are NaN or infinite, the first "
            f"at position {where} ({scores[where]}). A model with such scores has diverged or "
            "received invalid features; check its training loss."
        )
    known = (labels == BONAFIDE) | (labels == SPOOF)
    if not np.all(known):
        where = int(np.argmin(known))
        raise ValueError(
            f"expected labels 1 (bona fide) or 0 (spoof), got {labels[where]!r} at position {where}"
        )
    return scores, labels == BONAFIDE
