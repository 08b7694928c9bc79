import dataclasses
import json
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bonafide.metrics import calibration, costs, detection, intervals, resampling
from bonafide.metrics.costs import AsvErrorRates, DetectionCosts
from bonafide.metrics.detection import ErrorRates
from bonafide.metrics.evaluation import evaluate
from bonafide.metrics.evaluation_json import from_json, to_json
from bonafide.metrics.gate import GateConfig, Overlap, decide
from bonafide.metrics.results import FIGURES, HIGHER_IS_BETTER, Figure
from bonafide.trials.trials import TrialsError, make_trials

GOLDEN = pathlib.Path(__file__).resolve().parents[3] / ".." / "shared" / "golden"
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the real score files are not beside this checkout (shared/golden)"
)
ASV = AsvErrorRates(false_accept=0.1, miss=0.2, spoof_miss=0.3)


def make(scores, labels, speakers="each", attacks=None):
    if speakers == "each":
        speakers = [f"S{number % 4}" for number in range(len(scores))]
    return make_trials(
        utterances=[f"U{number}" for number in range(len(scores))],
        scores=scores,
        is_bonafide=labels,
        attacks=["A01"] * len(scores) if attacks is None else attacks,
        speakers=speakers,
    )


def simulated(seed=1, *, size=240, speakers=12, distance=2.0, known=True):
    """Trials of speakers with both classes, attack A02 harder than A01."""
    rng = np.random.default_rng(seed)
    labels = np.arange(size) % 3 == 0
    attacks = np.where(np.arange(size) % 3 == 1, "A01", "A02")
    scores = distance * labels + (attacks == "A02") * 0.5 * ~labels + rng.normal(0, 1, size)
    names = [f"S{number % speakers:02d}" for number in range(size)]
    return make(scores - 1, labels, names if known else None, attacks)


# A01: -2s 0s; A02: 1s; bona fide -1 2 3 4; the vector of the costs' tests.
TRIALS = make(
    [-1.0, 2.0, 3.0, 4.0, -2.0, 0.0, 1.0],
    [1, 1, 1, 1, 0, 0, 0],
    ["S0", "S1", "S0", "S1", "S0", "S1", "S0"],
    ["-", "-", "-", "-", "A01", "A01", "A02"],
)


def test_every_figure_by_hand():
    found = evaluate(TRIALS, asv=ASV, resamples=0)
    assert (found.n_bonafide, found.n_spoof, found.n_speakers) == (4, 3, 2)
    assert (found.n_bonafide_speakers, found.n_spoof_speakers) == (2, 2)
    assert set(found.figures) == set(FIGURES)
    values = {name: figure.value for name, figure in found.figures.items()}
    # -2s -1b 0s 1s 2b 3b 4b: least |1/4 - 1/3| after 0s.
    assert values["eer"] == pytest.approx(7 / 24, abs=1e-15)
    assert found.eer_threshold == 0.0
    # A01: -2s -1b 0s 2b 3b 4b: |1/4 - 1/2| after -1b is as much as |1/4 - 0| after 0s: the first.
    assert found.per_attack["A01"].eer == pytest.approx(3 / 8, abs=1e-15)
    # A02: -1b 1s 2b 3b 4b: |1/4 - 0| after 1s.
    assert found.per_attack["A02"].eer == pytest.approx(1 / 8, abs=1e-15)
    assert [found.per_attack[a].n_spoof for a in ("A01", "A02")] == [2, 1]
    assert found.worst_attack == "A01"
    assert values["worst_attack_eer"] == found.per_attack["A01"].eer
    assert values["macro_eer"] == pytest.approx(1 / 4, abs=1e-15)
    assert values["min_tdcf_legacy"] == pytest.approx(0.7429 / 1.4, abs=1e-14)
    assert values["min_tdcf_revised"] == pytest.approx(0.383325 / 0.5476, abs=1e-14)
    assert values["min_dcf"] == pytest.approx(0.475, abs=1e-15)
    assert values["act_dcf"] == pytest.approx(0.475 + 2 / 3, abs=1e-15)
    # Pairs: -1b above one spoof of three, the others above all: 10 / 12.
    assert values["auc"] == pytest.approx(10 / 12, abs=1e-15)
    # PAV pools -1b 0s 1s to p = 1/3, LLR ln(1/2 * 3/4): log2(1 + 8/3) / 4 and 2/3 log2(1 + 3/8).
    least = (np.log2(11 / 3) / 4 + 2 / 3 * np.log2(11 / 8)) / 2
    assert values["min_cllr"] == pytest.approx(least, abs=1e-15)
    assert values["cllr"] == calibration.cllr(TRIALS.scores, TRIALS.is_bonafide)
    # No spoof passes above 1, where -1b is lost. No bona fide is lost above -2: two spoofs pass.
    assert values["frr_at_far_1pct"] == values["frr_at_far_0_1pct"] == 1 / 4
    assert values["far_at_frr_1pct"] == values["far_at_frr_0_1pct"] == 2 / 3
    assert {"auc"} == HIGHER_IS_BETTER


