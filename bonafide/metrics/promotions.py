"""Losses that add up over promotions: a model against the best version before it.

Each promotion may lose a little, within the limit of the champion rule. Its evaluation, which is
pushed with it, has the measured difference from its own champion. Added up, with a gain counting
only as far as it makes up for a loss, these differences say by how much the champion is worse than
the best version so far; the paired difference of the new model from the champion comes on top.
Eval sets may change between promotions: every difference was measured on the trials of its time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bonafide.metrics.results import Evaluation, Figure, Reference

BEST_VERSION = "the best version so far (differences added up over promotions)"


def accumulated_loss(evaluation: Mapping[str, Any]) -> float:
    """Returns by how much a pushed version is worse than the best one before it, a fraction.

    Args:
        evaluation: Its `evaluation.json`; of an older version, or of the first one, without a
            reference or without a champion.
    """
    reference = evaluation.get("reference") or {}
    loss = reference.get("delta_eer", evaluation.get("delta_eer"))
    return max(0.0, float(loss)) if isinstance(loss, int | float) else 0.0


def against_best_version(found: Evaluation, champion: Mapping[str, Any] | None) -> Evaluation:
    """Returns an evaluation with the best version so far as its reference.

    Args:
        found: Of the new model, with its comparison with the champion.
        champion: The champion's own `evaluation.json`; None if it is not known.

    Returns:
        `found` itself without a champion.
    """
    if found.comparison is None:
        return found
    loss = accumulated_loss(champion or {})
    delta, theirs = found.comparison.differences["eer"], found.comparison.figures["eer"]
    ends = None if delta.ci95 is None else (delta.ci95[0] + loss, delta.ci95[1] + loss)
    reference = Reference(
        eer=Figure(max(0.0, theirs.value - loss), None),
        difference=Figure(delta.value + loss, ends),
        power=found.comparison.power,
        name=BEST_VERSION,
    )
    return dataclasses.replace(found, reference=reference)
