"""Calibration of the scores on dev, the last step of training."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import numpy as np
import numpy.typing as npt

from bonafide.metrics.calibration import AffineCalibration, CalibrationError, cllr, fit_affine

_LOG = logging.getLogger("bonafide")

# Minimum standard deviation of raw scores on dev. It was some thousandths for collapsed models, and
# some tenths or more for others, also for the cosines of margin losses.
_COLLAPSED = 0.02


@dataclasses.dataclass(frozen=True)
class DevCalibration:
    """A calibration and its effect on the trials it was fitted on.

    Attributes:
        map: Map from raw scores to natural-log likelihood ratios.
        prior: Share of bona fide trials for which it was fitted.
        cllr_before: Cllr of the raw scores, in bits.
        cllr_after: Cllr of the calibrated scores, in bits.
        note: Reason for uncalibrated scores; empty if they are calibrated.
    """

    map: AffineCalibration
    prior: float
    cllr_before: float
    cllr_after: float
    note: str = ""

    def facts(self) -> dict[str, Any]:
        """Returns a dictionary for JSON, with `slope` and `offset` of the map."""
        facts = dataclasses.asdict(self)
        return {**facts.pop("map"), **facts}


def calibrate(raw_scores: npt.ArrayLike, labels: npt.ArrayLike, *, prior: float) -> DevCalibration:
    """Fits an affine calibration on dev; a model that cannot be calibrated keeps its scores.

    Dev selected the best epoch and has the attacks of training, so its scores are overconfident for
    unseen attacks; the evaluation measures the effect of the calibration there.

    Args:
        raw_scores: [N] logits minus the log prior odds of the loss.
        labels: [N] 1 = bona fide.
        prior: See `bonafide.metrics.calibration.fit_affine`.
    """
    raw = np.asarray(raw_scores, dtype=np.float64)
    before = cllr(raw, labels)
    if np.std(raw) < _COLLAPSED:
        _LOG.warning(
            "the model gives all clips nearly the same score (standard deviation %.4f on dev): its "
            "training collapsed. Try a lower trainer.learning_rate, a higher "
            "trainer.warmup_fraction or another trainer.seed",
            np.std(raw),
        )
    try:
        found = fit_affine(raw, labels, prior=prior)
    except CalibrationError as error:
        _LOG.warning("the model is not calibrated: %s", error)
        return DevCalibration(AffineCalibration(), prior, before, before, str(error))
    after = cllr(found.apply(raw), labels)
    _LOG.info(
        "calibrated on dev: score = %.3f x raw %+.3f, Cllr %.3f -> %.3f bits",
        found.slope,
        found.offset,
        before,
        after,
    )
    return DevCalibration(found, prior, before, after)