def test_without_a_verifier_there_is_no_tandem_cost():
    found = evaluate(TRIALS, resamples=0)
    assert set(FIGURES) - set(found.figures) == {"min_tdcf_legacy", "min_tdcf_revised"}
    data = to_json(found)
    assert data["min_tdcf_legacy"] is None
    assert data["min_tdcf_revised_ci95"] is None
    with pytest.raises(ValueError, match="for this speaker verifier"):
        evaluate(TRIALS, asv=AsvErrorRates(0.0, 0.0, 1.0), resamples=0)


def test_thresholds_are_frozen_on_dev_and_applied_to_eval():
    # Of 100 spoofs and 100 bona fide trials: FAR 1 % lets one spoof in (above 98), FAR .1 % none
    # (above 99); FRR 1 % loses one bona fide trial (49.5) and with it the spoofs up to 50.
    dev = make([*range(100), *(np.arange(100) + 49.5)], [0] * 100 + [1] * 100, ["S0", "S1"] * 100)
    # Dev EER: spoofs above t: 99 - t; bona fide at or below t: t - 49 (49.5, 50.5, ...): t = 74
    # both 25.
    scores = [74.0, 74.25, 98.0, 98.5, 99.0, 99.5, 49.5, 49.75]
    labels = [1, 1, 0, 0, 1, 1, 0, 1]
    found = evaluate(make(scores, labels), dev=dev, resamples=0)
    points = {point.name: point for point in found.operating_points}
    assert list(points) == ["eer", "frr5", "frr1", "far5", "far1", "far0.1", "bayes"]
    # FRR 5 % loses 49.5 to 53.5 and with them the spoofs up to 54; FAR 5 % lets in 95 to 99.
    assert [points[name].threshold for name in points] == [
        74.0, 54.0, 50.0, 94.0, 98.0, 99.0, DetectionCosts().bayes_threshold,
    ]  # fmt: skip
    assert [points[name].chosen_on for name in points] == ["dev"] * 6 + ["costs"]
    # Accepted above: at 74 the bona fide 74 and 49.75 of five are lost, two spoofs of three pass.
    assert points["eer"].rates == ErrorRates(far=2 / 3, frr=2 / 5)
    # Above 98: only 98.5s of the spoofs; lost 74, 74.25, 49.75.
    assert points["far1"].rates == ErrorRates(far=1 / 3, frr=3 / 5)
    assert points["far0.1"].rates == ErrorRates(far=0.0, frr=4 / 5)
    # Above 50 only 49.75 of the bona fide is lost, and the spoof 49.5 is rejected.
    assert points["frr1"].rates == ErrorRates(far=2 / 3, frr=1 / 5)
    assert points["bayes"].rates == ErrorRates(far=1.0, frr=0.0)
    assert not any("development" in warning for warning in found.warnings)
    # The figures themselves are of the evaluated trials: dev changes none of them.
    alone = evaluate(make(scores, labels), resamples=0)
    assert alone.figures == found.figures
    assert {point.chosen_on for point in alone.operating_points} == {"eval", "costs"}
    assert any("Freeze them on a development set" in warning for warning in alone.warnings)


