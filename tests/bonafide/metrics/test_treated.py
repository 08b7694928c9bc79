import dataclasses
import json

import numpy as np
import pytest

from bonafide.metrics import detection
from bonafide.metrics.evaluation import evaluate
from bonafide.metrics.treated import compare, from_json, to_json
from bonafide.trials.trials import TrialsError, make_trials


def trials_of(count=200, *, speakers=10, seed=3, cue=0.0):
    """Trials whose scores are `cue` times a cue of the class, plus what is in the speech."""
    random = np.random.default_rng(seed)
    is_bonafide = np.arange(count) % 2 == 0
    return make_trials(
        utterances=[f"U{i}" for i in range(count)],
        scores=random.normal(size=count) + (1 + cue) * is_bonafide,
        is_bonafide=is_bonafide,
        attacks=["A01"] * count,
        speakers=[f"S{i % speakers}" for i in range(count)],
    )


def compared(trials, treated, **options):
    return compare(trials, treated, **{"threshold": 0.5, "resamples": 100, "seed": 1} | options)


def test_a_detector_that_uses_a_cue_is_worse_without_it():
    trials = trials_of(cue=3.0)
    found = compared(trials, {"trimmed": trials_of().scores})
    before, after = found.results["as_recorded"], found.results["trimmed"]
    assert before.difference is None
    assert after.difference.value == pytest.approx(after.eer.value - before.eer.value)
    low, high = after.difference.ci95
    assert 0 < low < after.difference.value < high
    rates = detection.error_rates_at(trials_of().scores, trials.is_bonafide, 0.5)
    assert after.rates == rates


def test_far_and_frr_have_paired_intervals_of_their_own():
    trials, moved = trials_of(), trials_of().scores + 1.0  # a channel that lifts every score
    found = compared(trials, {"mp3:64k": moved})
    before, after = found.results["as_recorded"], found.results["mp3:64k"]
    assert after.eer == before.eer
    assert (after.far.value, after.frr.value) == (after.rates.far, after.rates.frr)
    low, high = after.far.ci95
    assert low <= after.far.value <= high
    assert after.far_difference.value == after.far.value - before.far.value
    assert after.far_difference.ci95[0] > 0 > after.frr_difference.ci95[1]
    assert before.far_difference is None
    # The same interval as the evaluation's own, from the same draws.
    whole = evaluate(trials, dev=trials_of(seed=9), resamples=100)
    [point] = [point for point in whole.operating_points if point.name == "eer"]
    again = compared(trials, {}, threshold=point.threshold).results["as_recorded"]
    assert (again.far.ci95, again.frr.ci95) == (point.far_ci95, point.frr_ci95)


def test_the_worst_condition_is_the_one_whose_interval_ends_highest():
    trials = trials_of()
    found = compared(trials, {"a": trials.scores + 1, "b": trials.scores + 2, "c": -trials.scores})
    assert found.worst("far") == ("b", found.results["b"].far.ci95[1])
    assert found.worst("frr")[0] == "c"
    assert compared(trials, {}).worst("far") == ("", None)
    assert compared(trials, {"a": trials.scores}, threshold=None).worst("far") == ("a", None)
    assert compared(trials, {"a": trials.scores}, resamples=0).worst("frr") == ("a", None)


def test_what_an_older_version_wrote_can_be_read():
    found = to_json(compared(trials_of(), {"trimmed": trials_of(seed=4).scores}))
    for result in found["results"].values():
        for name in ("far", "frr", "far_difference", "frr_difference"):
            del result[name]
    old = from_json(found).results["trimmed"]
    assert old.far is None
    assert old.rates is not None


def test_recordings_as_they_are_have_the_figures_of_the_evaluation():
    trials = trials_of()
    found = compared(trials, {"levelled": trials.scores * 2})
    assert found.results["as_recorded"].eer == evaluate(trials, resamples=100).figures["eer"]
    same = found.results["levelled"]
    assert (same.difference.value, same.difference.ci95) == (0.0, (0.0, 0.0))
    assert (found.n_bonafide, found.n_spoof) == (100, 100)


def test_without_enough_speakers_or_a_threshold_there_are_no_intervals_and_no_rates():
    trials = dataclasses.replace(trials_of(), speakers=np.full(200, "S1"))
    result = compared(trials, {"trimmed": trials.scores}, threshold=None).results["trimmed"]
    assert result.eer.ci95 is None
    assert result.difference.ci95 is None
    assert result.rates is None


@pytest.mark.parametrize("bad", [np.zeros(200), np.full(200, np.nan), np.zeros(7)])
def test_scores_that_cannot_be_evaluated_are_refused(bad):
    with pytest.raises((TrialsError, ValueError), match=r"scores|finite|200"):
        compared(trials_of(), {"trimmed": bad})


@pytest.mark.parametrize("speakers", [10, 1])
def test_json_holds_everything(speakers):
    found = compared(trials_of(speakers=speakers), {"trimmed": trials_of(seed=4).scores})
    assert from_json(json.loads(json.dumps(to_json(found)))) == found
    bare = compared(trials_of(), {}, threshold=None)
    assert from_json(json.loads(json.dumps(to_json(bare)))) == bare
