import dataclasses
import itertools
import json

import pytest
from scipy.special import ndtri

from bonafide.metrics.calibration import ReliabilityBin, reliability
from bonafide.report import charts, figures


def names_of(spec):
    return {part["data"]["name"] for part in (spec, *spec["layer"]) if "data" in part}


@pytest.mark.parametrize(
    "make", [figures.det, figures.scores, figures.attacks, figures.calibration, figures.training]
)
def test_a_chart_is_described_fits_its_container_and_has_its_data(contents, make):
    figure = make(contents)
    assert figure.finding.endswith(".")
    assert figure.description.endswith(".")
    assert figure.table.rows
    assert all(len(row) == len(figure.table.columns) for row in figure.table.rows)
    for spec in figure.specs:
        assert spec["width"] == "container"
        assert names_of(spec) == set(spec["datasets"])
        # Colours come from the style sheet, never from the chart.
        assert "#" not in json.dumps(spec)
        assert json.dumps(make(contents).specs) == json.dumps(figure.specs)


def test_operating_points_stand_on_the_axes_where_their_rates_are(contents):
    evaluation = contents.evaluation
    [spec] = figures.det(contents).specs
    rows = spec["datasets"]["points"]
    assert [row["point"] for row in rows] == [
        "eer", "frr5", "frr1", "far5", "far1", "far0.1", "bayes",
    ]  # fmt: skip
    for row, point in zip(rows, evaluation.operating_points, strict=True):
        assert (row["far"], row["frr"]) == (point.rates.far, point.rates.frr)
        assert row["threshold"] == point.threshold
    eer, bayes = rows[0], rows[-1]
    assert eer["x"] == pytest.approx(ndtri(max(eer["far"], 0.5 / evaluation.n_spoof)))
    assert bayes["y"] == pytest.approx(ndtri(max(bayes["frr"], 0.5 / evaluation.n_bonafide)))


def test_both_curves_hold_their_eer(contents):
    [spec] = figures.det(contents).specs
    rows = spec["datasets"]["curves"]
    evaluation = contents.evaluation
    for name, figure in (
        ("this detector", evaluation.figures["eer"]),
        ("champion, version 17", evaluation.comparison.figures["eer"]),
    ):
        curve = [row for row in rows if row["system"] == name]
        assert figure.value in [(row["far"] + row["frr"]) / 2 for row in curve]
        assert [row["order"] for row in curve] == list(range(len(curve)))


def test_without_scores_of_the_other_system_one_curve_is_drawn(make_report, make_normal_trials):
    [spec] = figures.det(make_report(make_normal_trials(1))).specs
    assert {row["system"] for row in spec["datasets"]["curves"]} == {"this detector"}


@pytest.mark.parametrize(
    ("eer", "trials", "ticks"),
    [
        (0.01, 100_000, [0.0001, 0.001, 0.01, 0.05, 0.2, 0.5]),
        (0.01, 100, [0.001, 0.01, 0.05, 0.2, 0.5]),
        (0.0, 3, [0.05, 0.2, 0.5]),
        (0.4, 100, [0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95]),
        (0.9, 100, [0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999, 0.9999]),
    ],
)
def test_axes_reach_from_half_a_trial_to_above_the_eer(eer, trials, ticks):
    assert charts.det_ticks(eer, trials) == ticks


def test_the_shares_of_a_histogram_are_of_the_class(contents):
    [spec] = figures.scores(contents).specs
    shares = spec["datasets"]["shares"]
    for name in ("bona fide", "spoof"):
        assert sum(row["share"] for row in shares if row["class"] == name) == pytest.approx(1)
    marks = [spec["datasets"][f"mark-{place}"][0] for place in range(4)]
    points = {point.name: point.threshold for point in contents.evaluation.operating_points}
    # The default band of scoring, too.
    assert {row["name"]: row["start"] for row in marks} == {
        name: points[name] for name in ("eer", "frr5", "far5", "bayes")
    }


def test_names_of_thresholds_stand_in_lines_of_their_own(contents):
    [spec] = figures.scores(contents).specs
    names = [layer for layer in spec["layer"] if layer["mark"]["type"] == "text"]
    heights = sorted(layer["encoding"]["y"]["value"] for layer in names)
    assert len(heights) == 4
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 12  # the height of the letters
    assert max(heights) < 0  # above the plot
    area = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "line")
    assert area["encoding"]["color"]["legend"]["orient"] == "bottom"  # not among the names


