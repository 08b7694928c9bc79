import dataclasses

import numpy as np
import pytest

from bonafide.metrics.costs import DetectionCosts
from bonafide.metrics.detection import ErrorRates
from bonafide.metrics.gate import Rule, Verdict
from bonafide.metrics.power import Power
from bonafide.metrics.results import FIGURES, Comparison, Figure, OperatingPoint, Reference
from bonafide.report import facts
from bonafide.report.contents import DataChecks, DataFinding
from bonafide.report.hardest import HARDEST, HardTrial, playable
from bonafide.report.measures import MEASURES, WHERE
from bonafide.scoring.thresholds import OF_DEV, choose


def test_every_figure_is_explained():
    assert set(MEASURES) == set(FIGURES)


@pytest.mark.parametrize(
    ("name", "ci95", "outcome"),
    [
        ("eer", (-0.01, -0.001), "better"),
        ("eer", (0.001, 0.01), "worse"),
        ("eer", (-0.001, 0.01), "undecided"),
        ("eer", (0.0, 0.01), "undecided"),  # 0 is inside
        ("eer", None, ""),
        ("auc", (0.001, 0.01), "better"),  # more is better
        ("auc", (-0.01, -0.001), "worse"),
    ],
)
def test_an_interval_decides_who_is_better(make_report, make_normal_trials, name, ci95, outcome):
    report = make_report(make_normal_trials(1), resamples=0)
    figures = report.evaluation.figures
    comparison = Comparison(
        figures=figures, differences={name: Figure(0.0, ci95)}, p_value=None, per_attack={}
    )
    evaluation = dataclasses.replace(report.evaluation, comparison=comparison)
    rows = {row.name: row for row in facts.figure_rows(evaluation)}
    assert rows[name].outcome == outcome


def test_t_dcf_without_asv_is_left_out(make_report, make_normal_trials):
    rows = facts.figure_rows(make_report(make_normal_trials(1), resamples=0).evaluation)
    expected = [name for name in FIGURES if not name.startswith("min_tdcf")]
    assert [row.name for row in rows] == expected
    assert all(row.theirs is None and row.outcome == "" for row in rows)


def rule(passed, value=0.03):
    return Rule("max_eer", "EER on eval", value, 0.02, "rate", True, passed)


@pytest.mark.parametrize(
    ("verdict", "forced", "state", "sentence"),
    [
        (
            None,
            "",
            "none",
            "No figure was compared with a limit. These are measurements, not an approval.",
        ),
        (None, "demo", "forced", "No gate was applied."),
        (Verdict((rule(True),)), "", "passed", "The model passed all 1 rule."),
        (Verdict((rule(True),)), "demo", "passed", "The model passed all 1 rule."),
        (
            Verdict((rule(True), rule(False))),
            "",
            "refused",
            "The model failed 1 of 2 rules: EER on eval.",
        ),
        (Verdict((rule(False),)), "demo", "forced", "The model failed 1 of 1 rule: EER on eval."),
        (
            Verdict(()),
            "",
            "refused",
            "The gate has no rules, so no figure was compared with a limit.",
        ),
    ],
)
def test_the_decision(contents, verdict, forced, state, sentence):
    report = dataclasses.replace(contents, verdict=verdict, forced_reason=forced)
    decision = facts.decision(report)
    assert (decision.state, decision.sentence) == (state, sentence)


@pytest.mark.parametrize(
    ("value", "limit", "unit", "at_most", "shown"),
    [
        (0.0158, 0.05, "rate", True, ("1.58\u00a0%", "at most 5.00\u00a0%")),
        (0.0053, 0.005, "points", True, ("0.53 points", "at most 0.50 points")),
        (0.023, 0.2, "bits", True, ("0.023 bits", "at most 0.200 bits")),
        (7355, 20, "count", False, ("7,355", "at least 20")),
        (None, 4, "count", False, ("not known", "at least 4")),
    ],
)
def test_rules_are_shown_in_their_unit(value, limit, unit, at_most, shown):
    found = Rule("name", "title", value, limit, unit, at_most, True)
    assert (facts.rule_value(found), facts.rule_limit(found)) == shown


def test_a_decision_names_whose_limits_they_are(contents):
    report = dataclasses.replace(
        contents, verdict=Verdict((rule(True),)), forced_reason="", limits_of="limits.yaml"
    )
    expected = "The model passed all 1 rule. The limits are those of limits.yaml."
    assert facts.decision(report).sentence == expected


