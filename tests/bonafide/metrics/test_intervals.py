import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bonafide.metrics.detection import error_rates_at
from bonafide.metrics.intervals import Sample, interval, of_trials, p_value, samples_of
from bonafide.metrics.resampling import ClusterBootstrap
from bonafide.trials.trials import make_trials

# 13 speakers of 12 trials each, whose scores have nothing in common.
PLAIN = Sample(trials=156, speakers=13, effective_speakers=13.0, correlation=0.0)
T12 = stats.t.ppf(0.975, 12)


def test_a_difference_by_hand():
    draws = np.array([-1.0, 1.0] * 50)  # deviation 1
    width = T12 * math.sqrt(13 / 12)
    found = interval(0.5, draws, "difference", [PLAIN], most=math.inf)
    assert found == pytest.approx((0.5 - width, 0.5 + width))
    # Rates differ by 1 at most.
    assert interval(0.5, draws, "difference", [PLAIN]) == (-1.0, 1.0)
    assert interval(0.0, np.zeros(9), "difference", [PLAIN]) == (0.0, 0.0)


def test_the_class_with_fewer_speakers_decides():
    few = dataclasses.replace(PLAIN, speakers=3, effective_speakers=2.5)
    width = stats.t.ppf(0.975, 1.5) * math.sqrt(3 / 2)
    draws = np.array([-1.0, 1.0] * 50)
    expected = pytest.approx((-width, width))
    assert interval(0.0, draws, "difference", [PLAIN, few], most=math.inf) == expected


def test_no_error_observed_is_no_certainty():
    # No error in n independent trials: 1 - (1 - .975)^(1 / n*), with n* = n (1.96 / t)^2.
    effective = 156 * (stats.norm.ppf(0.975) / T12) ** 2
    low, high = interval(0.0, np.zeros(1000), "rate", [PLAIN])
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / effective))
    assert 0.02 < high < 0.04
    assert interval(1.0, np.ones(1000), "rate", [PLAIN]) == pytest.approx((1 - high, 1.0))
    # Where the scores of a speaker are all alike, as many speakers as trials of one: 13.
    alike = dataclasses.replace(PLAIN, correlation=1.0)
    effective = 13 * (stats.norm.ppf(0.975) / T12) ** 2
    _, worse = interval(0.0, np.zeros(1000), "rate", [alike])
    assert worse == pytest.approx(1 - 0.025 ** (1 / effective))
    # A cost that may be 2.9 at most is a share of that.
    _, cost = interval(0.0, np.zeros(1000), "cost", [PLAIN], most=2.9)
    assert cost == pytest.approx(2.9 * high)


def test_a_rate_by_hand():
    draws = np.array([0.1, 0.3] * 500)
    moved = stats.norm.ppf((np.array([0.1, 0.2, 0.3]) * 156 + 0.5) / 157)
    width = T12 * (moved[2] - moved[0]) / 2 * math.sqrt(13 / 12)
    unbiased = 2 * moved[1] - (moved[0] + moved[2]) / 2
    low_t = min(moved[1], unbiased) - width
    high_t = max(moved[1], unbiased) + width
    effective = 0.2 * 0.8 / (0.01 * 13 / 12) * (stats.norm.ppf(0.975) / T12) ** 2
    hits = 0.2 * effective
    low = stats.beta.ppf(0.025, hits, effective - hits + 1)
    high = stats.beta.ppf(0.975, hits + 1, effective - hits)
    found = interval(0.2, draws, "rate", [PLAIN])
    assert found == pytest.approx(
        (min(low, stats.norm.cdf(low_t)), max(high, stats.norm.cdf(high_t)))
    )


