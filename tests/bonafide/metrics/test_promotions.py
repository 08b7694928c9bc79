import dataclasses
import json

import numpy as np
import pytest

from bonafide.metrics.evaluation import evaluate
from bonafide.metrics.evaluation_json import from_json, to_json
from bonafide.metrics.gate import GateConfig, Overlap, decide
from bonafide.metrics.promotions import accumulated_loss, against_best_version
from bonafide.metrics.results import Comparison, Figure
from bonafide.trials.trials import make_trials


def evaluated(eer, champion):
    """An evaluation with these EERs, and an interval of half a point around the difference."""
    random = np.random.default_rng(1)
    labels = np.arange(80) % 2
    trials = make_trials(
        utterances=[f"U{place}" for place in range(80)], scores=random.normal(size=80) + labels,
        is_bonafide=labels, attacks=["A01"] * 80, speakers=[f"S{place % 8}" for place in range(80)],
    )  # fmt: skip
    found = evaluate(trials, baseline_scores=trials.scores, resamples=20)
    difference = Figure(eer - champion, (eer - champion - 0.005, eer - champion + 0.005))
    comparison = found.comparison
    return dataclasses.replace(
        found, figures={**found.figures, "eer": Figure(eer, (eer - 0.01, eer + 0.01))},
        comparison=Comparison(
            {**comparison.figures, "eer": Figure(champion, None)},
            {**comparison.differences, "eer": difference}, 0.5, {},
        ),
    )  # fmt: skip


def verdict_of(found):
    config = GateConfig(
        max_regression=0.02, max_relative_regression=10, max_reference_regression=0.02,
        max_calibration_loss=10,
    )  # fmt: skip
    return {rule.name: rule for rule in decide(found, config, Overlap()).rules}


def test_small_losses_add_up_until_they_are_refused():
    pushed, eer = None, 0.05
    outcomes = []
    for loss in (0.01, 0.004, 0.004, 0.004):
        found = against_best_version(evaluated(eer + loss, eer), pushed)
        rules = verdict_of(found)
        assert rules["max_regression"].passed
        outcomes.append(rules["max_reference_regression"].passed)
        pushed = json.loads(json.dumps(to_json(found), allow_nan=False))
        assert from_json(pushed) == found
        eer += loss
    # 1.0 and 1.4 points, each with half a point above, are within 2; 1.8 and 2.2 are not.
    assert outcomes == [True, True, False, False]
    reference = found.reference
    assert reference.difference.value == pytest.approx(0.022)
    assert reference.difference.ci95 == pytest.approx((0.017, 0.027))
    assert reference.eer.value == pytest.approx(0.05)
    assert "the best version so far" in rules["max_reference_regression"].title


def test_a_gain_counts_only_as_far_as_it_makes_up_for_a_loss():
    assert accumulated_loss({"reference": {"delta_eer": -0.03}, "delta_eer": -0.04}) == 0.0
    assert accumulated_loss({"reference": {"delta_eer": 0.01}, "delta_eer": -0.04}) == 0.01
    worse = against_best_version(evaluated(0.06, 0.05), {"reference": {"delta_eer": -0.03}})
    assert worse.reference.difference.value == pytest.approx(0.01)


@pytest.mark.parametrize("evaluation", [{}, {"delta_eer": None}, {"reference": None, "eer": 0.1}])
def test_the_first_version_has_lost_nothing(evaluation):
    assert accumulated_loss(evaluation) == 0.0


def test_an_evaluation_of_an_older_version_counts_its_own_difference():
    assert accumulated_loss({"delta_eer": 0.0125}) == 0.0125


def test_without_a_champion_there_is_no_reference():
    found = dataclasses.replace(evaluated(0.05, 0.05), comparison=None)
    assert against_best_version(found, {"delta_eer": 0.5}) is found
