import math
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonafide.metrics.costs import (
    AsvErrorRates,
    DetectionCosts,
    TandemCosts,
    TandemWeights,
    act_dcf,
    asv_error_rates,
    cost_at,
    legacy_tdcf,
    lowest_cost,
    min_dcf,
    revised_tdcf,
)
from bonafide.metrics.detection import ErrorRates, error_curve, error_rates_at

GOLDEN = pathlib.Path(__file__).resolve().parents[3] / ".." / "shared" / "golden"
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the real score files are not beside this checkout (shared/golden)"
)

# -2s -1b 0s 1s 2b 3b 4b: the points (FRR, FAR) are (0, 1), (0, 2/3), (1/4, 2/3), (1/4, 1/3),
# (1/4, 0), (1/2, 0), (3/4, 0), (1, 0).
SCORES = [-1.0, 2.0, 3.0, 4.0, -2.0, 0.0, 1.0]
LABELS = [1, 1, 1, 1, 0, 0, 0]
ASV = AsvErrorRates(false_accept=0.1, miss=0.2, spoof_miss=0.3)


def golden_curve(name):
    rows = [line.split() for line in (GOLDEN / name).read_text().splitlines()]
    return error_curve([float(row[3]) for row in rows], [row[2] == "bonafide" for row in rows])


def golden_asv(split):
    path = GOLDEN / f"ASVspoof2019.LA.asv.{split}.gi.trl.scores.txt"
    scores = {"target": [], "nontarget": [], "spoof": []}
    for line in path.read_text().splitlines():
        _, key, score = line.split()
        scores[key].append(float(score))
    return asv_error_rates(**scores)


@st.composite
def trials(draw):
    """Scores on a coarse grid, so that ties are frequent, with both classes."""
    flags = st.lists(st.integers(0, 1), min_size=2, max_size=30).filter(
        lambda values: 0 < sum(values) < len(values)
    )
    labels = draw(flags)
    scores = draw(st.lists(st.integers(-8, 8), min_size=len(labels), max_size=len(labels)))
    return np.array(scores) / 4, np.array(labels)


ASV_RATES = st.builds(AsvErrorRates, st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 0.99))
COSTS = st.builds(
    DetectionCosts,
    spoof_prior=st.floats(0.01, 0.99),
    miss=st.floats(0.1, 10),
    false_accept=st.floats(0.1, 10),
)


@needs_golden
def test_reproduces_the_rates_of_the_official_verifier():
    asv = golden_asv("eval")
    assert asv.false_accept == pytest.approx(0.024604674888, abs=5e-13)
    assert asv.miss == pytest.approx(0.024581005587, abs=5e-13)
    assert asv.spoof_miss == pytest.approx(0.239347547040, abs=5e-13)
    weights = legacy_tdcf(asv)
    assert weights.miss / weights.false_accept == pytest.approx(2.40594536, abs=5e-9)
    dev = golden_asv("dev")
    assert dev.false_accept == pytest.approx(0.02444521, abs=5e-9)
    assert dev.miss == pytest.approx(0.02425876, abs=5e-9)
    assert dev.spoof_miss == pytest.approx(0.23972910, abs=5e-9)


@needs_golden
def test_reproduces_the_published_costs():
    asv = golden_asv("eval")
    rawgat = golden_curve("cm_eval_RawGAT-ST_add.txt")
    assert legacy_tdcf(asv).lowest(rawgat) == pytest.approx(0.037372, abs=5e-7)
    assert revised_tdcf(asv).lowest(rawgat) == pytest.approx(0.097760, abs=5e-7)
    assert min_dcf(rawgat) == pytest.approx(0.032281, abs=5e-7)
    aasist = golden_curve("cm_eval_AASIST-L.txt")
    assert legacy_tdcf(asv).lowest(aasist) == pytest.approx(0.030805977, abs=5e-10)


@needs_golden
def test_reproduces_the_published_actual_cost():
    rows = [
        line.split() for line in (GOLDEN / "cm_eval_RawGAT-ST_add.txt").read_text().splitlines()
    ]
    scores, labels = [float(row[3]) for row in rows], [row[2] == "bonafide" for row in rows]
    assert act_dcf(scores, labels) == pytest.approx(0.046674, abs=5e-7)


