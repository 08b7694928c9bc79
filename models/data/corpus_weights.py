"""Sampling weights of corpora in training (`trainer.corpus_weights`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt


def row_weights(
    corpora: npt.NDArray[np.str_], weights: Mapping[str, float]
) -> npt.NDArray[np.float64]:
    """Returns the sampling weight of each utterance.

    Args:
        corpora: [N] name of the corpus of each utterance.
        weights: Weights by corpus; other corpora have weight 1.

    Returns:
        [N].

    Raises:
        ValueError: A corpus with a weight has no utterance.
    """
    names, rows = np.unique(corpora, return_inverse=True)
    if missing := sorted(set(weights) - {*names.tolist()}):
        raise ValueError(
            f"trainer.corpus_weights: expected corpora of the train split ({', '.join(names)}), "
            f"got {', '.join(missing)}"
        )
    return np.array([weights.get(name, 1.0) for name in names.tolist()])[rows]


def shares_text(corpora: npt.NDArray[np.str_], weights: npt.NDArray[np.float64]) -> str:
    """Describes the share of each corpus in training, on one line.

    Args:
        corpora: [N] name of the corpus of each utterance.
        weights: [N] of `row_weights`.
    """
    parts = []
    for name in np.unique(corpora):
        own = weights[corpora == name]
        share = 100 * np.sum(own) / np.sum(weights)
        parts.append(f"{name} {len(own):,} x {own[0]:g} = {share:.1f} %")
    return ", ".join(parts)
