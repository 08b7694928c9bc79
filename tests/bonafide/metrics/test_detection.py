import itertools
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from bonafide.metrics.detection import (
    Eer,
    ErrorRates,
    area_under_curve,
    corners,
    eer_of,
    equal_error_rate,
    error_curve,
    error_rates_at,
    far_at_frr,
    frr_at_far,
    per_attack_eer,
)

GOLDEN = pathlib.Path(__file__).resolve().parents[3] / ".." / "shared" / "golden"
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the real score files are not beside this checkout (shared/golden)"
)


def golden_scores(name):
    """Returns scores, labels and systems of `UTTERANCE SYSTEM KEY SCORE` lines."""
    rows = [line.split() for line in (GOLDEN / name).read_text().splitlines()]
    labels = np.array([row[2] == "bonafide" for row in rows], dtype=np.int64)
    return np.array([float(row[3]) for row in rows]), labels, [row[1] for row in rows]


def official_eer(scores, labels):
    """The loop form of the official definition, to compare with: O(N^2), no sorting tricks."""
    trials = sorted(zip(scores, labels, strict=True), key=lambda trial: (trial[0], -trial[1]))
    num_bonafide = sum(labels)
    num_spoof = len(labels) - num_bonafide
    best = (2.0, None)
    for count in range(len(trials) + 1):
        frr = sum(label for _, label in trials[:count]) / num_bonafide
        far = sum(1 - label for _, label in trials[count:]) / num_spoof
        if abs(frr - far) < best[0]:
            best = (abs(frr - far), (frr + far) / 2)
    return best[1]


@needs_golden
@pytest.mark.parametrize(
    ("name", "per_cent"),
    [("cm_eval_RawGAT-ST_add.txt", 1.158596), ("cm_eval_AASIST-L.txt", 0.990923)],
)
def test_reproduces_the_published_eer(name, per_cent):
    scores, labels, _ = golden_scores(name)
    assert scores.size == 71_237
    assert 100 * equal_error_rate(scores, labels).eer == pytest.approx(per_cent, abs=5e-7)


@needs_golden
def test_per_attack_on_the_real_scores_pools_all_bonafide():
    scores, labels, systems = golden_scores("cm_eval_RawGAT-ST_add.txt")
    by_attack = per_attack_eer(scores, labels, systems)
    assert list(by_attack) == [f"A{number:02d}" for number in range(7, 20)]
    assert max(by_attack, key=lambda attack: by_attack[attack].eer) == "A18"
    keep = (labels == 1) | (np.array(systems) == "A18")
    assert by_attack["A18"] == equal_error_rate(scores[keep], labels[keep])


@pytest.mark.parametrize(
    ("bonafide", "spoof", "expected"),
    [
        # Perfect: after the three spoofs FRR = FAR = 0.
        ([2.0, 3.0, 4.0], [-1.0, 0.0, 1.0], Eer(0.0, 1.0)),
        # Upside down: after the bona fide trials FRR = FAR = 1.
        ([-1.0, 0.0], [1.0, 2.0], Eer(1.0, 0.0)),
        # -2s -1b 0s 1s 2b 3b 4b: points after 3 trials FRR 1/4, FAR 1/3; after 4 FRR 1/4, FAR 0;
        # |1/4 - 1/3| = 1/12 is least, so EER = (1/4 + 1/3) / 2 = 7/24 at threshold 0.
        ([-1.0, 2.0, 3.0, 4.0], [-2.0, 0.0, 1.0], Eer(7 / 24, 0.0)),
        # A tie at 1, bona fide first: 0s 1b 1s 2b: after 2 trials FRR = FAR = 1/2.
        ([1.0, 2.0], [0.0, 1.0], Eer(0.5, 1.0)),
        # All equal: both bona fide go before the first spoof, FRR = FAR = 1.
        ([0.5, 0.5], [0.5, 0.5, 0.5], Eer(1.0, 0.5)),
    ],
)
def test_values_by_hand(bonafide, spoof, expected):
    scores = spoof + bonafide
    labels = [0] * len(spoof) + [1] * len(bonafide)
    result = equal_error_rate(scores, labels)
    assert result.eer == pytest.approx(expected.eer, abs=1e-15)
    assert result.threshold == expected.threshold