def test_limits_are_of_one_per_cent_and_of_one_per_mille():
    # Spoofs 0 .. 9999 and bona fide 5000 .. 14999, each half a step above: of 10,000 trials a limit
    # of 1 % lets 100 go and one of .1 % 10.
    scores = np.concatenate([np.arange(10_000), 5_000.5 + np.arange(10_000)])
    trials = make(scores, [0] * 10_000 + [1] * 10_000)
    found = evaluate(trials, resamples=0)
    points = {point.name: point.threshold for point in found.operating_points}
    # Above 9899 are 100 spoofs. Up to 5099.5 there are 100 bona fide trials, 5100 is a spoof.
    assert points["far1"] == 9_899
    assert points["far0.1"] == 9_989
    assert points["frr1"] == 5_100
    value = {name: figure.value for name, figure in found.figures.items()}
    # Bona fide trials up to 9898.5 and 9988.5; spoofs above 5100 and above 5010.
    assert value["frr_at_far_1pct"] == 0.4899
    assert value["frr_at_far_0_1pct"] == 0.4989
    assert value["far_at_frr_1pct"] == 0.4899
    assert value["far_at_frr_0_1pct"] == 0.4989


def test_the_bayes_point_accepts_what_lies_on_its_threshold():
    threshold = DetectionCosts().bayes_threshold
    found = evaluate(make([threshold, threshold, 3.0, -3.0], [1, 0, 1, 0]), resamples=0)
    bayes = found.operating_points[-1]
    assert bayes.rates == ErrorRates(far=0.5, frr=0.0)
    assert found.figures["act_dcf"].value == 0.5


def test_other_detection_costs_reach_every_place():
    trials, other = simulated(), DetectionCosts(spoof_prior=0.5, miss=1.0, false_accept=1.0)
    found = evaluate(trials, detection_costs=other, resamples=5)
    curve = detection.error_curve(trials.scores, trials.is_bonafide)
    assert found.figures["min_dcf"].value == costs.min_dcf(curve, other)
    assert found.figures["act_dcf"].value == costs.act_dcf(trials.scores, trials.is_bonafide, other)
    bayes = found.operating_points[-1]
    assert bayes.threshold == 0.0
    assert bayes.rates == detection.error_rates_at(
        trials.scores, trials.is_bonafide, 0.0, accept_equal=True
    )
    low, high = found.figures["min_dcf"].ci95
    assert low <= found.figures["min_dcf"].value <= high


def test_intervals_are_those_of_the_bootstrap():
    trials = simulated()
    found = evaluate(trials, asv=ASV, resamples=40, seed=3)
    points = {point.name: point.threshold for point in found.operating_points[:-1]}
    measures = resampling.Measures(
        costs=DetectionCosts(),
        tandem={
            "min_tdcf_legacy": costs.legacy_tdcf(ASV), "min_tdcf_revised": costs.revised_tdcf(ASV)
        },
        far_limits={"frr_at_far_1pct": 0.01, "frr_at_far_0_1pct": 0.001},
        frr_limits={"far_at_frr_1pct": 0.01, "far_at_frr_0_1pct": 0.001},
        thresholds=points,
    )  # fmt: skip
    bootstrap = resampling.ClusterBootstrap.of(trials, resamples=40, seed=3)
    draws, without = bootstrap.measure_and_leave_out(trials.scores, measures)
    samples = bootstrap.samples(trials.scores)
    scales = {"min_tdcf_legacy": "cost", "min_tdcf_revised": "cost", "min_dcf": "cost"}
    scales |= {"act_dcf": "cost", "cllr": "bits", "min_cllr": "cost"}
    for name, figure in found.figures.items():
        assert figure.ci95 == intervals.interval(
            figure.value, draws[name], scales.get(name, "rate"), samples, without=without[name],
            # Both errors in every trial: 1.9 + 1.
            most={"act_dcf": sum(DetectionCosts().weights), "cllr": np.inf}.get(name, 1.0),
        ), name  # fmt: skip
        assert figure.ci95[0] < figure.value < figure.ci95[1], name
    for name, attack in found.per_attack.items():
        of_attack = bootstrap.samples(trials.scores, name)
        assert attack.ci95 == intervals.interval(
            attack.eer, draws[f"attack/{name}"], "rate", of_attack,
            without=without[f"attack/{name}"],
        )  # fmt: skip
    for point in found.operating_points:
        # A rate of one class has the speakers of that class.
        assert point.far_ci95 == intervals.interval(
            point.rates.far, draws[f"far_at/{point.name}"], "rate", samples[1:],
            without=without[f"far_at/{point.name}"],
        )  # fmt: skip
        assert point.frr_ci95 == intervals.interval(
            point.rates.frr, draws[f"frr_at/{point.name}"], "rate", samples[:1],
            without=without[f"frr_at/{point.name}"],
        )  # fmt: skip
    assert dataclasses.astuple(found.bootstrap) == ("speaker", 12, 40, 3, "")
    assert found == evaluate(trials, asv=ASV, resamples=40, seed=3)
    assert found.figures != evaluate(trials, asv=ASV, resamples=40, seed=4).figures


