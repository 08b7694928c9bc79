import dataclasses
import json
import math
import subprocess
import sys

import pytest

from bonafide.metrics.gate import GateConfig, Overlap, Rule, Verdict, decide
from bonafide.metrics.power import Power
from bonafide.metrics.results import (
    AttackResult,
    Bootstrap,
    Comparison,
    Evaluation,
    Figure,
    Reference,
)
from bonafide.metrics.treated import TreatedResult, TreatedTrials

# Numbers that a float holds exactly, so that "at the limit" is at the limit.
CONFIG = GateConfig(
    max_eer=0.125,
    max_regression=0.03125,
    max_relative_regression=0.5,
    max_worst_attack_eer=0.25,
    max_calibration_loss=0.5,
    min_bonafide=100,
    min_spoof=200,
    min_speakers=10,
    min_spoof_speakers=5,
)
NOTHING_SHARED = Overlap()
RULES = [
    "max_eer", "max_regression", "max_relative_regression", "max_worst_attack_eer",
    "max_calibration_loss", "min_bonafide", "min_spoof", "min_speakers", "min_spoof_speakers",
    "speaker_overlap", "allow_attack_overlap",
]  # fmt: skip


def evaluation(
    *,
    eer=0.0625,
    upper=0.125,
    worst=0.25,
    cllr=0.75,
    min_cllr=0.25,
    n_bonafide=100,
    n_spoof=200,
    n_speakers=10,
    n_spoof_speakers=5,
    champion=0.0625,
    delta_upper=0.03125,
    missing="",
    unit="speaker",
):
    """An evaluation that stands exactly at every limit of CONFIG."""
    comparison = None
    if champion is not None:
        delta = Figure(
            eer - champion, None if delta_upper is None else (delta_upper - 0.0625, delta_upper)
        )
        comparison = Comparison({"eer": Figure(champion, None)}, {"eer": delta}, 0.5, {})
    return Evaluation(
        n_bonafide=n_bonafide,
        n_spoof=n_spoof,
        n_speakers=15,
        n_bonafide_speakers=n_speakers,
        n_spoof_speakers=n_spoof_speakers,
        figures={
            "eer": Figure(eer, None if upper is None else (0.03125, upper)),
            "worst_attack_eer": Figure(worst, (0.125, 0.75)),
            "cllr": Figure(cllr, None),
            "min_cllr": Figure(min_cllr, None),
        },
        eer_threshold=0.0,
        per_attack={"A18": AttackResult(worst, None, 200)},
        worst_attack="A18",
        operating_points=(),
        bootstrap=Bootstrap(unit, 10, 1000, 1, missing),
        comparison=comparison,
    )


def failed(found, config=CONFIG, overlap=NOTHING_SHARED):
    verdict = decide(found, config, overlap)
    assert verdict.passed == (not verdict.failures)
    return [rule.name for rule in verdict.rules if not rule.passed]


def test_exactly_at_every_limit_passes():
    verdict = decide(evaluation(), CONFIG, Overlap())
    assert [rule.name for rule in verdict.rules] == RULES
    assert verdict.passed
    assert verdict.failures == ()
    by_name = {rule.name: rule for rule in verdict.rules}
    # The upper ends decide, not the points.
    assert by_name["max_eer"].value == 0.125
    assert by_name["max_regression"].value == 0.03125
    # The worst attack as measured, not its interval.
    assert by_name["max_worst_attack_eer"].value == 0.25
    assert by_name["max_calibration_loss"].value == 0.5
    assert [by_name[name].limit for name in RULES] == [
        0.125, 0.03125, 0.5, 0.25, 0.5, 100, 200, 10, 5, 0, 0,
    ]  # fmt: skip
    assert [by_name[name].at_most for name in RULES] == [True] * 5 + [False] * 4 + [True] * 2
    assert [by_name[name].unit for name in RULES] == [
        "rate", "points", "rate", "rate", "bits", *["count"] * 6,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"upper": math.nextafter(0.125, 1)}, "max_eer"),
        ({"delta_upper": math.nextafter(0.03125, 1), "champion": 0.125}, "max_regression"),
        ({"champion": 0.0624}, "max_relative_regression"),
        ({"worst": math.nextafter(0.25, 1)}, "max_worst_attack_eer"),
        ({"cllr": math.nextafter(0.75, 1)}, "max_calibration_loss"),
        ({"min_cllr": 0.2499}, "max_calibration_loss"),
        ({"n_bonafide": 99}, "min_bonafide"),
        ({"n_spoof": 199}, "min_spoof"),
        # Ten or more speakers in all do not help a class with fewer.
        ({"n_speakers": 9}, "min_speakers"),
        ({"n_spoof_speakers": 4}, "min_spoof_speakers"),
        # What is not known does not pass.
        ({"upper": None, "missing": "all trials are of one speaker"}, "max_eer"),
        ({"n_speakers": None}, "min_speakers"),
        ({"n_spoof_speakers": None}, "min_spoof_speakers"),
        ({"cllr": math.inf}, "max_calibration_loss"),
        ({"cllr": math.nan}, "max_calibration_loss"),
        ({"upper": math.nan}, "max_eer"),
    ],
)
def test_just_beyond_a_limit_fails_by_that_rule_alone(changes, rule):
    assert failed(evaluation(**changes)) == [rule]