def test_the_headline_has_what_is_caught_and_who_is_stopped(contents):
    found = OperatingPoint("eer", "dev", 0.5, ErrorRates(0.25, 0.0), (0.125, 0.5), (0.0, 0.0625))
    evaluation = dataclasses.replace(contents.evaluation, operating_points=(found,))
    caught, stopped = facts.headline(evaluation)
    assert (caught.value, caught.ci95) == (0.75, (0.5, 0.875))
    assert (stopped.value, stopped.ci95) == (0.0, (0.0, 0.0625))
    said = facts.headline_sentence(evaluation).replace("\u00a0", " ")
    assert said == (
        "At the threshold eer (0.500, fixed on dev), the detector detects 75.00 % (50.00 to 87.50 "
        "%) of the attacks and rejects 0 % (0 to 6.25 %) of the genuine callers."
    )
    none = dataclasses.replace(evaluation, operating_points=())
    assert (facts.headline(none), facts.headline_sentence(none)) == (None, "")


def point(far, frr):
    return OperatingPoint("eer", "dev", 0.0, ErrorRates(far=far, frr=frr), None, None)


def test_speakers_who_are_rejected_come_worst_first(contents, make_trials_of):
    # One trial of one says less than three of four: its interval begins lower.
    trials = make_trials_of([-1.0, -1, -1, 2, -1, 3, 3], [-2.0, -3, -4])
    speakers = np.array(["b", "b", "b", "b", "a", "c", "c", "x", "x", "x"])
    report = dataclasses.replace(
        contents, trials=dataclasses.replace(trials, speakers=speakers),
        evaluation=dataclasses.replace(contents.evaluation, operating_points=(point(0, 0),)),
    )  # fmt: skip
    first, second = facts.worst_speakers(report)
    assert (first.speaker, first.rejected, first.total, first.frr) == ("b", 3, 4, 0.75)
    assert (second.speaker, second.rejected, second.total) == ("a", 1, 1)
    assert (first.share, second.share) == (0.75, 0.25)
    assert first.ci95[0] > second.ci95[0]
    unknown = dataclasses.replace(report, trials=dataclasses.replace(trials, speakers=None))
    assert facts.worst_speakers(unknown) == ()


def test_a_call_centre_with_one_per_cent_attacks():
    calls = facts.call_centre(point(far=0.1, frr=0.01), 100)
    assert calls.accepted_attacks == pytest.approx(10)
    assert calls.rejected_callers == pytest.approx(99)
    assert calls.attack_share == pytest.approx(90 / 189)
    assert calls.accepted_ends is calls.rejected_ends is None


def test_the_call_centre_has_the_prior_of_the_costs(contents):
    assert facts.attack_calls(contents) == pytest.approx(500)  # ASVspoof 5's 5 %
    assert facts.attack_calls(dataclasses.replace(contents, attack_share=0.01)) == 100
    evaluation = dataclasses.replace(contents.evaluation, costs=DetectionCosts(spoof_prior=0.2))
    report = dataclasses.replace(contents, evaluation=evaluation)
    assert facts.attack_calls(report) == 2000
    said = facts.costs_summary(evaluation).replace("\u00a0", " ")
    assert "20 % of the calls are attacks" in said
    assert "a rejected caller costs 1 and an accepted attack 10." in said


def points_at(**thresholds):
    return tuple(
        OperatingPoint(name, "dev", value, ErrorRates(0.0, 0.0), None, None)
        for name, value in thresholds.items()
    )


