import math

import pytest

from bonafide.metrics.costs import DetectionCosts
from bonafide.scoring import thresholds

OF_MODEL = {"eer": 0.5, "far1": 2.0, "far5": 1.5, "frr5": -0.75}


def test_even_is_0_and_bayes_at_even_odds_is_exactly_that():
    for found in (
        thresholds.choose("even", {}),
        thresholds.choose("even", {}, prior=0.1, cost_ratio=9),
        thresholds.choose("bayes", {}, prior=0.5),
        thresholds.choose("bayes", {}, cost_ratio=1.0),
    ):
        assert (found.value, math.copysign(1, found.value)) == (0.0, 1.0)
        assert [found.decide(score) for score in (-1e-9, 0.0, 1e-9)] == [
            *("spoof", "bona fide", "bona fide")
        ]


def test_what_decides_when_nothing_is_said():
    assert thresholds.choose(None, OF_MODEL).name == "band"
    assert thresholds.choose(None, {"eer": 0.5, "far1": 2.0}).name == "even"
    assert thresholds.choose(None, OF_MODEL, prior=0.1) == thresholds.choose("bayes", {}, prior=0.1)
    assert thresholds.choose(None, OF_MODEL, cost_ratio=5) == thresholds.Threshold(
        "bayes", pytest.approx(math.log(5))
    )


def test_a_band_gives_three_answers():
    found = thresholds.choose("band", OF_MODEL)
    assert (found.lower, found.value, found.spoof_below) == (-0.75, 1.5, -0.75)
    assert [found.decide(score) for score in (-0.75, -0.7, 1.5, 1.6)] == [
        *("spoof", "not sure", "not sure", "bona fide")
    ]
    assert str(found) == ("band: bona fide above 1.5, spoof at or below -0.75, not sure between")
    assert thresholds.facts(found) == {"name": "band", "value": 1.5, "lower": -0.75}


@pytest.mark.parametrize(("eer", "expected"), [(0.5, 0.5), (9.0, 1.0), (-9.0, -0.5)])
def test_a_band_of_a_good_model_is_one_threshold(eer, expected):
    found = thresholds.choose("band", {"eer": eer, "far5": -0.5, "frr5": 1.0})
    assert (found.lower, found.value, found.spoof_below) == (None, expected, expected)
    assert thresholds.facts(found) == {"name": "band", "value": expected}


@pytest.mark.parametrize(
    ("prior", "ratio", "expected"),
    [(0.9, 1.0, -math.log(9)), (0.01, 1.0, math.log(99)), (0.5, 10.0, math.log(10))],
)
def test_bayes(prior, ratio, expected):
    found = thresholds.choose("bayes", {}, prior=prior, cost_ratio=ratio)
    assert found.value == pytest.approx(expected)


def test_bayes_is_that_of_the_evaluation():
    for costs in ({"prior": 0.95, "cost_ratio": 10}, {}):
        found = thresholds.choose("bayes", {}, **costs)
        assert found.value == pytest.approx(DetectionCosts().bayes_threshold)


@pytest.mark.parametrize("name", ["eer", "far1", "far5", "frr5"])
def test_a_score_on_a_threshold_of_dev_is_a_spoof_as_on_dev(name):
    found = thresholds.choose(name, OF_MODEL, prior=0.1)
    assert found.value == OF_MODEL[name]
    assert found.decide(found.value) == "spoof"
    assert found.decide(math.nextafter(found.value, math.inf)) == "bona fide"


def test_a_number():
    found = thresholds.choose(thresholds.parse("-1.5"), {}, prior=0.1)
    assert found == thresholds.Threshold("number", -1.5)
    assert str(found) == "bona fide at or above -1.5"


def test_an_older_model_has_no_thresholds():
    with pytest.raises(thresholds.ThresholdError, match=r"no threshold 'far1'.*push it again"):
        thresholds.choose("far1", {}, prior=0.5)
    with pytest.raises(thresholds.ThresholdError, match=r"no threshold 'frr5'.*push it again"):
        thresholds.choose("band", {"eer": 0.5, "far1": 2.0})


@pytest.mark.parametrize("text", ["EER", "", "nan", "inf", "0,5"])
def test_neither_a_name_nor_a_number(text):
    with pytest.raises(
        thresholds.ThresholdError, match="expected a number or one of band, even, bayes, eer"
    ):
        thresholds.parse(text)


@pytest.mark.parametrize(
    ("score", "prior", "expected"),
    [(0.0, 0.5, 0.5), (math.log(3), 0.5, 0.75), (0.0, 0.01, 0.01), (800, 0.5, 1), (-800, 0.5, 0)],
)
def test_posterior(score, prior, expected):
    assert thresholds.posterior(score, prior) == pytest.approx(expected)


def test_a_posterior_of_a_half_is_the_bayes_threshold():
    found = thresholds.choose("bayes", {}, prior=0.2)
    assert thresholds.posterior(found.value, 0.2) == pytest.approx(0.5)
