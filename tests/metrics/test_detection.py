import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.detection import Eer, equal_error_rate, per_attack_eer

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / ".." / "shared" / "golden"
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
        ([1.0, 2.0], [1, 2], "position 1 has 2|position 1 has np.int64"),
        ([1.0, 2.0], [1, -1], "Labels must be 1"),
        ([1.0, 2.0], [1, np.nan], "Labels must be 1"),
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
    with pytest.raises(ValueError, match="1 system ids for 2 scores"):
        per_attack_eer([1.0, 0.0], [1, 0], ["A07"])
    with pytest.raises(ValueError, match="needs bona fide"):
        per_attack_eer([1.0], [0], ["A07"])