def test_the_default_weights_and_threshold():
    # 1 * .95 and 10 * .05 = .5, over .5.
    assert DetectionCosts().weights == pytest.approx((1.9, 1.0), abs=1e-15)
    assert DetectionCosts().bayes_threshold == pytest.approx(-0.641853886172395, abs=1e-15)
    assert DetectionCosts().bayes_threshold == pytest.approx(-math.log(1.9), abs=1e-15)
    # Weights of .2 * 3 = .6 and 1 * .8 = .8.
    other = DetectionCosts(spoof_prior=0.8, miss=3.0, false_accept=1.0)
    assert other.weights == pytest.approx((1.0, 4 / 3), abs=1e-15)
    assert other.bayes_threshold == pytest.approx(math.log(4 / 3), abs=1e-15)


def test_detection_costs_by_hand():
    curve = error_curve(SCORES, LABELS)
    # 1.9 * 1/4 + 0 is less than 0 + 2/3.
    assert min_dcf(curve) == pytest.approx(0.475, abs=1e-15)
    # At or above -.64 all is accepted but -1b and -2s: 1.9 * 1/4 + 2/3.
    assert act_dcf(SCORES, LABELS) == pytest.approx(0.475 + 2 / 3, abs=1e-15)
    # Weights 4 and 1: 0 + 2/3 is less than 4 * 1/4.
    equal = DetectionCosts(spoof_prior=0.2, miss=1.0, false_accept=1.0)
    assert equal.weights == pytest.approx((4.0, 1.0))
    assert min_dcf(curve, equal) == pytest.approx(2 / 3, abs=1e-15)
    # The threshold is ln(.2 / .8) = -1.386: only -2s is rejected.
    assert act_dcf(SCORES, LABELS, equal) == pytest.approx(2 / 3, abs=1e-15)


def test_the_actual_cost_accepts_what_lies_on_the_threshold():
    threshold = DetectionCosts().bayes_threshold
    assert act_dcf([threshold, -9.0], [1, 0]) == 0.0
    assert act_dcf([9.0, threshold], [1, 0]) == 1.0


def test_tandem_costs_by_hand():
    curve = error_curve(SCORES, LABELS)
    # C1 = .9405 (1 - .2) - .0095 * 10 * .1 = .7524 - .0095 = .7429; C2 = 10 * .05 * .7 = .35.
    legacy = legacy_tdcf(ASV)
    assert legacy.constant == 0.0
    assert legacy.miss == pytest.approx(0.7429 / 0.35, abs=1e-14)
    assert legacy.false_accept == 1.0
    # At FRR 1/4, FAR 0: .7429 / .35 / 4 = .53064; at FRR 0, FAR 2/3 it is .66667.
    assert legacy.lowest(curve) == pytest.approx(0.7429 / 1.4, abs=1e-14)
    # C0 = .9405 * .2 + .0095 * 10 * .1 = .1976; C1 = .9405 - .1976 = .7429; C2 = .05 * 10 * .7 =
    # .35; C0 + C2 = .5476.
    revised = revised_tdcf(ASV)
    assert revised.constant == pytest.approx(0.1976 / 0.5476, abs=1e-14)
    assert revised.miss == pytest.approx(0.7429 / 0.5476, abs=1e-14)
    assert revised.false_accept == pytest.approx(0.35 / 0.5476, abs=1e-14)
    # (.1976 + .7429 / 4) / .5476 = .70001
    assert revised.lowest(curve) == pytest.approx((0.1976 + 0.185725) / 0.5476, abs=1e-14)


def test_tandem_costs_with_other_priors_and_costs():
    costs = TandemCosts(
        spoof_prior=0.5, target_prior=0.3, nontarget_prior=0.2, miss=2.0, false_accept=3.0
    )
    # C1 = .3 * 2 * .8 - .2 * 3 * .1 = .48 - .06 = .42; C2 = 3 * .5 * .7 = 1.05: now C1 is least.
    legacy = legacy_tdcf(ASV, costs)
    assert (legacy.miss, legacy.false_accept) == pytest.approx((1.0, 2.5), abs=1e-14)
    # C0 = .3 * 2 * .2 + .2 * 3 * .1 = .12 + .06 = .18; C1 = .6 - .18 = .42; over .18 + .42 = .6.
    revised = revised_tdcf(ASV, costs)
    assert revised.constant == pytest.approx(0.3, abs=1e-14)
    assert (revised.miss, revised.false_accept) == pytest.approx((0.7, 1.75), abs=1e-14)


