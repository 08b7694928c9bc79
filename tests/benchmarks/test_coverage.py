import argparse
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from benchmarks import coverage
from bonafide.metrics import costs, detection

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / ".." / "shared" / "golden"


@pytest.mark.parametrize("layout", coverage.LAYOUTS)
def test_the_true_figures_are_those_of_very_many_speakers(layout):
    of = coverage.population(0.05)
    trials = coverage.simulate(of, layout, 3000, np.random.default_rng(1))
    found = coverage.figures_of(trials, of.thresholds)
    assert set(found) == set(of.truth)
    for name, value in of.truth.items():
        assert found[name] == pytest.approx(value, rel=0.12, abs=3e-4), name
    curve = detection.error_curve(trials.scores, trials.is_bonafide)
    assert found["min_dcf"] == costs.min_dcf(curve, coverage.COSTS)


def test_layouts_have_the_speakers_that_they_say():
    of, random = coverage.population(0.1), np.random.default_rng(2)
    for layout, counts in (("balanced", (6, 6)), ("unbalanced", (6, 6)), ("voices", (6, 12))):
        trials = coverage.simulate(of, layout, 6, random)
        for flags, count in zip((trials.is_bonafide, ~trials.is_bonafide), counts, strict=True):
            assert np.unique(trials.speakers[flags]).size == count


def test_bca_without_bias_and_skewness_is_the_percentile_interval():
    draws = np.linspace(-1, 1, 1001)
    found = coverage.bca(0.0, draws, np.array([-1.0, 0.0, 1.0]))
    assert found == pytest.approx(np.quantile(draws, [0.025, 0.975]))
    low, high = coverage.bca(0.2, draws, np.array([-1.0, 0.0, 1.0]))  # the draws are too low
    assert low > found[0]
    assert high > found[1]


def test_bootstrap_t_of_one_trial_a_speaker_is_that_of_a_mean():
    trials = coverage.simulate(coverage.population(0.3), "balanced", 200, np.random.default_rng(3))
    bootstrap = coverage.ClusterBootstrap.of(trials, resamples=2000, seed=1)
    keep = trials.is_bonafide
    wrong = trials.scores[keep] <= 0
    rate = float(wrong.mean())
    low, high = coverage.bootstrap_t(rate, wrong, bootstrap, keep)
    assert low < rate < high
    assert high - low == pytest.approx(
        2 * 1.96 * np.std(_shares(trials, wrong)) / math.sqrt(200), rel=0.1
    )
    assert coverage.bootstrap_t(0.0, np.zeros_like(wrong), bootstrap, keep) == (0.0, 0.0)


def _shares(trials, wrong):
    speakers = trials.speakers[trials.is_bonafide]
    return [wrong[speakers == name].mean() for name in np.unique(speakers)]


def test_a_small_run_reports_every_method(monkeypatch):
    monkeypatch.setattr(coverage, "RESAMPLES", 100)
    options = argparse.Namespace(
        speakers=[13], eers=[0.1], datasets=8, golden=None, real_datasets=1, attacks=[6]
    )
    report = json.loads(json.dumps(coverage.measure(options), allow_nan=False))
    figures = report["figures"]["by_speakers"]["13"]
    assert set(figures["eer"]) == {"ours", "percentile", "bca"}
    assert set(figures["far_at/eer"]) == set(coverage.METHODS)
    for name, methods in figures.items():
        assert methods["ours"]["width"] > methods["percentile"]["width"], name
        assert methods["ours"]["coverage"] >= methods["percentile"]["coverage"], name
    assert report["ratios"]["eer, 13 speakers"] >= 0.75 / 0.95
    assert not report["figures"]["real"]
    assert "aasist-l draws of real scores were skipped: no --golden" in coverage.shown(report)
    assert "13 eer" in coverage.shown(report)
    of_attacks = report["figures"]["attacks"]["6 attacks"]
    assert set(of_attacks) == {"eer", "min_dcf", "cllr", "far_at/eer"}
    for methods in of_attacks.values():
        assert methods["unseen"]["width"] > 1.5 * methods["same attacks"]["width"]
        assert methods["unseen"]["coverage"] >= methods["same attacks"]["coverage"]
    assert "6 attacks eer" in coverage.shown(report)


def test_the_truth_of_attacks_is_that_of_very_many(monkeypatch):
    monkeypatch.setattr(coverage, "ATTACK_SPEAKERS", 400)
    monkeypatch.setattr(coverage, "ATTACK_SPOOFS", 1)
    of = coverage.population(0.05, of_attack=coverage.OF_ATTACK)
    trials = coverage.simulate_attacks(of, 400, np.random.default_rng(4))
    found = coverage.figures_of(trials, of.thresholds)
    assert found["eer"] == pytest.approx(0.05, rel=0.12)
    assert found["far_at/eer"] == pytest.approx(0.05, rel=0.12)
    assert np.unique(trials.attacks[~trials.is_bonafide]).size == 400


@pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the real score files are not beside this checkout (shared/golden)"
)
def test_speakers_are_drawn_from_real_scores():
    source = coverage.Real.of(GOLDEN, coverage.SCORE_FILES["aasist-l"])
    assert source.truth["eer"] == pytest.approx(0.00990923, abs=1e-8)
    trials = source.draw(5, np.random.default_rng(1))
    assert np.unique(trials.speakers).size == 5  # one drawn twice counts as two
    assert trials.is_bonafide.any()
    assert stats.rankdata(trials.scores).size == len(trials)


def test_the_command_needs_a_place_for_its_figures():
    command = [sys.executable, "-m", "benchmarks.coverage"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--json" in done.stderr
