import math
import pathlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from bonafide.metrics.calibration import (
    AffineCalibration,
    CalibrationError,
    ReliabilityBin,
    cllr,
    cllr_terms,
    fit_affine,
    min_cllr,
    min_cllr_of_blocks,
    reliability,
)

GOLDEN = pathlib.Path(__file__).resolve().parents[3] / ".." / "shared" / "golden"
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the real score files are not beside this checkout (shared/golden)"
)


@st.composite
def trials(draw):
    """Scores on a coarse grid, so that ties are frequent, with both classes."""
    flags = st.lists(st.integers(0, 1), min_size=2, max_size=30).filter(
        lambda values: 0 < sum(values) < len(values)
    )
    labels = draw(flags)
    scores = draw(st.lists(st.integers(-12, 12), min_size=len(labels), max_size=len(labels)))
    return np.array(scores) / 4, np.array(labels)


def slow_min_cllr(scores, labels):
    """Groups of equal scores, pooled pair by pair while they are out of order."""
    groups = [
        [sum(labels[scores == value]), int(sum(scores == value))] for value in np.unique(scores)
    ]
    at = 0
    while at + 1 < len(groups):
        (ones, total), (next_ones, next_total) = groups[at], groups[at + 1]
        if Fraction(int(ones), total) >= Fraction(int(next_ones), next_total):
            groups[at : at + 2] = [[ones + next_ones, total + next_total]]
            at = max(0, at - 1)
        else:
            at += 1
    n_bonafide = sum(labels)
    n_spoof = len(labels) - n_bonafide
    cost = 0.0
    for ones, total in groups:
        zeros = total - ones
        # ln(p / (1 - p)) less the log odds of the class counts.
        if ones:
            cost += ones / n_bonafide * math.log2(1 + zeros / ones * n_bonafide / n_spoof) / 2
        if zeros:
            cost += zeros / n_spoof * math.log2(1 + ones / zeros * n_spoof / n_bonafide) / 2
    return cost


@needs_golden
def test_reproduces_the_published_cllr():
    rows = [
        line.split() for line in (GOLDEN / "cm_eval_RawGAT-ST_add.txt").read_text().splitlines()
    ]
    scores, labels = [float(row[3]) for row in rows], [row[2] == "bonafide" for row in rows]
    assert cllr(scores, labels) == pytest.approx(0.078080, abs=5e-7)
    assert 0 < min_cllr(scores, labels) < cllr(scores, labels)


def test_cllr_by_hand():
    # Bona fide: log2(1 + 1/3) and log2(1 + 1); spoof: log2(1 + 1/7).
    scores = [math.log(3), 0.0, -math.log(7)]
    expected = ((math.log2(4 / 3) + 1) / 2 + math.log2(8 / 7)) / 2
    assert cllr(scores, [1, 1, 0]) == pytest.approx(expected, abs=1e-15)
    assert cllr([0.0, 0.0, 0.0], [1, 0, 0]) == pytest.approx(1.0, abs=1e-15)
    assert cllr([1000.0, -1000.0], [1, 0]) == 0.0
    # Wrong by 1000 nats: 1000 / ln 2 bits, without overflow.
    assert cllr([-1000.0, 1000.0], [1, 0]) == pytest.approx(1000 / math.log(2), rel=1e-15)
    assert cllr([-1e300, -1e300], [1, 0]) == pytest.approx(1e300 / math.log(2) / 2, rel=1e-15)


def test_terms_by_hand():
    # log2(1 + 1), log2(1 + 3), about e^-800 = 0, about 800 / ln 2.
    terms = cllr_terms(np.array([0.0, math.log(3), -800.0, 800.0]))
    assert terms == pytest.approx([1.0, 2.0, 0.0, 800 / math.log(2)], rel=1e-15)