def test_the_default_of_scoring_is_told_with_its_errors(contents, make_trials_of):
    trials = make_trials_of([-1.0, 0.5, 2.0, 3.0], [-2.0, -1.0, 0.0, 1.5, 5.0])
    report = dataclasses.replace(
        contents, trials=trials, evaluation=dataclasses.replace(
            contents.evaluation, operating_points=points_at(eer=0.2, frr5=-0.5, far5=1.0)
        ),
    )  # fmt: skip
    said = facts.default_sentence(report).replace("\u00a0", " ").replace("\u2212", "-")
    assert said == (
        "bonafide score decides by default with two thresholds: spoof at or below frr5 (-0.500), "
        "bona fide above far5 (1.000), not sure between. Of these trials it would call 40.00 % of "
        "the spoofs bona fide and be not sure of 20.00 %; it would call 25.00 % of the bona fide "
        "trials spoof and be not sure of 25.00 %."
    )
    one = dataclasses.replace(
        report, evaluation=dataclasses.replace(
            contents.evaluation, operating_points=points_at(eer=9.0, frr5=1.0, far5=-0.5)
        ),
    )  # fmt: skip
    assert "at one threshold, 1.000, because" in facts.default_sentence(one)
    chosen = choose("band", {"eer": 9.0, "frr5": 1.0, "far5": -0.5})
    assert (chosen.value, chosen.lower) == (1.0, None)  # as scoring does
    none = dataclasses.replace(contents.evaluation, operating_points=points_at(eer=0.0))
    assert facts.default_sentence(dataclasses.replace(contents, evaluation=none)) == ""


def test_thresholds_have_the_names_of_scoring(contents):
    names = [point.name for point in contents.evaluation.operating_points]
    assert set(OF_DEV) | {"bayes"} <= set(names) == set(WHERE)


def test_two_intervals_are_explained_in_one_sentence(contents):
    said = facts.unseen_sentence(contents.evaluation)
    assert "for other speakers and these 3 attacks;" in said
    assert "attacks never seen" in said
    eer = dataclasses.replace(contents.evaluation.figures["eer"], unseen_ci95=None)
    figures = {**contents.evaluation.figures, "eer": eer}
    assert facts.unseen_sentence(dataclasses.replace(contents.evaluation, figures=figures)) == ""


def test_power_and_reference_are_told(contents):
    comparison = dataclasses.replace(contents.evaluation.comparison, power=Power(0.01, 1e9))
    evaluation = dataclasses.replace(
        contents.evaluation, comparison=comparison,
        reference=Reference(Figure(0.05, None), Figure(-0.01, (-0.02, 0.0))),
    )  # fmt: skip
    report = dataclasses.replace(contents, evaluation=evaluation)
    assert "show a difference in EER of 2.80 percentage points in 80 %" in facts.power_summary(
        report
    )
    assert (
        facts.reference_summary(evaluation)
        .replace("\u00a0", " ")
        .startswith("The fixed reference has an EER of 5.00 % on these trials")
    )
    bare = dataclasses.replace(contents.evaluation, comparison=None, reference=None)
    assert facts.power_summary(dataclasses.replace(contents, evaluation=bare)) == ""
    assert facts.reference_summary(bare) == ""


def test_expected_calls_have_the_ends_of_their_rates():
    # No error among few trials is no promise for 9,900 callers.
    found = OperatingPoint("eer", "dev", 0.0, ErrorRates(0.1, 0.0), (0.05, 0.2), (0.0, 0.17))
    calls = facts.call_centre(found, 100)
    assert calls.accepted_ends == pytest.approx((5, 20))
    assert calls.rejected_ends == pytest.approx((0, 1683))


def test_no_alarms_have_no_share():
    assert facts.call_centre(point(far=1.0, frr=0.0), 100).attack_share is None


def test_the_hardest_trials_are_furthest_on_the_wrong_side(make_report, make_trials_of):
    # At the EER threshold, 1.0, one of four bona fide is at or below and one of four spoofs above.
    trials = make_trials_of([5.0, 4.0, 3.0, -2.0], [9.0, 1.0, -1.0, -3.0], speakers=0)
    found = facts.hardest(make_report(trials, resamples=0, audio=lambda name: f"{name}.wav"))
    assert found.threshold == 1.0
    assert (found.accepted_total, found.rejected_total) == (1, 1)
    [accepted], [rejected] = found.accepted, found.rejected
    assert accepted == HardTrial("U00004", "A01", None, 9.0, "U00004.wav")
    assert rejected == HardTrial("U00003", "-", None, -2.0, "U00003.wav")


def test_equal_scores_are_sorted_by_id_and_only_some_are_shown(make_report, make_trials_of):
    trials = make_trials_of([0.0, 1.0, 2.0], np.repeat(3.0, 40))
    found = facts.hardest(make_report(trials, resamples=0))
    names = [trial.utterance for trial in found.accepted]
    assert names == [f"U{place:05d}" for place in range(3, 3 + HARDEST)]
    assert found.accepted_total == 40