def test_the_point_alone_does_not_decide():
    assert failed(evaluation(eer=0.124, upper=0.126, champion=0.124)) == ["max_eer"]
    assert failed(evaluation(eer=0.0, champion=1.0, delta_upper=0.04)) == ["max_regression"]


def test_without_an_interval_of_the_difference_both_rules_fail():
    names = ["max_regression", "max_relative_regression"]
    assert failed(evaluation(delta_upper=None)) == names
    assert failed(evaluation(delta_upper=math.nan)) == names


def test_without_a_champion_regression_is_not_asked():
    verdict = decide(evaluation(champion=None), CONFIG, Overlap())
    assert [rule.name for rule in verdict.rules] == [n for n in RULES if "regression" not in n]
    assert verdict.passed


def test_a_loss_is_compared_with_the_champions_own_eer():
    # 1 % to 2.5 % is within two points, and more than twice as much.
    config = dataclasses.replace(
        CONFIG, max_regression=0.02, max_relative_regression=1.0, max_worst_attack_eer=1.0
    )
    found = evaluation(eer=0.025, upper=0.04, champion=0.01, delta_upper=0.0175)
    assert failed(found, config) == ["max_relative_regression"]
    [rule] = [r for r in decide(found, config, Overlap()).rules if not r.passed]
    assert rule.value == pytest.approx(1.75)
    assert rule.sentence == (
        "The same as a share of the champion's EER: 175.00 %, expected at most 100.00 % (the "
        "champion has 1.00 %)"
    )
    # A champion without an error: as if it had one of the 100 bona fide trials.
    found = evaluation(champion=0.0, delta_upper=0.01)
    rule = decide(found, config, Overlap()).rules[2]
    assert (rule.value, rule.passed) == (1.0, True)
    assert rule.detail == "the champion has 0.00 %, counted as one error"


def test_power_is_said_beside_the_limit():
    found = evaluation()
    power = Power(standard_error=0.01, freedom=1e9)  # as a normal distribution
    found = dataclasses.replace(
        found, comparison=dataclasses.replace(found.comparison, power=power)
    )
    absolute, relative = decide(found, CONFIG, Overlap()).rules[1:3]
    # (1.960 + .842) points; equal models are refused where d / .01 > 3.125 - 1.960.
    assert absolute.detail.endswith(
        "; these trials show a difference of 2.80 points in 80 % of runs, and this limit refuses "
        "an equally good model in 12 %"
    )
    assert relative.limit == 0.5
    assert relative.detail.endswith("in 12 %")  # half of 6.25 % is the same limit
    wide = dataclasses.replace(CONFIG, max_regression=0.5)
    assert decide(found, wide, Overlap()).rules[1].detail.endswith("model in under 1 %")


@pytest.mark.parametrize(("upper", "passes"), [(0.03125, True), (0.0313, False), (None, False)])
def test_a_fixed_reference_has_a_limit_of_its_own(upper, passes):
    ends = None if upper is None else (0.0, upper)
    reference = Reference(Figure(0.05, None), Figure(0.0125, ends), Power(0.01, 9.0))
    config = dataclasses.replace(CONFIG, max_reference_regression=0.03125)
    verdict = decide(dataclasses.replace(evaluation(), reference=reference), config, Overlap())
    rule = next(rule for rule in verdict.rules if rule.name == "max_reference_regression")
    assert (rule.value, rule.passed) == (upper, passes)
    assert rule.detail.startswith(
        "its EER is 5.00 %, the difference is +1.25 percentage points; these trials show"
    )
    assert [rule.name for rule in verdict.rules][1:4] == [
        "max_regression", "max_relative_regression", "max_reference_regression",
    ]  # fmt: skip