def test_an_attack_of_one_voice_has_no_interval():
    trials = simulated()
    spoken = np.where((trials.attacks == "A02") & ~trials.is_bonafide, "S00", trials.speakers)
    found = evaluate(dataclasses.replace(trials, speakers=spoken), resamples=50)
    assert found.per_attack["A01"].ci95 is not None
    assert found.per_attack["A02"].ci95 is None
    # Two of three voices are enough: one of them is in 26 of 27 draws.
    voice = np.arange(len(trials)) // 3 % 3
    voice[(trials.attacks == "A02") & (voice == 2)] = 1
    found = evaluate(dataclasses.replace(trials, speakers=voice.astype(str)), resamples=300)
    assert found.per_attack["A02"].ci95 is not None
    # Without speakers every utterance is one of its own.
    found = evaluate(dataclasses.replace(trials, speakers=None), resamples=50)
    assert found.per_attack["A02"].ci95 is not None


def test_spoofs_of_unknown_attack_are_counted_without_the_bonafide():
    found = evaluate(
        make([2.0, 3.0, 0.0, 1.0], [1, 1, 0, 0], ["a", "b", "c", "c"], ["-", "-", "-", "-"]),
        resamples=20,
    )
    assert list(found.per_attack) == ["-"]
    assert found.per_attack["-"].n_spoof == 2
    assert found.per_attack["-"].eer == 0.0
    assert found.per_attack["-"].ci95 is None  # the spoofs are of one speaker


@pytest.mark.parametrize(
    ("speakers", "reason"),
    [
        (["a"] * 7, "all bona fide trials are of one speaker: an interval needs at least two"),
        (["a", "b", "a", "b", "c", "c", "c"], "all spoofed trials are of one speaker"),
    ],
)
def test_too_few_speakers_give_figures_without_intervals(speakers, reason):
    trials = dataclasses.replace(TRIALS, speakers=np.array(speakers))
    found = evaluate(trials, asv=ASV, baseline_scores=-TRIALS.scores)
    assert reason in found.bootstrap.missing
    assert found.bootstrap.resamples == 0
    assert all(figure.ci95 is None for figure in found.figures.values())
    assert all(figure.ci95 is None for figure in found.comparison.differences.values())
    assert all(attack.ci95 is None for attack in found.per_attack.values())
    assert all(point.far_ci95 is None for point in found.operating_points)
    assert found.comparison.p_value is None
    assert any(reason in warning for warning in found.warnings)
    assert from_json(json.loads(json.dumps(to_json(found), allow_nan=False))) == found


def test_intervals_for_attacks_never_seen_are_of_speakers_and_attacks():
    trials = simulated()
    found = evaluate(trials, resamples=60)
    named = {"worst_attack_eer", "macro_eer", "min_cllr"}
    assert {n for n, figure in found.figures.items() if figure.unseen_ci95 is None} == named
    for figure in (found.figures["eer"], found.figures["cllr"], found.figures["auc"]):
        low, high = figure.unseen_ci95
        assert low <= figure.ci95[0] <= figure.value <= figure.ci95[1] <= high
    bootstrap = resampling.ClusterBootstrap.of(trials, resamples=60, seed=1)
    measures = resampling.Measures(
        DetectionCosts(), {}, {}, {}, {point.name: point.threshold for point in
        found.operating_points[:-1]},
    )  # fmt: skip
    draws = bootstrap.measure_unseen(trials.scores, measures)
    samples = bootstrap.unseen_samples(trials.scores)
    eer = found.figures["eer"]
    wide = intervals.interval(eer.value, draws["eer"], "rate", samples)
    assert eer.unseen_ci95 == (min(wide[0], eer.ci95[0]), max(wide[1], eer.ci95[1]))
    point = found.operating_points[0]
    wide = intervals.interval(point.rates.far, draws["far_at/eer"], "rate", samples[1:])
    assert point.far_unseen_ci95 == (
        min(wide[0], point.far_ci95[0]), max(wide[1], point.far_ci95[1]),
    )  # fmt: skip
    # With one attack, nothing is known of others.
    alone = trials.part(trials.is_bonafide | (trials.attacks == "A01"))
    assert evaluate(alone, resamples=20).figures["eer"].unseen_ci95 is None
    assert from_json(json.loads(json.dumps(to_json(found), allow_nan=False))) == found