def test_min_cllr_by_hand():
    # 0s 1b 2s 3b: 1b and 2s are pooled to p = 1/2, LLR 0. Half of either class costs 1 bit.
    assert min_cllr([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]) == pytest.approx(0.5, abs=1e-15)
    # 0s 1b 2s 3s: pooled p = 1/3 among 1b 2s 3s; odds 1/2 over prior odds 1/3: LLR ln(3/2). The
    # bona fide costs log2(1 + 2/3); two of three spoofs log2(1 + 3/2).
    expected = (math.log2(5 / 3) + 2 / 3 * math.log2(5 / 2)) / 2
    assert min_cllr([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 0]) == pytest.approx(expected, abs=1e-15)
    assert min_cllr([-5.0, 5.0], [0, 1]) == 0.0
    assert min_cllr([5.0, -5.0], [0, 1]) == pytest.approx(1.0, abs=1e-15)
    assert min_cllr([2.0, 2.0, 2.0], [0, 1, 0]) == pytest.approx(1.0, abs=1e-15)


def test_blocks_without_trials_are_passed_over():
    # As 0s 1b 2s 3b above; an empty block holds nothing, wherever it stands.
    bonafide, spoof = np.array([0.0, 0, 0, 1, 0, 1, 0]), np.array([0.0, 1, 0, 1, 0, 0, 0])
    assert min_cllr_of_blocks(bonafide, spoof) == pytest.approx(0.5, abs=1e-15)


@settings(max_examples=300)
@given(trials())
def test_min_cllr_equals_the_definition(data):
    assert min_cllr(*data) == pytest.approx(slow_min_cllr(*data), abs=1e-12)


@settings(max_examples=200)
@given(trials(), st.floats(0.1, 5), st.floats(-5, 5))
def test_min_cllr_depends_on_the_ranking_alone_and_no_recalibration_is_better(data, slope, offset):
    scores, labels = data
    least = min_cllr(scores, labels)
    assert 0 <= least <= 1 + 1e-12
    assert min_cllr(np.exp(scores / 2), labels) == least
    assert least <= cllr(scores, labels) + 1e-12
    assert least <= cllr(slope * scores + offset, labels) + 1e-12


@settings(max_examples=100)
@given(trials(), st.randoms(use_true_random=False))
def test_laws_of_cllr(data, random):
    scores, labels = data
    order = list(range(len(scores)))
    random.shuffle(order)
    for measure in (cllr, min_cllr):
        value = measure(scores, labels)
        assert measure(scores[order], labels[order]) == pytest.approx(value, abs=1e-13)
        # Signs and labels flipped: every trial costs what it cost.
        assert measure(-scores, 1 - labels) == pytest.approx(value, abs=1e-13)


def test_cllr_depends_on_the_scores_themselves():
    assert cllr([1.0, -1.0], [1, 0]) != pytest.approx(cllr([2.0, -2.0], [1, 0]), abs=0.1)


@pytest.mark.parametrize("measure", [cllr, min_cllr, fit_affine, reliability])
@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([1.0, np.nan], [1, 0], "NaN or infinite"),
        ([1.0, np.inf], [1, 0], "NaN or infinite"),
        ([1.0, 2.0], [1, 1], "no spoof trial"),
        ([1.0, 2.0], [0, 0], "no bona fide trial"),
        ([1.0], [1, 0], "shapes"),
    ],
)
def test_bad_input_is_refused(measure, scores, labels, message):
    with pytest.raises(ValueError, match=message):
        measure(scores, labels)


def test_an_affine_calibration_by_hand():
    calibration = AffineCalibration(slope=2.0, offset=-1.0)
    assert calibration.apply([[0.0, 3.0]]).tolist() == [[-1.0, 5.0]]
    assert calibration.undo([-1.0, 5.0]).tolist() == [0.0, 3.0]
    assert AffineCalibration().apply([4.0]).tolist() == [4.0]