def test_the_point_before_all_trials_is_never_better_than_one_among_them():
    # One of each, upside down: the points are (0, 1), (1, 1), (1, 0); the middle one wins.
    assert equal_error_rate([0.0, 1.0], [1, 0]) == Eer(1.0, 0.0)


@st.composite
def trials(draw, *, distinct=False):
    """Scores on a coarse grid (so that ties are frequent) and labels with both classes."""
    size = draw(st.integers(2, 40))
    grid = st.integers(-20, 20) if not distinct else st.integers(-1000, 1000)
    scores = draw(st.lists(grid, min_size=size, max_size=size, unique=distinct))
    labels = draw(
        st.lists(st.integers(0, 1), min_size=size, max_size=size).filter(
            lambda values: 0 < sum(values) < len(values)
        )
    )
    return np.array(scores, dtype=np.float64), np.array(labels)


@settings(max_examples=300)
@given(trials())
def test_equals_the_definition(data):
    scores, labels = data
    expected = official_eer(scores.tolist(), labels.tolist())
    assert equal_error_rate(scores, labels).eer == expected


@settings(max_examples=100)
@given(trials(), st.randoms(use_true_random=False))
def test_order_of_trials_does_not_matter(data, random):
    scores, labels = data
    order = list(range(len(scores)))
    random.shuffle(order)
    assert equal_error_rate(scores[order], labels[order]) == equal_error_rate(scores, labels)


@settings(max_examples=100)
@given(trials())
def test_only_the_ranking_matters(data):
    scores, labels = data
    assert equal_error_rate(np.exp(scores / 3), labels).eer == equal_error_rate(scores, labels).eer


@settings(max_examples=200)
@given(trials(distinct=True))
def test_flips_of_sign_and_labels(data):
    scores, labels = data
    eer = equal_error_rate(scores, labels).eer
    # Two neighbouring points may be equally good; which comes first depends on the direction, and
    # they differ by half a step of the smaller class.
    half_step = 0.5 / min(labels.sum(), len(labels) - labels.sum()) + 1e-12
    assert abs(equal_error_rate(-scores, 1 - labels).eer - eer) <= half_step
    assert abs(equal_error_rate(-scores, labels).eer - (1 - eer)) <= half_step
    assert abs(equal_error_rate(scores, 1 - labels).eer - (1 - eer)) <= half_step


def test_random_scores_are_near_a_half():
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 2, 20_000)
    assert equal_error_rate(rng.normal(size=20_000), labels).eer == pytest.approx(0.5, abs=0.02)


def test_boolean_and_float_labels_are_accepted():
    expected = equal_error_rate([1.0, 0.0], [1, 0])
    assert equal_error_rate([1.0, 0.0], [True, False]) == expected
    assert equal_error_rate([1.0, 0.0], [1.0, 0.0]) == expected


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([1.0, np.nan, np.inf], [1, 0, 0], r"2 of 3 scores .* position 1 \(nan\)"),
        ([-np.inf, 1.0], [0, 1], r"position 0 \(-inf\)"),
        ([1.0, 2.0], [1, 1], "no spoof trial among 2"),
        ([1.0, 2.0], [0, 0], "no bona fide trial among 2"),
        ([], [], "no bona fide trial among 0"),
        ([1.0, 2.0], [1], r"shapes \(2,\) and \(1,\)"),
        ([[1.0, 2.0]], [[1, 0]], r"shapes \(1, 2\)"),
        ([1.0, 2.0], [1, 2], r"got (2|np\.int64\(2\)) at position 1"),
        ([1.0, 2.0], [1, -1], "expected labels 1"),
        ([1.0, 2.0], [1, np.nan], "expected labels 1"),
    ],
)
def test_bad_input_is_refused(scores, labels, message):
    with pytest.raises(ValueError, match=message):
        equal_error_rate(scores, labels)


