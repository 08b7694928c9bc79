import numpy as np
import pytest
from scipy.special import ndtri

from bonafide.metrics.detection import equal_error_rate, error_curve
from bonafide.report.chart_data import MOST_POINTS, det_curve, histogram, probit


def test_probit_stands_half_a_trial_inside():
    expected = [ndtri(0.05), 0.0, ndtri(0.95)]
    np.testing.assert_allclose(probit([0.0, 0.5, 1.0], 10), expected)


def test_a_short_curve_is_kept_whole():
    scores, labels = np.array([1.0, 2, 3, 4]), np.array([False, True, False, True])
    curve = det_curve(scores, labels)
    full = error_curve(scores, labels)
    np.testing.assert_array_equal(curve.far, full.far)
    np.testing.assert_array_equal(curve.frr, full.frr)
    np.testing.assert_array_equal(curve.thresholds, full.thresholds)


@pytest.mark.parametrize("apart", [0.0, 2.0, 8.0, -3.0])
def test_a_long_curve_is_thinned_evenly_and_keeps_its_eer(apart):
    random = np.random.default_rng(5)
    labels = np.arange(40_000) < 10_000
    scores = random.normal(0, 1, labels.size) + apart * labels
    curve = det_curve(scores, labels)
    assert curve.far.size <= MOST_POINTS + 1
    assert (np.diff(curve.far) <= 0).all()
    assert (np.diff(curve.frr) >= 0).all()
    found = equal_error_rate(scores, labels)
    middle = (curve.far + curve.frr) / 2
    assert found.eer in middle
    assert curve.thresholds[np.flatnonzero(middle == found.eer)[0]] == pytest.approx(
        found.threshold
    )
    # Every point is one of the whole curve, and none is far from the next as it is drawn.
    full = error_curve(scores, labels)
    points = set(zip(full.far, full.frr, full.thresholds, strict=True))
    assert points >= set(zip(curve.far, curve.frr, curve.thresholds, strict=True))
    steps = np.hypot(np.diff(curve.x), np.diff(curve.y))
    inside = (np.abs(curve.x) < 2) & (np.abs(curve.y) < 2)  # further out a trial is a wide step
    assert steps[inside[1:] & inside[:-1]].max(initial=0.0) < 0.1


def test_a_histogram_counts_every_trial(make_trials_of):
    trials = make_trials_of([1.0, 2.0, 3.0], [-3.0, -2.0, 3.0, 3.0])
    found = histogram(trials)
    assert (found.bonafide.sum(), found.spoof.sum(), found.outside) == (3, 4, 0)
    assert found.edges[0] == -3.0
    assert found.edges[-1] > 3.0
    last = np.searchsorted(found.edges, 3.0, side="right") - 1
    assert (found.bonafide[last], found.spoof[last]) == (1, 2)


def test_scores_far_outside_are_counted_in_the_bins_at_the_ends(make_trials_of):
    inner = np.linspace(-1, 1, 99)
    found = histogram(make_trials_of([*inner, 1e6], [*inner, -1e6, -2e6]))
    assert found.outside == 3
    assert found.edges[0] > -20
    assert found.edges[-1] < 20
    assert (found.bonafide[-1], found.spoof[0]) == (1, 2)
    assert (found.bonafide.sum(), found.spoof.sum()) == (100, 101)


def test_a_threshold_near_the_scores_is_inside_and_one_far_away_is_not(make_trials_of):
    trials = make_trials_of([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    near = histogram(trials, (4.0, 1000.0))
    assert near.edges[-1] >= 4.0
    assert near.edges[-1] < 10.0


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e6, 1e99])
def test_bins_have_round_edges_at_any_scale(make_trials_of, scale):
    scores = np.linspace(-1, 1, 50) * scale
    found = histogram(make_trials_of(scores, scores))
    step = (found.edges[-1] - found.edges[0]) / found.bonafide.size
    mantissa = step / 10 ** np.floor(np.log10(step) + 1e-9)
    assert min(abs(mantissa - nice) for nice in (1, 2, 5)) < 1e-6
    assert 20 <= found.bonafide.size <= 62


def test_scores_of_which_nearly_all_are_equal(make_trials_of):
    found = histogram(make_trials_of([0.0] * 50 + [1.0], [0.0] * 50 + [-1.0]))
    assert (found.bonafide.sum(), found.spoof.sum()) == (51, 51)
    assert found.edges[0] <= -1.0
    assert found.edges[-1] >= 1.0