def test_a_few_speakers_with_most_errors_make_the_upper_end_longer():
    draws = np.random.default_rng(1).normal(0.2, 0.02, 500)
    plain = interval(0.2, draws, "rate", [PLAIN])
    even = np.array([0.19, 0.21] * 6 + [0.2])
    # Without the speaker with most of the errors, the rate is much lower.
    skewed = np.array([0.205] * 12 + [0.14])
    of_even = interval(0.2, draws, "rate", [PLAIN], without=even)
    of_skewed = interval(0.2, draws, "rate", [PLAIN], without=skewed)
    assert of_skewed[1] > of_even[1] >= plain[1]
    # By hand: the jackknife's error is the larger one, and t grows by g (2 t^2 + 1) / 6.
    moved = stats.norm.ppf((np.append(skewed, 0.2) * 156 + 0.5) / 157)
    apart = moved[:13].mean() - moved[:13]
    squares = np.sum(apart**2)
    error = math.sqrt(12 / 13 * squares)
    skewness = np.sum(apart**3) / squares**1.5 * math.sqrt(13 * 12) / 11
    longer = skewness * (2 * T12**2 + 1) / 6
    of_draws = stats.norm.ppf((draws * 156 + 0.5) / 157)
    centre = max(moved[13], 2 * moved[13] - of_draws.mean())
    expected = stats.norm.cdf(centre + (T12 + longer) * error)
    assert of_skewed[1] == pytest.approx(expected)
    # An infinite or missing value, as without the only speaker of a class, is left out.
    gaps = np.append(skewed, [np.nan, np.inf])
    assert interval(0.2, draws, "rate", [PLAIN], without=gaps) == of_skewed
    # Two speakers have no skewness.
    two = dataclasses.replace(PLAIN, speakers=2, effective_speakers=2.0)
    assert interval(0.2, draws, "rate", [two], without=np.array([0.1, 0.3])) == interval(
        0.2, draws, "rate", [two]
    )


def test_a_cost_reaches_as_far_up_as_the_bias_of_its_minimum():
    random = np.random.default_rng(1)
    low_draws = 0.3 * np.exp(random.normal(-0.3, 0.1, 1000))  # resamples are 26 % lower
    for scale in ("cost", "bits"):
        low, high = interval(0.3, low_draws, scale, [PLAIN])
        plain = 0.3 * math.exp(T12 * 0.1 * math.sqrt(13 / 12))
        assert high > 1.2 * plain
        assert low < 0.3
    assert interval(0.9, np.full(100, 0.5), "cost", [PLAIN])[1] <= 1.0


@pytest.mark.parametrize("value", [5e-324, 1e-300, 1 - 1e-16])
def test_rates_next_to_0_and_1_have_ends(value):
    low, high = interval(value, np.full(20, value), "rate", [PLAIN])
    assert 0 <= low <= value <= high <= 1
    assert 0.01 < high - low < 0.05


def test_more_than_a_twentieth_unknown_gives_no_interval():
    draws = np.concatenate([np.linspace(0.1, 0.2, 95), np.full(5, np.nan)])
    assert interval(0.15, draws, "rate", [PLAIN]) is not None
    draws[0] = np.nan
    assert interval(0.15, draws, "rate", [PLAIN]) is None
    assert interval(0.15, np.array([]), "rate", [PLAIN]) is None
    assert interval(0.15, np.full(3, np.nan), "rate", [PLAIN]) is None


def test_one_speaker_gives_no_interval():
    alone = dataclasses.replace(PLAIN, speakers=1, effective_speakers=1.0)
    for scale in ("rate", "cost", "bits", "difference"):
        assert interval(0.1, np.full(9, 0.1), scale, [PLAIN, alone]) is None
    assert p_value(0.1, np.full(9, 0.1), [alone]) is None


@settings(max_examples=150)
@given(
    st.floats(0, 1), st.lists(st.floats(0, 1), min_size=2, max_size=20),
    st.sampled_from(["rate", "cost", "bits"]), st.integers(2, 60), st.floats(0, 1), st.floats(0, 1),
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
)  # fmt: skip
def test_an_interval_holds_its_figure_and_stays_in_range(
    value, draws, scale, speakers, even, correlation, without
):
    sample = Sample(200, speakers, 1 + even * (speakers - 1), correlation)
    without = np.array(without)
    low, high = interval(value, np.array(draws), scale, [sample], without=without)
    assert 0 <= low <= value <= high
    assert np.isfinite(high)
    assert high <= 1 or scale == "bits"
    # A wider level gives a wider interval.
    wider = interval(value, np.array(draws), scale, [sample], without=without, level=0.99)
    assert wider[0] <= low + 1e-12
    assert wider[1] >= high - 1e-12


