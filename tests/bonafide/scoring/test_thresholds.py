import math

import pytest

from bonafide.metrics.costs import DetectionCosts
from bonafide.scoring import thresholds

OF_MODEL = {"eer": 0.5, "far1": 2.0}


def test_bayes_at_even_odds_is_exactly_0():
    found = thresholds.choose("bayes", {}, prior=0.5)
    assert (found.name, found.value, math.copysign(1, found.value)) == ("bayes", 0.0, 1.0)
    assert [found.decide(score) for score in (-1e-9, 0.0, 1e-9)] == [
        *("spoof", "bona fide", "bona fide")
    ]


@pytest.mark.parametrize(
    ("prior", "ratio", "expected"),
    [(0.9, 1.0, -math.log(9)), (0.01, 1.0, math.log(99)), (0.5, 10.0, math.log(10))],
)
def test_bayes(prior, ratio, expected):
    found = thresholds.choose("bayes", {}, prior=prior, cost_ratio=ratio)
    assert found.value == pytest.approx(expected)


def test_bayes_is_that_of_the_evaluation():
    found = thresholds.choose("bayes", {}, prior=0.95, cost_ratio=10)
    assert found.value == pytest.approx(DetectionCosts().bayes_threshold)


@pytest.mark.parametrize("name", ["eer", "far1"])
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


@pytest.mark.parametrize("text", ["EER", "", "nan", "inf", "0,5"])
def test_neither_a_name_nor_a_number(text):
    with pytest.raises(thresholds.ThresholdError, match="neither a number nor one of bayes"):
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