def test_per_attack_ignores_what_stands_beside_bonafide():
    scores = [3.0, 0.0, 1.0, -1.0, 4.0]
    labels = [1, 1, 0, 0, 0]
    by_attack = per_attack_eer(scores, labels, ["-", "A09", "A07", "A08", "A08"])
    assert list(by_attack) == ["A07", "A08"]
    assert by_attack["A07"] == equal_error_rate([3.0, 0.0, 1.0], [1, 1, 0])
    assert by_attack["A08"] == equal_error_rate([3.0, 0.0, -1.0, 4.0], [1, 1, 0, 0])


def test_per_attack_refuses_bad_input():
    with pytest.raises(ValueError, match="one system id per score, got 1 for 2 scores"):
        per_attack_eer([1.0, 0.0], [1, 0], ["A07"])
    with pytest.raises(ValueError, match="expected bona fide trials"):
        per_attack_eer([1.0], [0], ["A07"])


@settings(max_examples=100)
@given(trials(), st.data())
def test_per_attack_is_the_eer_of_its_spoofs_and_all_bonafide(data, more):
    scores, labels = data
    names = st.sampled_from(["A01", "A02", "A10"])
    systems = np.array(more.draw(st.lists(names, min_size=len(labels), max_size=len(labels))))
    by_attack = per_attack_eer(scores, labels, systems)
    assert list(by_attack) == sorted(set(systems[labels == 0]))
    for attack, eer in by_attack.items():
        keep = (labels == 1) | (systems == attack)
        assert eer == equal_error_rate(scores[keep], labels[keep])


def test_per_attack_without_spoofs_is_empty():
    assert per_attack_eer([1.0, 0.0], [1, 1], ["-", "-"]) == {}


# -1b 0s 1b 1s 1s 2b: a tie at 1.
SCORES = [-1.0, 0.0, 1.0, 1.0, 1.0, 2.0]
LABELS = [1, 0, 0, 1, 0, 1]


def test_the_curve_by_hand():
    curve = error_curve(SCORES, LABELS)
    # The bona fide trial at 1 goes before the two spoofs there.
    assert curve.frr.tolist() == [0, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 2 / 3, 1]
    assert curve.far.tolist() == [1, 1, 2 / 3, 2 / 3, 1 / 3, 0, 0]
    assert curve.thresholds.tolist() == [-1.001, -1, 0, 1, 1, 1, 2]
    assert (curve.n_bonafide, curve.n_spoof) == (3, 3)


@settings(max_examples=100)
@given(trials())
def test_the_last_point_of_a_score_is_what_it_does_as_a_threshold(data):
    curve = error_curve(*data)
    last = np.append(curve.thresholds[1:] != curve.thresholds[:-1], True)
    for frr, far, threshold in zip(
        curve.frr[last], curve.far[last], curve.thresholds[last], strict=True
    ):
        assert error_rates_at(*data, threshold) == ErrorRates(far=far, frr=frr)


@pytest.mark.parametrize("lowest", [0.0, -1e9, 1e13, 1e300, 5e-324, -1e-310])
def test_the_first_threshold_accepts_all_however_large_the_scores(lowest):
    scores, labels = [lowest, abs(lowest) * 2 + 1], [0, 1]
    rates, threshold = frr_at_far(error_curve(scores, labels), 1.0)
    assert rates == ErrorRates(far=1.0, frr=0.0)
    assert error_rates_at(scores, labels, threshold) == rates


@settings(max_examples=100)
@given(trials(distinct=True))
def test_without_ties_the_threshold_of_the_eer_gives_the_eer(data):
    eer = equal_error_rate(*data)
    assert error_rates_at(*data, eer.threshold).hter == pytest.approx(eer.eer, abs=1e-15)


@pytest.mark.parametrize(
    ("bonafide", "spoof", "expected"),
    [
        ([1.0, 2.0], [-1.0, 0.0, 0.5], 1.0),
        ([-1.0], [0.0, 1.0], 0.0),
        ([5.0, 5.0], [5.0], 0.5),
        # Of 3 x 3 pairs: -1 above none; 1 above 0 and even with two: 1 + 2/2; 2 above three. 5 / 9.
        ([-1.0, 1.0, 2.0], [0.0, 1.0, 1.0], 5 / 9),
    ],
)
def test_area_by_hand(bonafide, spoof, expected):
    labels = [1] * len(bonafide) + [0] * len(spoof)
    assert area_under_curve(bonafide + spoof, labels) == pytest.approx(expected, abs=1e-15)


