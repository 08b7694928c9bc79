import json

import numpy as np
import pytest

from bonafide.metrics import evaluation as whole
from bonafide.metrics import evaluation_json
from bonafide.scoring import own_test
from bonafide.scoring.thresholds import Threshold, choose
from bonafide.trials.trials import Trials

EVEN = Threshold("even", 0.0)
RNG = np.random.default_rng(3)
# Scores of 300 bona fide clips and 500 spoofs, some of them equal.
SCORES = np.round(np.concatenate([RNG.normal(1, 1, 300), RNG.normal(-1, 1.2, 500)]), 2)
IS_BONAFIDE = np.repeat([True, False], [300, 500])


@pytest.fixture(scope="module")
def evaluation():
    trials = Trials(
        utterances=np.array([f"u{i}" for i in range(800)]),
        scores=SCORES,
        is_bonafide=IS_BONAFIDE,
        attacks=np.where(IS_BONAFIDE, "-", "A01"),
        speakers=None,
    )
    found = whole.evaluate(trials, resamples=0)
    written = json.loads(json.dumps(evaluation_json.to_json(found)))
    assert evaluation_json.from_json(written) == found
    return written


@pytest.mark.parametrize("value", [-9.0, -1.5, -0.25, 0.0, 0.5, 1.25, 3.0, 9.0])
@pytest.mark.parametrize("accept_equal", [True, False])
def test_rates_at_any_threshold_are_those_of_the_trials(evaluation, value, accept_equal):
    threshold = Threshold("number", value, accept_equal)
    found = own_test.rates_at(threshold, evaluation)
    accepted = np.array([threshold.decide(score) == "bona fide" for score in SCORES])
    assert found.false_accept == pytest.approx(accepted[~IS_BONAFIDE].mean(), abs=0.005)
    assert found.false_reject == pytest.approx((~accepted)[IS_BONAFIDE].mean(), abs=0.005)
    assert (found.unsure_spoof, found.unsure_bonafide) == (0, 0)
    assert (found.n_spoof, found.n_bonafide) == (500, 300)


def test_rates_of_three_answers(evaluation):
    band = choose("band", {"far5": 1.0, "frr5": -0.5, "eer": 0.0})
    found = own_test.rates_at(band, evaluation)
    decided = np.array([band.decide(score) for score in SCORES])
    for share, is_bonafide, answer in (
        (found.false_accept, False, "bona fide"),
        (found.false_reject, True, "spoof"),
        (found.unsure_spoof, False, "not sure"),
        (found.unsure_bonafide, True, "not sure"),
    ):
        expected = np.mean(decided[is_bonafide == IS_BONAFIDE] == answer)
        assert share == pytest.approx(expected, abs=0.0075)


def test_an_older_evaluation_knows_its_own_operating_points_only(evaluation):
    older = {name: value for name, value in evaluation.items() if name != "score_quantiles"}
    [point] = [one for one in older["operating_points"] if one["name"] == "eer"]
    eer = Threshold("eer", point["threshold"], accept_equal=False)
    found = own_test.rates_at(eer, older)
    assert (found.false_accept, found.false_reject) == (point["far"], point["frr"])
    bayes = own_test.rates_at(choose("bayes", {}), older)
    assert bayes.false_accept == older["operating_points"][-1]["far"]
    assert own_test.rates_at(Threshold("eer", point["threshold"] + 1), older) is None
    assert own_test.rates_at(choose("bayes", {}, prior=0.2), older) is None
    assert own_test.rates_at(EVEN, older) is None
    for broken in ({}, {"n_spoof": 1}, {"n_spoof": 1, "n_bonafide": 1, "operating_points": [3]}):
        assert own_test.rates_at(eer, broken) is None


def rates(*shares):
    return own_test.Rates(*shares, n_spoof=1278, n_bonafide=164)


def test_what_is_said_of_errors():
    assert str(rates(0.594, 0.024, 0, 0)) == (
        "At this threshold this detector misses 59 % of the 1,278 synthetic clips of its own test "
        "(it calls them bona fide), and calls 2 % of the 164 real ones spoof."
    )
    text = str(rates(0.004, 1.0, 0.25, 0.5))
    assert "misses 0.40 % of" in text  # not "0 %" of what is not none
    assert "calls 100 % of the 164" in text
    assert text.endswith("it is not sure about 25 % of the synthetic and 50 % of the real ones.")


def test_every_decision_comes_with_what_the_detector_misses(evaluation):
    band = choose(None, {"far5": 1.0, "frr5": -0.5, "eer": 0.0})
    [line] = own_test.limits(band, evaluation, None)
    assert line.startswith("At this threshold this detector misses")
    unknown, no_band = own_test.limits(EVEN, {}, None)
    assert "(even: bona fide at or above 0) is not known" in unknown
    assert "There is no answer `not sure`" in no_band
    assert len(list(own_test.limits(EVEN, {}, "even"))) == 1


def test_in_plain_words(evaluation):
    text = own_test.in_plain_words(EVEN, evaluation)
    spoofs = round(100 * float(np.mean(SCORES[~IS_BONAFIDE] >= 0)))
    assert text.startswith("This detector makes mistakes. In its own test it took ")
    assert any(f"took {number} of 100 synthetic" in text for number in (spoofs, spoofs + 1))
    assert "not sure" not in text
    band = choose("band", {"far5": 1.0, "frr5": -0.5, "eer": 0.0})
    assert "it was not sure about" in own_test.in_plain_words(band, evaluation)
    unknown = own_test.in_plain_words(EVEN, {})
    assert unknown.startswith("How often this detector is wrong is not known")
    for said in (text, unknown):
        assert said.endswith("never decide on it alone.")


def test_facts(evaluation):
    found = own_test.facts(EVEN, evaluation)
    assert found["n_spoof"] == 500
    assert json.dumps(found)
    assert own_test.facts(EVEN, {}) is None


def test_a_version_without_an_evaluation_or_with_a_broken_one(tmp_path):
    assert own_test.read_evaluation(tmp_path) == {}
    (tmp_path / "assets.extra").mkdir()
    for content in ("words", "[1]"):
        (tmp_path / "assets.extra/evaluation.json").write_text(content)
        assert own_test.read_evaluation(tmp_path) == {}
