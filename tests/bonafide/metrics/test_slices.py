import numpy as np
import pytest

from bonafide.metrics import detection, intervals, resampling
from bonafide.metrics.slices import (
    LEAST_TRIALS,
    MOST_VALUES,
    CrossResult,
    cross_attacks,
    crossed_to_json,
    slice_trials,
    to_json,
)
from bonafide.trials.trials import make_trials


def trials_of(count, *, speakers=10, seed=3):
    random = np.random.default_rng(seed)
    is_bonafide = np.arange(count) % 2 == 0
    return make_trials(
        utterances=[f"U{i}" for i in range(count)],
        scores=random.normal(size=count) + 2 * is_bonafide,
        is_bonafide=is_bonafide,
        attacks=["-" if real else "A01" for real in is_bonafide],
        speakers=[f"S{i % speakers}" for i in range(count)],
    )


def sliced(trials, threshold=1.0, resamples=20, **conditions):
    arrays = {name: np.array(values) for name, values in conditions.items()}
    return slice_trials(trials, arrays, threshold=threshold, resamples=resamples, seed=1)


def test_a_slice_is_evaluated_like_the_whole():
    trials = trials_of(200)
    codec = np.where(np.arange(200) < 120, "alaw", "opus")
    found = sliced(trials, codec=codec)["codec"]
    assert list(found) == ["alaw", "opus"]  # the largest first
    keep = codec == "opus"
    scores, labels = trials.scores[keep], trials.is_bonafide[keep]
    part = found["opus"]
    assert part.eer == detection.eer_of(detection.error_curve(scores, labels)).eer
    assert part.rates == detection.error_rates_at(scores, labels, 1.0)
    assert (part.n_bonafide, part.n_spoof) == (40, 40)
    low, high = part.ci95
    assert 0 <= low <= part.eer <= high <= 1
    assert low < high


def test_a_part_of_one_class_has_rates_and_no_eer():
    trials = trials_of(100)
    by_class = np.where(trials.is_bonafide, "studio", "phone")
    found = sliced(trials, transmission=by_class)["transmission"]
    assert found["studio"].eer is None
    assert found["studio"].rates.frr == pytest.approx(np.mean(trials.scores[::2] <= 1.0))
    assert np.isnan(found["studio"].rates.far)
    assert found["phone"].rates.far == pytest.approx(np.mean(trials.scores[1::2] > 1.0))


def test_too_few_trials_have_no_eer():
    trials = trials_of(200)
    few = 2 * (LEAST_TRIALS - 1)
    values = np.array(["rare"] * few + ["common"] * (200 - few))
    found = sliced(trials, language=values)["language"]
    assert found["rare"].eer is None
    assert found["common"].eer is not None


def test_a_part_of_one_speaker_has_no_interval():
    trials = trials_of(200, speakers=2)
    values = np.where(np.arange(200) < 100, "a", "b")
    assert sliced(trials, corpus=values)["corpus"]["a"].ci95 is None


def test_what_says_nothing_is_left_out():
    trials = trials_of(200)
    found = sliced(
        trials,
        codec=["same"] * 200,
        gender=[""] * 200,
        language=["en"] * 150 + [""] * 50,
        source=[f"place {i % (MOST_VALUES + 5)}" for i in range(200)],
    )
    assert list(found) == ["source"]
    assert len(found["source"]) == MOST_VALUES


def test_without_threshold_and_resamples():
    found = sliced(trials_of(200), threshold=None, resamples=0, codec=["a", "a", "b", "b"] * 50)
    assert found["codec"]["a"].rates is None
    assert found["codec"]["a"].ci95 is None
    assert found["codec"]["a"].eer is not None


def test_rates_of_a_slice_have_intervals_of_their_class():
    trials = trials_of(200)
    by_class = np.where(trials.is_bonafide, "studio", "phone")
    found = sliced(trials, resamples=50, transmission=by_class)["transmission"]
    studio, phone = found["studio"], found["phone"]
    assert studio.far_ci95 is phone.frr_ci95 is None
    bona = trials.part(trials.is_bonafide)
    wrong = bona.scores <= 1.0
    speaker = np.unique(bona.speakers, return_inverse=True)[1]
    draws = resampling.share_draws(wrong, speaker, resamples=50, seed=1)
    assert draws.std() > 0
    expected = intervals.interval(
        wrong.mean(), draws, "rate", [intervals.Sample.of(bona.scores, speaker)],
        without=[(wrong[speaker != each]).mean() for each in range(5)] and np.array(
            [(wrong[speaker != each]).mean() for each in range(5)]
        ),
    )  # fmt: skip
    assert studio.frr_ci95 == pytest.approx(expected)
    assert studio.frr_ci95[0] < studio.rates.frr < studio.frr_ci95[1]
    alone = trials_of(200, speakers=2)  # each class has one speaker
    found = sliced(alone, transmission=by_class)["transmission"]
    assert found["studio"].frr_ci95 is None
    json_of = to_json({"transmission": found})["transmission"]["studio"]
    assert json_of["far"] is None
    assert json_of["frr"] == found["studio"].rates.frr


def test_attacks_are_crossed_with_conditions_as_in_asvspoof_2021():
    trials = trials_of(400)
    attacks = np.where(trials.is_bonafide, "-", np.where(np.arange(400) % 4 == 1, "A1", "A2"))
    trials = make_trials(
        utterances=trials.utterances, scores=trials.scores, is_bonafide=trials.is_bonafide,
        attacks=attacks, speakers=trials.speakers,
    )  # fmt: skip
    codec = np.where(np.arange(400) < 280, "alaw", np.where(np.arange(400) < 390, "opus", "rare"))
    found = cross_attacks(trials, {"codec": codec, "one": np.full(400, "x")})
    assert list(found) == ["codec"]
    assert list(found["codec"]["A1"]) == ["alaw", "opus", "rare"]
    here = codec == "opus"
    bonafide = trials.scores[here & trials.is_bonafide]
    spoofs = trials.scores[here & (trials.attacks == "A1")]
    expected = detection.eer_of(detection.curve_of(bonafide, spoofs)).eer
    assert found["codec"]["A1"]["opus"] == CrossResult(spoofs.size, expected)
    assert found["codec"]["A2"]["rare"].eer is None
    assert crossed_to_json(found)["codec"]["A1"]["opus"] == {"eer": expected, "n_spoof": 28}
    assert cross_attacks(trials_of(200), {"codec": codec[:200]}) == {}  # one attack