def test_a_threshold_out_of_range_is_said_to_be(make_report, make_trials_of):
    trials = make_trials_of([6e6, 7e6, 8e6], [5e6, 4e6, 6.5e6])
    figure = figures.scores(make_report(trials))
    assert "Outside the displayed range: bayes (\u22120.642)." in figure.finding
    assert "mark-3" not in figure.specs[0]["datasets"]


def test_attacks_are_drawn_worst_first_with_their_figures(contents):
    evaluation = contents.evaluation
    figure = figures.attacks(contents)
    rows = figure.specs[0]["datasets"]["attacks"]
    assert [row["eer"] for row in rows] == sorted((row["eer"] for row in rows), reverse=True)
    assert {row["attack"] for row in rows} == {"A07", "A08", "A09"}
    assert rows[0]["attack"] == evaluation.worst_attack
    for row in rows:
        result = evaluation.per_attack[row["attack"]]
        assert (row["eer"], row["spoofs"]) == (result.eer, result.n_spoof)
        assert (row["low"], row["high"]) == result.ci95
        assert row["other"] == evaluation.comparison.per_attack[row["attack"]].eer
    assert figure.specs[0]["datasets"]["pooled"][0]["eer"] == evaluation.figures["eer"].value
    assert figure.finding.startswith(f"The worst is {evaluation.worst_attack} with ")


def test_only_the_worst_of_many_attacks_are_drawn_and_all_are_in_the_table(
    make_report, make_normal_trials
):
    names = [f"A{place:03d}" for place in range(50)]
    figure = figures.attacks(make_report(make_normal_trials(6, spoof=500, attacks=names)))
    assert len(figure.specs[0]["datasets"]["attacks"]) == charts.MOST_ATTACKS
    assert len(figure.table.rows) == 50
    assert figure.finding.endswith("The chart shows the worst 40 of 50.")


def test_without_intervals_there_are_no_whiskers(make_report, make_normal_trials):
    report = make_report(make_normal_trials(1), resamples=0)
    [spec] = figures.attacks(report).specs
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["bar", "rule"]  # pooled EER
    assert figures.attacks(report).finding.startswith("All spoofs are of one attack, A01: ")


def test_reliability_is_drawn_as_computed(contents):
    expected = reliability(contents.trials.scores, contents.trials.is_bonafide)
    rows = figures.calibration(contents).specs[0]["datasets"]["bins"]
    assert [ReliabilityBin(**row) for row in rows] == expected


def test_the_training_curve(contents):
    figure = figures.training(contents)
    losses, eers = figure.specs
    assert [row["value"] for row in losses["datasets"]["epochs"]] == [
        *(0.7, 0.65, 0.4, 0.5, 0.3, 0.55)
    ]
    assert [row["value"] for row in eers["datasets"]["epochs"]] == [0.2, 0.0625, 0.125]
    assert figure.finding == (
        "The best of 3 epochs is number 2, with an EER of 6.25\u00a0% on the development set."
    )


def test_the_best_of_epochs_with_the_same_eer_has_the_lowest_loss(contents):
    history = [
        {"epoch": 1, "loss": 0.7, "dev_loss": 0.6, "dev_eer": 0.1},
        {"epoch": 2, "loss": 0.6, "dev_loss": 0.4, "dev_eer": 0.1},
        {"epoch": 3, "loss": 0.5, "dev_loss": 0.5, "dev_eer": 0.1},
    ]
    figure = figures.training(dataclasses.replace(contents, history=history))
    assert "number 2" in figure.finding


@pytest.mark.parametrize(
    "history", [(), [{"loss": 0.5}], [{"epoch": 1}], [{"epoch": 1, "loss": float("nan")}]]
)
def test_no_training_curve_without_figures(make_report, make_normal_trials, history):
    assert figures.training(make_report(make_normal_trials(1), history=history)) is None


def test_a_training_that_diverged_is_drawn_as_far_as_it_went(make_report, make_normal_trials):
    history = [
        {"epoch": 1, "loss": 0.5, "dev_eer": 0.25},
        {"epoch": 2, "loss": float("inf"), "dev_eer": None},
    ]
    figure = figures.training(make_report(make_normal_trials(1), history=history))
    assert [len(spec["datasets"]["epochs"]) for spec in figure.specs] == [1, 1]
    assert figure.table.rows == (("1", "0.5", "25.00\u00a0%"), ("2", "not known", "not known"))