@pytest.mark.parametrize(
    "uri",
    [
        "audio/U1.wav",
        "/data/U1.flac",
        "file:///data/U%201.flac",
        "https://example.org/U1.wav",
        "HTTP://example.org/U1.wav",
        "audio/a?b=c:d",
        "./a:b.wav",
    ],
)
def test_audio_that_a_page_may_name(uri):
    assert playable(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\tscript:alert(1)",
        " javascript:alert(1)",
        "\x01javascript:alert(1)",
        "data:audio/wav;base64,AAAA",
        "gs://bucket/U1.wav",
        "C:\\audio\\U1.wav",
        "vbscript:x",
        "a.wav\n",
    ],
)
def test_audio_that_a_page_may_not_name(uri):
    assert playable(uri) is None


@pytest.mark.parametrize(
    ("value", "ci95", "said"),
    [
        (
            *(-0.02, (-0.03, -0.01)),
            "The EER is lower than that of champion, version 17: \u22122.00 percentage points "
            "(\u22123.00 to \u22121.00).",
        ),
        (
            *(0.02, (0.01, 0.03)),
            "The EER is higher than that of champion, version 17: +2.00 percentage points "
            "(+1.00 to +3.00).",
        ),
        (
            *(0.02, (-0.01, 0.03)),
            "These trials show no difference from champion, version 17: the EER differs by +2.00 "
            "percentage points, and the interval (\u22121.00 to +3.00) contains 0.",
        ),
        (
            *(0.02, None),
            "The EER differs from that of champion, version 17 by +2.00 percentage points; there "
            "is no interval.",
        ),
    ],
)
def test_the_comparison_in_words(contents, value, ci95, said):
    comparison = dataclasses.replace(
        contents.evaluation.comparison, differences={"eer": Figure(value, ci95)}
    )
    evaluation = dataclasses.replace(contents.evaluation, comparison=comparison)
    assert facts.comparison_summary(dataclasses.replace(contents, evaluation=evaluation)) == said


def with_differences(contents, *differences):
    """Returns contents whose treatments have these intervals of their differences."""
    names = list(contents.cue_removal.results)
    plain = contents.cue_removal.results[names[0]]
    results = {names[0]: plain}
    for name, ends in zip(names[1:], differences, strict=True):
        value = None if ends is None else sum(ends) / 2
        difference = Figure(value or 0.0, ends)
        results[name] = dataclasses.replace(plain, difference=difference)
    removal = dataclasses.replace(contents.cue_removal, results=results)
    return dataclasses.replace(contents, cue_removal=removal)


def test_the_summary_of_shortcuts_names_the_one_that_costs_most(contents):
    changed = with_differences(contents, (0.01, 0.03), (-0.1, 0.1), (0.02, 0.06))
    said = facts.cue_summary(changed)
    assert "300 processed trials (both)" in said
    assert "+4.00 percentage points" in said
    assert [row.outcome for row in facts.cue_rows(changed.cue_removal)] == [
        *("", "relies", "open", "relies")
    ]


def test_the_summary_does_not_call_chance_a_loss(contents):
    said = facts.cue_summary(with_differences(contents, (-0.1, 0.1), (-0.1, 0.0), None))
    assert said == (
        "On 300 trials, removing silence, level and DC does not increase the EER significantly."
    )
    said = facts.cue_summary(with_differences(contents, *[(-0.1, 0.0)] * 3))
    assert said == "Removing silence, level and DC does not increase the EER (300 trials)."
    assert facts.cue_summary(dataclasses.replace(contents, cue_removal=None)) == ""


@pytest.mark.parametrize(
    ("severities", "eer", "said"),
    [
        ([], None, "DataGate found no fault in the data."),
        (["error", "warning", "warning"], None, "DataGate reported 1 error and 2 warnings."),
        ([], 0.9, "classes of eval at an EER of 90.00 %; this detector reaches "),
        ([], 0.0001, "this detector is no better, and may have learnt nothing about speech."),
    ],
)
def test_the_summary_of_the_data(contents, severities, eer, said):
    findings = [DataFinding("rule", severity, "", "x", "y") for severity in severities]
    changed = dataclasses.replace(contents, data=DataChecks(findings, eer))
    assert said in facts.data_summary(changed).replace("\u00a0", " ")