def test_rates_of_a_verifier_by_hand():
    # -2n 0n 1t 1.5n 2t 3t 4t: least |FRR - FAR| = |1/4 - 1/3| after the target at 1. At or above 1:
    # one of three non-targets; below it no target, and one of three spoofs.
    asv = asv_error_rates([1.0, 2.0, 3.0, 4.0], [-2.0, 0.0, 1.5], [0.5, 1.0, 7.0])
    assert asv == AsvErrorRates(false_accept=1 / 3, miss=0.0, spoof_miss=1 / 3)
    # -2n 0n 2t 3t: FRR = FAR = 0 after the non-target at 0, which the verifier itself accepts.
    on_it = asv_error_rates([2.0, 3.0], [-2.0, 0.0], [0.0, -1.0])
    assert on_it == AsvErrorRates(false_accept=0.5, miss=0.0, spoof_miss=0.5)
    assert asv.spoof_false_accept == pytest.approx(2 / 3, abs=1e-15)


def test_rates_of_a_large_verifier():
    rng = np.random.default_rng(3)
    asv = asv_error_rates(
        rng.normal(2, 1, 300_000), rng.normal(-2, 1, 1_000_000), rng.normal(1, 1, 500_000)
    )
    # Two unit normals four apart: EER = Phi(-2) = .02275 at 0; spoofs below 0: Phi(-1) = .15866.
    assert asv.false_accept == pytest.approx(0.02275, abs=0.001)
    assert asv.miss == pytest.approx(0.02275, abs=0.001)
    assert asv.spoof_miss == pytest.approx(0.15866, abs=0.003)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([], [1.0], [1.0]), "target trials, got 0 of which 0"),
        (([1.0], [], [1.0]), "nontarget trials, got 0 of which 0"),
        (([1.0], [1.0], []), "spoof trials, got 0 of which 0"),
        (([1.0, np.nan], [1.0], [1.0]), "target trials, got 2 of which 1 are not finite"),
        (([1.0], [1.0], [np.inf]), "spoof trials, got 1 of which 1 are not finite"),
        (([[1.0]], [1.0], [1.0]), "target trials"),
    ],
)
def test_bad_verifier_scores_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        asv_error_rates(*parts)


@pytest.mark.parametrize(
    "asv",
    [
        AsvErrorRates(false_accept=0.1, miss=0.2, spoof_miss=1.0),  # accepts no spoof: C2 = 0
        AsvErrorRates(false_accept=0.1, miss=1.0, spoof_miss=0.2),  # C1 = -.0095
        AsvErrorRates(false_accept=0.0, miss=1.0, spoof_miss=0.2),  # C1 = 0
    ],
)
@pytest.mark.parametrize("tdcf", [legacy_tdcf, revised_tdcf])
def test_a_verifier_that_is_too_weak_is_refused(tdcf, asv):
    with pytest.raises(ValueError, match=r"expected positive weights .* for this speaker verifier"):
        tdcf(asv)


@pytest.mark.parametrize(
    "wrong",
    [
        {"spoof_prior": 0.0},
        {"spoof_prior": 1.0},
        {"spoof_prior": math.nan},
        {"miss": 0.0},
        {"false_accept": -1.0},
        {"miss": math.inf},
        {"false_accept": math.nan},
    ],
)
def test_impossible_costs_are_refused(wrong):
    with pytest.raises(ValueError, match="expected a prior inside"):
        DetectionCosts(**wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"spoof_prior": 0.1}, "sum to 1"),
        ({"spoof_prior": -0.05, "target_prior": 1.0405}, "sum to 1"),
        ({"spoof_prior": math.nan}, "sum to 1"),
        ({"miss": 0.0}, "expected costs above 0"),
        ({"false_accept": math.inf}, "expected costs above 0"),
    ],
)
def test_impossible_tandem_costs_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        TandemCosts(**wrong)


def test_a_prior_of_the_tandem_may_be_zero():
    # Without other speakers C1 = .95 * .8 = .76, C2 = .35; C0 = .95 * .2 = .19.
    costs = TandemCosts(target_prior=0.95, nontarget_prior=0.0)
    assert legacy_tdcf(ASV, costs).miss == pytest.approx(0.76 / 0.35, abs=1e-14)
    assert revised_tdcf(ASV, costs).constant == pytest.approx(0.19 / 0.54, abs=1e-14)


def test_cost_at_and_lowest_cost_by_hand():
    assert cost_at(ErrorRates(far=0.5, frr=0.25), (2.0, 3.0)) == 2.0
    curve = error_curve(SCORES, LABELS)
    # 1 + min(3 * 2/3, 2 * 1/4 + 0)
    assert lowest_cost(curve, (2.0, 3.0), 1.0) == 1.5
    assert lowest_cost(curve, (2.0, 3.0)) == 0.5
    assert TandemWeights(1.0, 2.0, 3.0).lowest(curve) == 1.5