def test_attacks_never_seen_have_a_limit_where_one_is_set():
    config = dataclasses.replace(CONFIG, max_unseen_attack_eer=0.25)
    for ends, passes in (((0.01, 0.25), True), ((0.01, 0.26), False), (None, False)):
        found = evaluation()
        figures = {**found.figures, "eer": Figure(0.0625, (0.03125, 0.125), ends)}
        verdict = decide(dataclasses.replace(found, figures=figures), config, Overlap())
        rule = verdict.rules[1]
        assert (rule.name, rule.passed) == ("max_unseen_attack_eer", passes)
        assert rule.detail == "1 attack in eval"
    assert "speakers and attacks" in rule.title


def test_attacks_that_were_left_out_are_counted():
    found = dataclasses.replace(
        evaluation(),
        per_attack={
            "A18": AttackResult(0.25, None, 200),
            "A19": AttackResult(0.5, None, 19),
        },
    )
    rule = decide(found, CONFIG, Overlap()).rules[3]
    assert rule.detail == "the worst attack is A18, 1 with fewer than 20 spoofs left out"


def test_a_speaker_that_training_has_heard_never_passes():
    overlap = Overlap(speakers=("S1",))
    assert failed(evaluation(), overlap=overlap) == ["speaker_overlap"]
    lenient = dataclasses.replace(CONFIG, allow_attack_overlap=True)
    assert failed(evaluation(), lenient, overlap) == ["speaker_overlap"]


def test_attacks_that_training_has_seen_pass_only_if_allowed():
    overlap = Overlap(attacks=("A01", "A02"))
    assert failed(evaluation(), overlap=overlap) == ["allow_attack_overlap"]
    lenient = dataclasses.replace(CONFIG, allow_attack_overlap=True)
    verdict = decide(evaluation(), lenient, overlap)
    assert verdict.passed
    assert [rule.name for rule in verdict.rules] == RULES[:-1]


def degraded(far=(0.1, 0.25), frr=(0.1, 0.375)):
    """Two conditions, the second with these values and upper ends."""

    def result(far, frr):
        ends = [(0.0, end) if end is not None else None for _, end in (far, frr)]
        rates = [Figure(value, end) for (value, _), end in zip((far, frr), ends, strict=True)]
        return TreatedResult(Figure(0.1, None), None, None, *rates)

    results = {
        "as_recorded": result((0.9, 1.0), (0.9, 1.0)),
        "lowpass:7000": result(*[(0.0, 0.1)] * 2),
    }
    return TreatedTrials(100, 200, {**results, "mp3:64k": result(far, frr)})


def test_conditions_are_asked_for_only_where_a_limit_is_set():
    verdict = decide(evaluation(), CONFIG, NOTHING_SHARED, degraded(far=(1.0, 1.0)))
    assert [rule.name for rule in verdict.rules] == RULES
    assert not CONFIG.needs_conditions
    config = dataclasses.replace(CONFIG, max_condition_far=0.25, max_condition_frr=0.375)
    assert config.needs_conditions
    verdict = decide(evaluation(), config, NOTHING_SHARED, degraded())
    names = [rule.name for rule in verdict.rules]
    assert names[3:6] == ["max_worst_attack_eer", "max_condition_far", "max_condition_frr"]
    assert verdict.passed  # exactly at the limits
    for changes, name in (
        ({"far": (0.1, 0.26)}, "max_condition_far"),
        ({"frr": (0.1, 0.376)}, "max_condition_frr"),
        ({"frr": (0.1, None)}, "max_condition_frr"),
    ):
        verdict = decide(evaluation(), config, NOTHING_SHARED, degraded(**changes))
        [failure] = [rule for rule in verdict.rules if not rule.passed]
        assert failure.name == name
        assert "MP3 at 64 kbit/s: 10.00 %" in failure.detail


def test_conditions_that_were_not_measured_do_not_pass():
    config = dataclasses.replace(CONFIG, max_condition_far=0.5)
    [failure] = decide(evaluation(), config, NOTHING_SHARED).failures
    assert "not known, expected at most" in failure
    assert "evaluation.conditions" in failure


def test_several_failures_are_all_named():
    found = evaluation(upper=0.5, worst=0.5, n_spoof=1)
    assert failed(found, overlap=Overlap(("S1",), ("A01",))) == [
        "max_eer", "max_worst_attack_eer", "min_spoof", "speaker_overlap", "allow_attack_overlap",
    ]  # fmt: skip