def test_a_reference_is_compared_by_its_eer():
    trials = simulated()
    theirs = trials.scores + np.random.default_rng(5).normal(0, 2, len(trials))
    found = evaluate(trials, baseline_scores=theirs, reference_scores=theirs, resamples=60)
    comparison, reference = found.comparison, found.reference
    assert reference.eer == comparison.figures["eer"]
    assert reference.difference == Figure(
        comparison.differences["eer"].value, comparison.differences["eer"].ci95
    )
    assert reference.power == comparison.power
    low, high = comparison.differences["eer"].ci95
    half = stats.t.ppf(0.975, reference.power.freedom) * reference.power.standard_error
    assert high - low == pytest.approx(2 * half)
    assert from_json(json.loads(json.dumps(to_json(found), allow_nan=False))) == found
    bare = evaluate(trials, reference_scores=theirs, resamples=0).reference
    assert (bare.eer.ci95, bare.difference.ci95, bare.power) == (None, None, None)
    with pytest.raises(TrialsError, match="decisions"):
        evaluate(trials, reference_scores=np.where(trials.is_bonafide, 1.0, 0.0), resamples=0)


def test_the_worst_attack_has_enough_spoofs():
    # A01 has 19 spoofs above all bona fide trials, A02 has 20 of which two are.
    scores = [*np.linspace(0, 1, 40), *[2.0] * 19, *[2.0] * 2, *np.linspace(-2, -1, 18)]
    labels = [1] * 40 + [0] * 39
    attacks = ["-"] * 40 + ["A01"] * 19 + ["A02"] * 20
    trials = make_trials(
        utterances=[f"U{place}" for place in range(79)], scores=scores, is_bonafide=labels,
        attacks=attacks, speakers=[f"S{place % 5}" for place in range(79)],
    )  # fmt: skip
    found = evaluate(trials, resamples=30)
    assert found.per_attack["A01"].eer == 1.0
    assert found.worst_attack == "A02"
    assert found.figures["worst_attack_eer"].value == found.per_attack["A02"].eer < 0.2
    assert found.figures["worst_attack_eer"].ci95[1] < 1
    # Where no attack has as many, all of them count.
    few = trials.part(np.arange(79) < 70)
    assert evaluate(few, resamples=0).worst_attack == "A01"


def test_an_older_evaluation_has_the_names_of_today():
    data = to_json(evaluate(simulated(), resamples=20))
    new = {"far1": "far_1pct", "far0.1": "far_0_1pct", "frr1": "frr_1pct"}
    for point in data["operating_points"]:
        point["name"] = new.get(point["name"], point["name"])
        del point["far_unseen_ci95"]
    del data["costs"]
    older = from_json(data)
    assert [point.name for point in older.operating_points] == [
        "eer", "frr5", "frr1", "far5", "far1", "far0.1", "bayes",
    ]  # fmt: skip
    assert older.costs == DetectionCosts()


def test_no_resamples_give_no_intervals():
    found = evaluate(simulated(), resamples=0)
    assert dataclasses.astuple(found.bootstrap) == (
        "speaker", 12, 0, 1, "the number of resamples is 0",
    )  # fmt: skip
    assert found.figures["eer"].ci95 is None
    found = evaluate(simulated(known=False), resamples=0)
    assert (found.bootstrap.unit, found.bootstrap.clusters) == ("utterance", 240)


def test_a_thousand_draws_with_seed_one_are_usual():
    found = evaluate(simulated(size=60))
    assert (found.bootstrap.resamples, found.bootstrap.seed) == (1000, 1)
    assert found == evaluate(simulated(size=60), resamples=1000, seed=1)


def without_unseen(figures):
    """Figures of another system: its attacks are not resampled."""
    return {name: Figure(figure.value, figure.ci95) for name, figure in figures.items()}


