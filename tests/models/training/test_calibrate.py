import numpy as np
import pytest

from bonafide.metrics.calibration import AffineCalibration, cllr
from models.training.calibrate import calibrate


def test_scores_get_the_scale_and_offset_that_they_lack(caplog):
    caplog.set_level("INFO", logger="bonafide")
    random = np.random.default_rng(4)
    labels = np.repeat([1, 0], [400, 3600])
    # Normal scores at +2 and -2 with variance 4 are log-likelihood ratios as they are.
    ratios = np.where(labels == 1, 2.0, -2.0) + 2.0 * random.normal(size=labels.size)
    result = calibrate(ratios / 5 + 3, labels, prior=0.5)
    assert result.map.slope == pytest.approx(5.0, rel=0.1)
    assert result.map.offset == pytest.approx(-15.0, rel=0.1)
    assert result.cllr_before == cllr(ratios / 5 + 3, labels)
    assert result.cllr_after == pytest.approx(cllr(ratios, labels), abs=0.005)
    assert result.note == ""
    assert f"Cllr {result.cllr_before:.3f} -> {result.cllr_after:.3f} bits" in caplog.text
    facts = result.facts()
    assert facts["slope"] == result.map.slope
    assert sorted(facts) == ["cllr_after", "cllr_before", "note", "offset", "prior", "slope"]


def test_scores_that_point_the_wrong_way_are_left_as_they_are(caplog):
    scores, labels = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([1, 1, 0, 0])
    result = calibrate(scores, labels, prior=0.5)
    assert result.map == AffineCalibration(1.0, 0.0)
    assert result.cllr_after == result.cllr_before == cllr(scores, labels)
    assert "slope" in result.note
    assert "not calibrated" in caplog.text


@pytest.mark.parametrize(("spread", "warned"), [(0.0015, True), (0.3, False)])
def test_a_model_that_scores_every_clip_alike_is_called_collapsed(caplog, spread, warned):
    random = np.random.default_rng(5)
    labels = np.repeat([1, 0], 100)
    calibrate(spread * (labels + random.normal(size=200)) + 4, labels, prior=0.5)
    assert ("training collapsed" in caplog.text) is warned
    assert ("trainer.learning_rate" in caplog.text) is warned