def objective(parameters, bonafide, spoof, prior):
    """The documented objective, with Platt's targets."""
    slope, offset = parameters
    shift = math.log(prior / (1 - prior))
    cost = 0.0
    for scores, target, weight in (
        (bonafide, (bonafide.size + 1) / (bonafide.size + 2), prior),
        (spoof, 1 / (spoof.size + 2), 1 - prior),
    ):
        margin = slope * scores + offset + shift
        losses = target * np.logaddexp(0, -margin) + (1 - target) * np.logaddexp(0, margin)
        cost += weight * np.mean(losses)
    return cost


@pytest.mark.parametrize("prior", [0.5, 0.05, 0.9])
@pytest.mark.parametrize(
    ("n_bonafide", "n_spoof", "distance"),
    [(60, 60, 1.0), (5, 2000, 2.0), (200, 30, 1.5), (40, 40, 30.0), (1, 2, 3.0)],
)
def test_the_fit_is_the_least_of_the_objective(n_bonafide, n_spoof, distance, prior):
    rng = np.random.default_rng(5)
    bonafide, spoof = rng.normal(distance, 1, n_bonafide), rng.normal(0, 1, n_spoof)
    scores, labels = np.concatenate([spoof, bonafide]), np.repeat([0, 1], [n_spoof, n_bonafide])
    found = fit_affine(scores, labels, prior=prior)
    best = minimize(
        objective, (0.5, 0.0), (bonafide, spoof, prior), method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-14, "maxiter": 5000},
    )  # fmt: skip
    reached = objective((found.slope, found.offset), bonafide, spoof, prior)
    assert reached <= best.fun + 1e-10
    assert found.apply(scores) == pytest.approx(AffineCalibration(*best.x).apply(scores), abs=2e-3)


def test_two_trials_of_each_class_at_one_score_each_by_hand():
    # Both classes at one score each: the fit meets the targets 3/4 and 1/4, log odds +-ln 3.
    found = fit_affine([1.0, 1.0, -1.0, -1.0], [1, 1, 0, 0])
    assert found.slope == pytest.approx(math.log(3), abs=1e-6)
    assert found.offset == pytest.approx(0.0, abs=1e-6)
    # Another prior P: log odds of the posterior less ln(P / (1 - P)).
    found = fit_affine([1.0, 1.0, -1.0, -1.0], [1, 1, 0, 0], prior=0.2)
    assert found.apply([1.0, -1.0]) == pytest.approx(
        [math.log(3) + math.log(4), -math.log(3) + math.log(4)], abs=1e-5
    )


@pytest.mark.parametrize(
    ("scale", "offset"),
    [(1e-8, 0), (1e8, 0), (1, 1e9), (1e-3, -1e6), (1e-200, 0), (1e200, 0), (1e-300, 0), (1e307, 0)],
)
def test_the_fit_does_not_hang_on_scale_and_offset_of_the_scores(scale, offset):
    rng = np.random.default_rng(6)
    labels = np.repeat([1, 0], [30, 300])
    scores = rng.normal(2 * labels, 1)
    expected = fit_affine(scores, labels).apply(scores)
    moved = scale * scores + offset
    assert fit_affine(moved, labels).apply(moved) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("n_bonafide", "n_spoof"), [(1000, 10_000), (3, 3), (1, 1)])
def test_separated_classes_get_a_finite_slope(n_bonafide, n_spoof):
    rng = np.random.default_rng(8)
    labels = np.repeat([1, 0], [n_bonafide, n_spoof])
    scores = rng.normal(1000 * labels, 1e-6)
    found = fit_affine(scores, labels)
    # As if each class had one trial of the other on top: log odds ln(N + 1).
    assert found.apply([1000.0, 0.0]) == pytest.approx(
        [math.log(n_bonafide + 1), -math.log(n_spoof + 1)], abs=1e-3
    )
    assert cllr(found.apply(scores), labels) < 0.6