def test_a_comparison_is_ours_less_theirs():
    trials = simulated()
    theirs = trials.scores + np.random.default_rng(5).normal(0, 2, len(trials))
    found = evaluate(trials, asv=ASV, baseline_scores=theirs, resamples=60)
    other = evaluate(dataclasses.replace(trials, scores=theirs), asv=ASV, resamples=60)
    comparison = found.comparison
    assert comparison.figures == without_unseen(other.figures)
    assert comparison.per_attack == other.per_attack
    for name, difference in comparison.differences.items():
        expected = found.figures[name].value - other.figures[name].value
        assert difference.value == expected, name
        low, high = difference.ci95
        assert low <= high
    assert comparison.differences["eer"].value < 0 < comparison.differences["auc"].value
    assert comparison.differences["eer"].ci95[1] < 0
    assert comparison.p_value == pytest.approx(2 / 61)
    # The other way round the signs change and p stays.
    back = evaluate(
        dataclasses.replace(trials, scores=theirs), asv=ASV, baseline_scores=trials.scores,
        resamples=60,
    ).comparison  # fmt: skip
    low, high = comparison.differences["eer"].ci95
    assert back.differences["eer"].ci95 == pytest.approx((-high, -low), abs=1e-15)
    assert back.p_value == comparison.p_value


def test_the_interval_of_a_difference_is_paired():
    trials = simulated(size=480)
    near = trials.scores + np.random.default_rng(5).normal(0, 0.01, len(trials))
    comparison = evaluate(trials, baseline_scores=near, resamples=100).comparison
    ours, difference = comparison.figures["eer"].ci95, comparison.differences["eer"].ci95
    assert difference[1] - difference[0] < (ours[1] - ours[0]) / 3


def test_a_system_does_not_differ_from_itself():
    trials = simulated()
    found = evaluate(trials, asv=ASV, baseline_scores=trials.scores.copy(), resamples=40)
    assert set(found.comparison.differences) == set(FIGURES)
    for name, difference in found.comparison.differences.items():
        assert difference == Figure(0.0, (0.0, 0.0)), name
    assert found.comparison.p_value == 1.0
    assert found.comparison.figures == without_unseen(found.figures)
    assert found.comparison.power.detectable == 0.0


@pytest.mark.parametrize("kind", [list, np.float32])
def test_scores_of_a_baseline_may_be_a_list_or_single_precision(kind):
    trials = simulated()
    scores = np.float32(trials.scores)
    given = scores.tolist() if kind is list else scores
    found = evaluate(trials, baseline_scores=given, resamples=20)
    expected = evaluate(trials, baseline_scores=scores.astype(np.float64), resamples=20)
    assert found == expected


@pytest.mark.parametrize(
    ("scores", "error", "message"),
    [
        ([1.0, 0.0] * 120, TrialsError, "decisions, not scores"),
        ([0.5] * 240, TrialsError, "decisions, not scores"),
        ([np.nan, *range(239)], ValueError, "NaN or infinite"),
        ([*range(239), np.inf], ValueError, "NaN or infinite"),
        ([*range(239), 1e200], TrialsError, "has diverged"),
        ([*range(239)], ValueError, "shapes"),
    ],
)
def test_a_baseline_that_cannot_be_compared_is_refused(scores, error, message):
    with pytest.raises(error, match=message):
        evaluate(simulated(), baseline_scores=np.array(scores), resamples=5)


def test_json_has_every_figure_and_comes_back_the_same():
    trials = simulated()
    theirs = trials.scores + np.random.default_rng(5).normal(0, 0.5, len(trials))
    found = evaluate(
        trials, asv=ASV, dev=simulated(2), baseline_scores=theirs, resamples=30, seed=7
    )
    data = to_json(found)
    text = json.dumps(data, allow_nan=False, sort_keys=True)
    assert from_json(json.loads(text)) == found
    assert json.loads(text) == data
    required = {
        *("n_bonafide", "n_spoof", "eer", "eer_threshold", "eer_ci95", "auc", "min_tdcf_legacy"),
        *("min_tdcf_revised", "min_dcf", "act_dcf", "cllr", "min_cllr", "per_attack"),
        *("worst_attack", "delta_eer", "delta_eer_ci95", "p_value"),
    }
    assert required <= set(data)
    assert data["n_bonafide"] == 80
    assert data["n_spoof"] == 160
    assert (data["n_speakers"], data["n_bonafide_speakers"], data["n_spoof_speakers"]) == (12, 4, 8)
    assert data["eer"] == found.figures["eer"].value
    assert data["eer_ci95"] == list(found.figures["eer"].ci95)
    assert data["delta_eer"] == data["eer"] - data["baseline"]["eer"]
    assert data["delta_eer_ci95"] == list(found.comparison.differences["eer"].ci95)
    assert list(data["per_attack"]) == ["A01", "A02"]
    assert set(data["per_attack"]["A01"]) == {"eer", "eer_ci95", "n_spoof"}
    assert data["per_attack"]["A01"]["n_spoof"] == 80
    assert set(data["baseline"]["per_attack"]) == {"A01", "A02"}
    point = data["operating_points"][0]
    assert (point["name"], point["chosen_on"]) == ("eer", "dev")
    assert point["hter"] == pytest.approx((point["far"] + point["frr"]) / 2)
    assert data["bootstrap"] == {
        "unit": "speaker", "clusters": 12, "resamples": 30, "seed": 7, "missing": "",
    }  # fmt: skip