@settings(max_examples=100)
@given(st.floats(-1, 1), st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_p_values_agree_with_intervals(value, draws):
    draws = np.array(draws)
    chance = p_value(value, draws, [PLAIN])
    assert 0 < chance <= 1
    assert chance == pytest.approx(p_value(-value, -draws, [PLAIN]))
    low, high = interval(value, draws, "difference", [PLAIN])
    if not low <= 0 <= high:
        assert chance <= max(0.05, 2 / (draws.size + 1)) + 1e-9
    elif low < 0 < high:
        assert chance > 0.05 - 1e-9


def test_the_share_of_a_speaker_has_the_interval_of_its_trials():
    # None of 14: 1 - .025^(1/14).
    assert of_trials(0, 14) == (0.0, pytest.approx(1 - 0.025 ** (1 / 14)))
    assert of_trials(14, 14) == (pytest.approx(0.025 ** (1 / 14)), 1.0)
    low, high = of_trials(9, 14)
    assert (low, high) == pytest.approx((0.351, 0.872), abs=1e-3)  # R: binom.test(9, 14)


def test_p_values_by_hand():
    draws = np.array([0.0, 2.0] * 500)
    statistic = 1.5 / math.sqrt(13 / 12)
    assert p_value(1.5, draws, [PLAIN]) == pytest.approx(2 * stats.t.sf(statistic, 12))
    assert p_value(0.0, draws, [PLAIN]) == 1.0
    assert p_value(0.1, np.full(99, 0.1), [PLAIN]) == pytest.approx(0.02)  # 2 / (99 + 1)
    assert p_value(0.1, np.array([np.nan] * 90 + [0.1] * 10), [PLAIN]) is None


def test_the_correlation_of_speakers_is_estimated():
    random = np.random.default_rng(2)
    speakers = np.repeat(np.arange(4000), 10)
    for effect in (0.0, 0.5, 1.0):
        scores = effect * random.normal(size=4000)[speakers] + random.normal(size=40_000)
        found = Sample.of(scores, speakers)
        # Ranks correlate nearly as much as normal scores do: 6 / pi asin(r / 2).
        true = effect**2 / (1 + effect**2)
        assert found.correlation == pytest.approx(6 / np.pi * np.arcsin(true / 2), abs=0.03)
        assert (found.trials, found.speakers, found.effective_speakers) == (40_000, 4000, 4000)
        # The unit does not matter, nor does the size.
        assert Sample.of(1e99 * scores, speakers) == found
    assert Sample.of(speakers * 1.0, speakers).correlation == pytest.approx(1.0)
    assert Sample.of(np.arange(5.0), np.arange(5)).independent_trials == 5  # one trial each
    assert Sample.of(np.zeros(10), np.arange(10) // 2).correlation == 0.0
    one, two = samples_of(np.arange(4.0), np.array([True, True, False, False]), np.arange(4))
    assert (one.trials, two.trials) == (2, 2)


def simulated(seed, speakers, effect=0.5):
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), 40)
    labels = np.arange(speaker.size) % 2 == 0
    scores = 2.0 * labels + random.normal(0, effect, (2, speakers))[labels.astype(int), speaker]
    return make_trials(
        utterances=[f"U{number}" for number in range(speaker.size)],
        scores=scores + random.normal(size=speaker.size),
        is_bonafide=labels,
        attacks=["A01"] * speaker.size,
        speakers=speaker.astype(str),
    )


@pytest.mark.parametrize("speakers", [5, 13])
def test_intervals_of_few_speakers_cover_the_truth(speakers):
    # The full measurement is benchmarks/coverage.py. A percentile interval covers 82 % here.
    deviation = math.sqrt(1 + 0.25)
    eer_truth = stats.norm.sf(1 / deviation)
    strict = 2.0 - 2.33 * deviation  # 1 % of bona fide trials are below
    covered = {"eer": 0, "frr": 0}
    for seed in range(60):
        trials = simulated(seed, speakers)
        bootstrap = ClusterBootstrap.of(trials, resamples=150, seed=seed)
        samples = bootstrap.samples(trials.scores)
        # At the threshold 1 both rates are the EER of the population.
        rates = error_rates_at(trials.scores, trials.is_bonafide, 1.0)
        far, _ = bootstrap.error_rates_at(trials.scores, 1.0)
        low, high = interval(rates.far, far, "rate", samples[1:])
        covered["eer"] += low <= eer_truth <= high
        rates = error_rates_at(trials.scores, trials.is_bonafide, strict)
        _, frr = bootstrap.error_rates_at(trials.scores, strict)
        low, high = interval(rates.frr, frr, "rate", samples[:1])
        covered["frr"] += low <= stats.norm.sf(2.33) <= high
    assert min(covered.values()) >= 0.9 * 60, covered