def test_calibration_heals_scaled_and_moved_scores():
    rng = np.random.default_rng(9)
    labels = np.repeat([1, 0], [2000, 8000])
    # Unit normals at +-1: the true LLR of x is 2 x.
    scores = rng.normal(2 * labels - 1, 1) * 5 + 3
    found = fit_affine(scores, labels)
    assert found.slope == pytest.approx(2 / 5, rel=0.05)
    assert found.offset == pytest.approx(-2 * 3 / 5, abs=0.1)
    calibrated = found.apply(scores)
    assert cllr(calibrated, labels) < cllr(scores, labels)
    assert cllr(calibrated, labels) - min_cllr(calibrated, labels) < 0.01


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([0.0, 1.0, 2.0, 3.0], [1, 0, 0, 0], r"to 1 bona fide and 3 spoofed .* slope is -"),
        ([0.0, 1.0, 1.0, 0.0], [1, 1, 0, 0], "the fitted slope is"),
        # The mean of equal floats need not be that float.
        ([0.1] * 3, [1, 0, 0], "to 1 bona fide and 2 spoofed .* score is 0.1"),
        ([1 / 3] * 10, [1] + [0] * 9, "every score is 0.333"),
        # No float is as steep as these ask for.
        ([0.0, 1e-310], [0, 1], "the fitted slope is inf"),
        ([0.0, 5e-324], [0, 1], "the fitted slope is"),
    ],
)
def test_scores_that_say_nothing_are_refused(scores, labels, message):
    with pytest.raises(CalibrationError, match=message):
        fit_affine(scores, labels)


@pytest.mark.parametrize("prior", [0.0, 1.0, -1.0, np.nan])
def test_a_prior_outside_is_refused(prior):
    with pytest.raises(ValueError, match="expected a calibration prior inside"):
        fit_affine([0.0, 1.0], [0, 1], prior=prior)


def test_reliability_by_hand():
    # Claimed: 3/4 (twice bona fide, once spoof), 1/4 (a spoof), 1/2 (a bona fide), ~1, ~0.
    scores = [math.log(3)] * 3 + [-math.log(3), 0.0, 800.0, -800.0]
    labels = [1, 1, 0, 0, 1, 1, 0]
    # 4 bona fide weigh 1/8 each, 3 spoofs 1/6 each.
    assert reliability(scores, labels, bins=5) == [
        ReliabilityBin(predicted=0.0, observed=0.0, count=1),
        ReliabilityBin(predicted=pytest.approx(0.25), observed=0.0, count=1),
        ReliabilityBin(predicted=0.5, observed=1.0, count=1),
        # (2 / 8) / (2 / 8 + 1 / 6) = 3/5
        ReliabilityBin(predicted=pytest.approx(0.75), observed=pytest.approx(0.6), count=3),
        ReliabilityBin(predicted=1.0, observed=1.0, count=1),
    ]
    # 1/2 begins the second of two bins; predicted 0 and 1/4 weigh 1/6 each.
    low, high = reliability(scores, labels, bins=2)
    assert (low.predicted, low.observed, low.count) == (pytest.approx(0.125), 0.0, 2)
    assert high.count == 5
    # (1/2 / 8 + 2 * 3/4 / 8 + 1 / 8 + 3/4 / 6) / (4 / 8 + 1 / 6) = (3/8 + 1/8) / (2/3)
    assert high.predicted == pytest.approx(0.75)
    assert high.observed == pytest.approx(0.75)  # (1/2) / (2/3)


@pytest.mark.parametrize("bins", [0, -1])
def test_reliability_without_bins_is_refused(bins):
    with pytest.raises(ValueError, match="one bin or more"):
        reliability([0.0, 1.0], [0, 1], bins=bins)


@settings(max_examples=50)
@given(trials(), st.integers(1, 12))
def test_reliability_counts_every_trial_once(data, bins):
    scores, labels = data
    found = reliability(scores, labels, bins=bins)
    assert sum(one.count for one in found) == len(scores)
    assert len(found) <= bins
    predicted = [one.predicted for one in found]
    assert predicted == sorted(predicted)
    assert all(0 <= one.observed <= 1 for one in found)
    assert reliability(scores, labels) == reliability(scores, labels, bins=10)