def test_sentences_for_people():
    found = evaluation(
        eer=0.05, upper=0.13, worst=0.4, cllr=1.0, min_cllr=0.25, champion=0.0625,
        delta_upper=0.04, n_bonafide=12, n_spoof=1234, n_speakers=3,
    )  # fmt: skip
    config = dataclasses.replace(CONFIG, min_spoof=5000)
    overlap = Overlap(tuple(f"S{number}" for number in range(7)), ("A01",))
    assert decide(found, config, overlap).failures == (
        "EER on eval, upper end of its 95 % interval by speakers: 13.00 %, expected at most 12.50 "
        "% (the EER is 5.00 %)",
        "EER difference from the champion, upper end of the paired 95 % interval: 4.00 points, "
        "expected at most 3.12 points (the champion has 6.25 %, the difference is -1.25 "
        "percentage points)",
        "EER of the worst attack: 40.00 %, expected at most 25.00 % (the worst attack is A18)",
        "Calibration loss (Cllr - min Cllr): 0.750 bits, expected at most 0.500 bits (Cllr is "
        "1.000, min Cllr 0.250 bits)",
        "Bona fide trials: 12, expected at least 100",
        "Spoofed trials: 1,234, expected at least 5,000",
        "Speakers with bona fide trials: 3, expected at least 10",
        "Eval speakers that are in training: 7, expected at most 0 (S0, S1, S2, S3, S4 and 2 more)",
        "Eval attacks that are in training: 1, expected at most 0 (A01)",
    )


def test_sentences_on_what_is_not_known():
    found = evaluation(upper=None, missing="all spoofed trials are of one speaker", n_speakers=None)
    first, second = decide(found, CONFIG, Overlap()).failures
    assert first == (
        "EER on eval, upper end of its 95 % interval by speakers: not known, expected at most "
        "12.50 % (all spoofed trials are of one speaker)"
    )
    assert second == "Speakers with bona fide trials: not known, expected at least 10"
    by_utterance = decide(evaluation(unit="utterance"), CONFIG, Overlap())
    assert by_utterance.rules[0].title.endswith("interval by utterances")


def test_five_names_are_shown_in_full():
    overlap = Overlap(speakers=tuple("abcde"))
    [sentence] = decide(evaluation(), CONFIG, overlap).failures
    assert sentence.endswith("(a, b, c, d, e)")
    [sentence] = decide(evaluation(), CONFIG, Overlap(speakers=tuple("abcdef"))).failures
    assert sentence.endswith("(a, b, c, d, e and 1 more)")


@pytest.mark.parametrize(
    "found", [evaluation(), evaluation(upper=None, n_speakers=None, champion=None)]
)
def test_a_verdict_comes_back_from_json(found):
    verdict = decide(found, CONFIG, Overlap(attacks=("A01",)))
    data = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert Verdict.from_json(data) == verdict
    assert data["passed"] is False
    assert Verdict.from_json(data).failures == verdict.failures
    assert data["rules"][0]["name"] == "max_eer"


def test_no_rules_are_no_pass():
    assert not Verdict(()).passed
    assert not Verdict.from_json({"passed": True, "rules": []}).passed
    rule = Rule("max_eer", "EER", 0.1, 0.2, "rate", True, True)
    assert Verdict((rule,)).passed
    assert not Verdict((rule, dataclasses.replace(rule, passed=False))).passed


def test_the_default_settings():
    config = GateConfig()
    assert not config.allow_attack_overlap
    assert (config.min_bonafide, config.min_spoof) == (20, 20)
    assert (config.min_speakers, config.min_spoof_speakers) == (4, 2)
    for name in ("max_eer", "max_regression", "max_worst_attack_eer"):
        assert 0 < getattr(config, name) <= 1


@pytest.mark.parametrize("name", ["max_eer", "max_regression", "max_worst_attack_eer"])
def test_rates_are_fractions(name):
    for good in (0, 0.0, 1.0, 0.05):
        assert getattr(GateConfig(**{name: good}), name) == good
    for wrong in (-0.01, 1.01, 5, math.nan, math.inf):
        with pytest.raises(ValueError, match=rf"a (finite )?fraction .*gate\.{name}.* 0\.05"):
            GateConfig(**{name: wrong})


def test_the_calibration_loss_is_a_number_of_bits():
    for good in (0, 1000.0):
        assert GateConfig(max_calibration_loss=good).max_calibration_loss == good
    for wrong in (-0.1, 1000.1, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"number of bits .*gate\.max_calibration_loss"):
            GateConfig(max_calibration_loss=wrong)


@pytest.mark.parametrize(
    "name", ["min_bonafide", "min_spoof", "min_speakers", "min_spoof_speakers"]
)
def test_counts_are_whole_numbers_from_one(name):
    for good in (1, 2**31 - 1):
        assert getattr(GateConfig(**{name: good}), name) == good
    for wrong in (0, -1, 1.5, 20.0, 2**31, "20", None):
        with pytest.raises(ValueError, match=rf"a whole number of \w+ from 1 .*gate\.{name}"):
            GateConfig(**{name: wrong})


def test_settings_are_read_without_waiting_for_imports():
    code = "import sys, bonafide.metrics.gate; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