@settings(max_examples=100)
@given(trials(), ASV_RATES, COSTS)
def test_minima_equal_the_definition_threshold_by_threshold(data, asv, costs):
    scores, labels = data
    rates = [error_rates_at(scores, labels, t) for t in [scores.min() - 1, *scores]]
    curve = error_curve(scores, labels)
    c_miss = costs.miss * (1 - costs.spoof_prior)
    c_fa = costs.false_accept * costs.spoof_prior
    slow = min(c_miss * r.frr + c_fa * r.far for r in rates) / min(c_miss, c_fa)
    assert min_dcf(curve, costs) == pytest.approx(slow, abs=1e-12)
    c1 = 0.9405 * (1 - asv.miss) - 0.0095 * 10 * asv.false_accept
    c2 = 10 * 0.05 * (1 - asv.spoof_miss)
    slow = min((c1 * r.frr + c2 * r.far) / min(c1, c2) for r in rates)
    assert legacy_tdcf(asv).lowest(curve) == pytest.approx(slow, abs=1e-12)
    c0 = 0.9405 * asv.miss + 0.0095 * 10 * asv.false_accept
    c1 = 0.9405 - c0
    slow = min((c0 + c1 * r.frr + c2 * r.far) / (c0 + min(c1, c2)) for r in rates)
    assert revised_tdcf(asv).lowest(curve) == pytest.approx(slow, abs=1e-12)


@settings(max_examples=100)
@given(trials(), COSTS)
def test_the_actual_cost_equals_its_definition_and_is_never_below_the_minimum(data, costs):
    scores, labels = data
    threshold = -math.log(
        costs.miss * (1 - costs.spoof_prior) / (costs.false_accept * costs.spoof_prior)
    )
    if np.min(np.abs(scores - threshold)) < 1e-9:
        return  # which side a score is on may hang on rounding
    bonafide, spoof = scores[labels == 1], scores[labels == 0]
    slow = costs.miss * (1 - costs.spoof_prior) * sum(bonafide < threshold) / len(bonafide)
    slow += costs.false_accept * costs.spoof_prior * sum(spoof >= threshold) / len(spoof)
    slow /= min(costs.miss * (1 - costs.spoof_prior), costs.false_accept * costs.spoof_prior)
    actual = act_dcf(scores, labels, costs)
    assert actual == pytest.approx(slow, rel=1e-12)
    assert min_dcf(error_curve(scores, labels), costs) <= actual


@settings(max_examples=100)
@given(trials(), ASV_RATES, COSTS)
def test_minima_depend_on_the_ranking_alone_and_are_at_most_one(data, asv, costs):
    scores, labels = data
    curve, moved = error_curve(scores, labels), error_curve(np.exp(scores) - 7, labels)
    for weights in (
        TandemWeights(0.0, *costs.weights),
        legacy_tdcf(asv),
        revised_tdcf(asv),
    ):
        assert weights.lowest(moved) == weights.lowest(curve)
        # The point that accepts all, or rejects all, costs 1. (Rounding: the revised one is a sum.)
        assert weights.constant <= weights.lowest(curve) <= 1 + 1e-15


def test_the_actual_cost_depends_on_the_scores_themselves():
    assert act_dcf([1.0, -1.0], [1, 0]) == 0.0
    assert act_dcf([3.0, 1.0], [1, 0]) == 1.0  # the same ranking, moved up by 2


@settings(max_examples=100)
@given(trials(), COSTS)
def test_the_minimum_stays_when_signs_labels_and_costs_are_flipped(data, costs):
    scores, labels = data
    flipped = DetectionCosts(
        spoof_prior=1 - costs.spoof_prior, miss=costs.false_accept, false_accept=costs.miss
    )
    there = min_dcf(error_curve(scores, labels), costs)
    back = min_dcf(error_curve(-scores, 1 - labels), flipped)
    assert back == pytest.approx(there, rel=1e-12)


@pytest.mark.parametrize("labels", [[1, 0], [1, 1, 0], [0, 0, 0, 1]])
def test_constant_scores_are_worth_nothing(labels):
    curve = error_curve([0.5] * len(labels), labels)
    assert min_dcf(curve) == pytest.approx(1.0, abs=1e-15)
    assert legacy_tdcf(ASV).lowest(curve) == pytest.approx(1.0, abs=1e-15)
    assert revised_tdcf(ASV).lowest(curve) == pytest.approx(1.0, abs=1e-15)


def test_a_perfect_detector_costs_what_the_verifier_costs():
    curve = error_curve([1.0, 0.0], [1, 0])
    assert min_dcf(curve) == 0.0
    assert legacy_tdcf(ASV).lowest(curve) == 0.0
    assert revised_tdcf(ASV).lowest(curve) == pytest.approx(0.1976 / 0.5476, abs=1e-14)