def test_without_a_baseline_json_has_no_comparison():
    data = to_json(evaluate(TRIALS, resamples=0))
    assert not {"delta_eer", "p_value", "baseline"} & set(data)
    assert data["eer_ci95"] is None
    assert from_json(data).comparison is None


def test_what_is_not_an_evaluation_is_refused():
    with pytest.raises(KeyError):
        from_json({"eer": 0.1})


@pytest.mark.parametrize("size", [1e100, 1e-300])
def test_scores_of_any_size_give_numbers_that_json_can_hold(size):
    scores = np.array([1.0, -1.0, 0.5, -0.5, 0.25, 0.75, -0.75, -0.25]) * size
    trials = make(scores, [1, 0, 1, 0, 0, 1, 0, 1])
    found = evaluate(trials, asv=ASV, dev=trials, baseline_scores=-scores, resamples=10)
    json.dumps(to_json(found), allow_nan=False)


def test_a_clean_evaluation_warns_of_nothing():
    assert evaluate(simulated(), dev=simulated(2), resamples=5).warnings == ()


def test_a_flipped_sign_is_named():
    trials = simulated()
    flipped = dataclasses.replace(trials, scores=-trials.scores)
    [warning] = evaluate(flipped, dev=simulated(2), resamples=5).warnings
    assert "the sign of the scores is probably flipped" in warning
    assert f"{1 - evaluate(trials, resamples=0).figures['eer'].value:.0%}"[:1] in warning
    # 51 of 100 on the wrong side.
    scores = [*range(51), *range(100, 149), *range(51, 100), *range(149, 200)]
    worse = evaluate(make(scores, [1] * 100 + [0] * 100), resamples=0)
    assert worse.figures["eer"].value == pytest.approx(0.51)
    assert any("The EER is 51.00 %, above 50 %" in text for text in worse.warnings)
    # An EER of exactly 50 % is not called flipped: b s s b, FRR = FAR = 1/2 after two trials.
    even = make([0.0, 1.0, 2.0, 3.0], [1, 0, 0, 1])
    assert evaluate(even, resamples=0).figures["eer"].value == 0.5
    assert not any("flipped" in text for text in evaluate(even, resamples=0).warnings)


def test_speakers_are_counted_by_class():
    # Two people, and forty voices that are only synthetic.
    speakers = ["a", "b", "a", "b", *(f"tts{voice}" for voice in range(40))]
    found = evaluate(make(np.arange(44.0)[::-1], [1] * 4 + [0] * 40, speakers), resamples=0)
    assert (found.n_speakers, found.n_bonafide_speakers, found.n_spoof_speakers) == (42, 2, 40)
    verdict = decide(found, GateConfig(min_bonafide=4), Overlap())
    assert {rule.name for rule in verdict.rules if not rule.passed} >= {"min_speakers"}
    # An older evaluation did not count them.
    data = to_json(found)
    del data["n_bonafide_speakers"], data["n_spoof_speakers"]
    assert from_json(data).n_bonafide_speakers is None


def test_unknown_speakers_are_named():
    found = evaluate(simulated(known=False), dev=simulated(2), resamples=5)
    assert found.n_speakers is found.n_bonafide_speakers is found.n_spoof_speakers is None
    [warning] = found.warnings
    assert "Speakers are unknown" in warning
    assert "too narrow" in warning