@settings(max_examples=200)
@given(trials())
def test_area_equals_that_of_sklearn_and_the_count_of_pairs(data):
    scores, labels = data
    bonafide, spoof = scores[labels == 1], scores[labels == 0]
    pairs = [(b > s) + (b == s) / 2 for b in bonafide for s in spoof]
    area = area_under_curve(scores, labels)
    assert area == pytest.approx(sum(pairs) / len(pairs), abs=1e-14)
    assert area == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@settings(max_examples=100)
@given(trials())
def test_area_under_flips_and_a_rising_transform(data):
    scores, labels = data
    area = area_under_curve(scores, labels)
    assert area_under_curve(np.exp(scores / 3), labels) == area
    assert area_under_curve(-scores, 1 - labels) == area
    assert area_under_curve(-scores, labels) == pytest.approx(1 - area, abs=1e-15)
    assert area_under_curve(scores, 1 - labels) == pytest.approx(1 - area, abs=1e-15)


def test_area_needs_both_classes():
    with pytest.raises(ValueError, match="no spoof trial"):
        area_under_curve([1.0, 2.0], [1, 1])


def test_limits_by_hand():
    curve = error_curve(SCORES, LABELS)
    # FAR <= 2/3 from threshold 0 on, where FRR is 1/3; FAR <= 1/3 first at threshold 1 (FAR 0).
    assert frr_at_far(curve, 2 / 3) == (ErrorRates(far=2 / 3, frr=1 / 3), 0.0)
    assert frr_at_far(curve, 1 / 3) == (ErrorRates(far=0.0, frr=2 / 3), 1.0)
    assert frr_at_far(curve, 0.0) == (ErrorRates(far=0.0, frr=2 / 3), 1.0)
    assert frr_at_far(curve, 1.0) == (ErrorRates(far=1.0, frr=0.0), -1.001)
    # FRR <= 1/3 up to threshold 0; threshold 1 would have FRR 2/3.
    assert far_at_frr(curve, 0.0) == (ErrorRates(far=1.0, frr=0.0), -1.001)
    assert far_at_frr(curve, 1 / 3) == (ErrorRates(far=2 / 3, frr=1 / 3), 0.0)
    assert far_at_frr(curve, 0.5) == (ErrorRates(far=2 / 3, frr=1 / 3), 0.0)
    assert far_at_frr(curve, 2 / 3) == (ErrorRates(far=0.0, frr=2 / 3), 1.0)
    assert far_at_frr(curve, 1.0) == (ErrorRates(far=0.0, frr=1.0), 2.0)


def test_a_limit_inside_a_tie_of_bonafide_trials_is_kept():
    # 0s 1b 1b 1s 2b 3b: one of four could go, but a threshold at 1 takes two.
    scores, labels = [0.0, 1.0, 1.0, 1.0, 2.0, 3.0], [0, 1, 1, 0, 1, 1]
    rates, threshold = far_at_frr(error_curve(scores, labels), 0.3)
    assert (rates, threshold) == (ErrorRates(far=0.5, frr=0.0), 0.0)
    assert error_rates_at(scores, labels, threshold) == rates


@settings(max_examples=300)
@given(trials(), st.fractions(0, 1, max_denominator=40))
def test_limits_are_kept_in_the_best_way_by_the_threshold_that_is_returned(data, limit):
    scores, labels = data
    limit, curve = float(limit), error_curve(scores, labels)
    # Every threshold that can be told apart, tried one by one.
    tried = [error_rates_at(scores, labels, threshold) for threshold in [scores.min() - 1, *scores]]
    for (rates, threshold), expected in (
        (frr_at_far(curve, limit), min(t.frr for t in tried if t.far <= limit)),
        (far_at_frr(curve, limit), min(t.far for t in tried if t.frr <= limit)),
    ):
        assert error_rates_at(scores, labels, threshold) == rates
        assert expected in (rates.frr, rates.far)
    assert frr_at_far(curve, limit)[0].far <= limit
    assert far_at_frr(curve, limit)[0].frr <= limit
    assert frr_at_far(curve, limit)[0].frr == min(t.frr for t in tried if t.far <= limit)
    assert far_at_frr(curve, limit)[0].far == min(t.far for t in tried if t.frr <= limit)


