import numpy as np
import pytest

from bonafide.trials.trials import (
    LARGEST,
    NO_ATTACK,
    TrialsError,
    make_trials,
    refuse_decisions,
    refuse_unusable,
)


def trials(**changes):
    given = {
        "utterances": ["u1", "u2", "u3", "u4"],
        "scores": [2.0, -1.0, 0.5, 3.0],
        "is_bonafide": [True, False, False, True],
        "attacks": ["-", "A09", "A07", "-"],
        "speakers": ["s1", "s2", "s1", "s3"],
    }
    return make_trials(**given | changes)


def test_trials_are_kept_as_they_are():
    made = trials()
    assert made.utterances.tolist() == ["u1", "u2", "u3", "u4"]
    assert made.scores.tolist() == [2.0, -1.0, 0.5, 3.0]
    assert made.scores.dtype == np.float64
    assert made.is_bonafide.tolist() == [True, False, False, True]
    assert made.is_bonafide.dtype == np.bool_
    assert made.attacks.tolist() == ["-", "A09", "A07", "-"]
    assert made.speakers.tolist() == ["s1", "s2", "s1", "s3"]
    assert (len(made), made.n_bonafide, made.n_spoof) == (4, 2, 2)
    assert made.attack_ids == ["A07", "A09"]


def test_what_stands_beside_bonafide_is_not_an_attack():
    made = trials(attacks=["bonafide", "A09", "A07", ""])
    assert made.attacks.tolist() == [NO_ATTACK, "A09", "A07", NO_ATTACK]


def test_a_spoof_of_unknown_attack_is_an_attack_of_its_own():
    assert trials(attacks=["-", "-", "A07", "-"]).attack_ids == ["-", "A07"]


def test_speakers_may_be_unknown():
    assert trials(speakers=None).speakers is None


@pytest.mark.parametrize("labels", [[1, 0, 0, 1], [1.0, 0.0, 0.0, 1.0], np.array([1, 0, 0, 1])])
def test_labels_may_be_numbers(labels):
    assert trials(is_bonafide=labels).is_bonafide.tolist() == [True, False, False, True]


def test_single_precision_scores_become_double():
    made = trials(scores=np.array([2.0, -1.0, 0.1, 3.0], dtype=np.float32))
    assert made.scores.dtype == np.float64
    assert made.scores[2] == float(np.float32(0.1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": [2.0, np.nan, 0.5, 3.0]}, r"1 of 4 scores .* position 1 \(nan\)"),
        ({"scores": [2.0, 1.0, -np.inf, 3.0]}, r"position 2 \(-inf\)"),
        ({"scores": [2.0, 1.0, -2e100, 3.0]}, r"got a magnitude of 2e\+100"),
        ({"scores": [2.0, 1.0, 0.5]}, r"shapes \(3,\) and \(4,\)"),
        ({"is_bonafide": [True] * 4}, "no spoof trial among 4"),
        ({"is_bonafide": [False] * 4}, "no bona fide trial among 4"),
        # Twice "true" for Python, yet no label.
        ({"is_bonafide": [2, 0, 0, 1]}, "expected labels 1"),
        ({"is_bonafide": [np.nan, 0, 0, 1]}, "expected labels 1"),
        ({"is_bonafide": ["bonafide", "spoof", "spoof", "bonafide"]}, "expected labels 1"),
        ({"scores": [1.0, 0.0, 0.0, 1.0]}, r"got 2 \(0, 1\) in 4 trials"),
        ({"scores": [0.25] * 4}, r"got 1 \(0.25\) in 4 trials"),
        ({"utterances": ["u1"]}, "one utterance id per score, got 1 for 4 scores"),
        ({"attacks": ["A07"]}, "one attack id per score, got 1 for 4 scores"),
        ({"attacks": ["A07"] * 5}, "one attack id per score, got 5 for 4 scores"),
        ({"speakers": ["s1"] * 3}, "one speaker id per score, got 3 for 4 scores"),
    ],
)
def test_trials_that_cannot_be_evaluated_are_refused(changes, message):
    with pytest.raises(TrialsError, match=message):
        trials(**changes)


def test_no_trials_at_all_are_refused():
    with pytest.raises(TrialsError, match="no bona fide trial among 0"):
        make_trials(utterances=[], scores=[], is_bonafide=[], attacks=[], speakers=[])


def test_three_different_scores_are_enough():
    refuse_decisions(np.array([0.0, 1.0, 1.0, 2.0]))
    with pytest.raises(TrialsError, match="decisions, not scores"):
        refuse_decisions(np.array([0.0, -0.0, 1.0]))  # the two zeros are equal


def test_the_largest_score_is_allowed():
    refuse_unusable(np.array([-LARGEST, 0.0, LARGEST]))
    with pytest.raises(TrialsError, match="has diverged"):
        refuse_unusable(np.array([0.0, 1.0, -np.nextafter(LARGEST, np.inf)]))
    with pytest.raises(TrialsError, match="decisions"):
        refuse_unusable(np.array([0.0, 1.0]))