@pytest.mark.parametrize(("equal", "warned"), [(1, False), (10, False), (11, True), (50, True)])
def test_many_equal_scores_are_named(equal, warned):
    # Of 100 scores the first so many are equal (one alone is no tie).
    scores = np.arange(100.0)
    scores[:equal] = -1.0
    trials = make(scores, np.arange(100) % 2)
    warnings = evaluate(trials, dev=trials, resamples=0).warnings
    ties = [text for text in warnings if "Ties count against" in text]
    assert bool(ties) == warned
    if warned:
        assert ties[0].startswith(f"{equal}% of the scores are equal to another one")


def test_pairs_of_equal_scores_are_all_of_them():
    trials = make(np.arange(100) // 2, np.arange(100) % 2)
    warnings = evaluate(trials, dev=trials, resamples=0).warnings
    assert any(text.startswith("100% of the scores are equal") for text in warnings)


@settings(max_examples=40)
@given(st.integers(0, 2**16), st.sampled_from([0.1, 0.5, 2.0]), st.booleans())
def test_laws_of_an_evaluation(seed, grid, by_speaker):
    trials = simulated(seed, size=60, speakers=6, known=by_speaker)
    trials = dataclasses.replace(trials, scores=np.round(trials.scores / grid) * grid)
    found = evaluate(trials, asv=ASV, resamples=10)
    value = {name: figure.value for name, figure in found.figures.items()}
    assert value["min_dcf"] <= value["act_dcf"]
    assert value["min_cllr"] <= value["cllr"] + 1e-12
    assert all(0 <= value[name] <= 1 + 1e-12 for name in value if name not in {"act_dcf", "cllr"})
    assert value["worst_attack_eer"] == max(attack.eer for attack in found.per_attack.values())
    assert found.per_attack[found.worst_attack].eer == value["worst_attack_eer"]
    for point in found.operating_points:
        assert point.rates == detection.error_rates_at(
            trials.scores, trials.is_bonafide, point.threshold, accept_equal=point.name == "bayes"
        )
    rates = {point.name: point.rates for point in found.operating_points}
    # Chosen on these very trials, so the limits hold here.
    assert rates["far1"].far <= 0.01
    assert rates["far0.1"].far <= 0.001
    assert rates["frr1"].frr <= 0.01
    assert rates["far1"].frr == value["frr_at_far_1pct"]
    assert rates["frr1"].far == value["far_at_frr_1pct"]
    assert from_json(json.loads(json.dumps(to_json(found), allow_nan=False))) == found


@needs_golden
def test_the_real_evaluation():
    def rows(name):
        return [line.split() for line in (GOLDEN / name).read_text().splitlines()]

    speaker = {row[1]: row[0] for row in rows("ASVspoof2019.LA.cm.eval.trl.txt")}
    other = {row[0]: float(row[3]) for row in rows("cm_eval_AASIST-L.txt")}
    scored = rows("cm_eval_RawGAT-ST_add.txt")
    trials = make_trials(
        utterances=[row[0] for row in scored],
        scores=[float(row[3]) for row in scored],
        is_bonafide=[row[2] == "bonafide" for row in scored],
        attacks=[row[1] for row in scored],
        speakers=[speaker[row[0]] for row in scored],
    )
    asv = AsvErrorRates(0.024604674888, 0.024581005587, 0.239347547040)
    theirs = np.array([other[row[0]] for row in scored])
    found = evaluate(trials, asv=asv, baseline_scores=theirs, resamples=200)
    assert (found.n_bonafide, found.n_spoof, found.n_speakers) == (7_355, 63_882, 67)
    expected = {
        "eer": 0.01158596, "min_tdcf_legacy": 0.037372, "min_tdcf_revised": 0.097760,
        "min_dcf": 0.032281, "act_dcf": 0.046674, "cllr": 0.078080,
    }  # fmt: skip
    for name, value in expected.items():
        assert found.figures[name].value == pytest.approx(value, abs=5e-7), name
        low, high = found.figures[name].ci95
        assert low < value < high
    assert found.worst_attack == "A18"
    assert all(attack.n_spoof == 4_914 for attack in found.per_attack.values())
    assert found.comparison.figures["eer"].value == pytest.approx(0.00990923, abs=5e-9)
    # A difference of .17 points on 67 speakers is not sure at all.
    low, high = found.comparison.differences["eer"].ci95
    assert low < 0 < high
    assert found.comparison.p_value > 0.05