@pytest.mark.parametrize("limit", [-0.01, 1.01, np.nan, np.inf])
@pytest.mark.parametrize("function", [frr_at_far, far_at_frr])
def test_a_limit_that_is_no_fraction_is_refused(function, limit):
    with pytest.raises(ValueError, match="expected a limit from 0 to 1"):
        function(error_curve(SCORES, LABELS), limit)


def test_a_frozen_threshold_by_hand():
    # Above 1: of the bona fide only 2 is accepted, of the spoofs none.
    assert error_rates_at(SCORES, LABELS, 1.0) == ErrorRates(far=0.0, frr=2 / 3)
    # At or above 1: 1 and 2 accepted, two spoofs as well.
    assert error_rates_at(SCORES, LABELS, 1.0, accept_equal=True) == ErrorRates(
        far=2 / 3, frr=1 / 3
    )
    # Taken over from other trials: 1.5 lies between all of them.
    assert error_rates_at(SCORES, LABELS, 1.5) == ErrorRates(far=0.0, frr=2 / 3)
    assert error_rates_at(SCORES, LABELS, -np.inf) == ErrorRates(far=1.0, frr=0.0)
    assert error_rates_at(SCORES, LABELS, np.inf) == ErrorRates(far=0.0, frr=1.0)
    assert ErrorRates(far=0.1, frr=0.4).hter == 0.25
    with pytest.raises(ValueError, match="expected a number as threshold, got NaN"):
        error_rates_at(SCORES, LABELS, np.nan)


def test_corners_by_hand():
    # 0s 1s 2s 3b 4s 5b 6b: the points inside ss and bb go.
    curve = corners(error_curve([0, 1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 0, 1, 1]))
    assert curve.frr.tolist() == [0, 0, 1 / 3, 1 / 3, 1]
    assert curve.far.tolist() == [1, 1 / 4, 1 / 4, 0, 0]
    assert curve.thresholds.tolist() == [-0.001, 2, 3, 4, 6]
    assert (curve.n_bonafide, curve.n_spoof) == (3, 4)


@settings(max_examples=100)
@given(trials())
def test_corners_draw_the_same_line(data):
    curve = error_curve(*data)
    short = corners(curve)
    points = list(zip(short.frr, short.far, strict=True))
    assert points[0] == (0, 1)
    assert points[-1] == (1, 0)
    whole = list(zip(curve.frr, curve.far, strict=True))
    assert set(points) <= set(whole)
    # Every point that was left out lies on a level or upright piece between two that stay.
    for frr, far in set(whole) - set(points):
        assert any(
            (a[0] == b[0] == frr and a[1] > far > b[1])
            or (a[1] == b[1] == far and a[0] < frr < b[0])
            for a, b in itertools.pairwise(points)
        )
    assert corners(short).frr.tolist() == short.frr.tolist()
    runs = 1 + np.count_nonzero(np.diff(curve.frr[1:] > curve.frr[:-1]))
    assert len(points) == runs + 1


def test_huge_and_tiny_scores_are_ranked_as_any_others():
    order = [-1e300, -1.0, -5e-324, 0.0, 5e-324, 1e-310, 1.0, 1e300]
    labels = [0, 0, 1, 0, 1, 0, 1, 1]
    ranks = list(range(8))
    assert equal_error_rate(order, labels).eer == equal_error_rate(ranks, labels).eer
    assert area_under_curve(order, labels) == area_under_curve(ranks, labels)
    assert eer_of(error_curve([0.0, -0.0], [1, 0])).eer == 1.0  # the two zeros are equal


@needs_golden
def test_area_of_the_real_scores_is_sklearns():
    scores, labels, _ = golden_scores("cm_eval_RawGAT-ST_add.txt")
    expected = roc_auc_score(labels, scores)
    assert area_under_curve(scores, labels) == pytest.approx(expected, abs=1e-12)
