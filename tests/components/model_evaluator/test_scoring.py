from components.model_evaluator import scoring


def row(number, speaker):
    key = "spoof" if number % 2 else "bonafide"
    system = "A01" if number % 2 else "-"
    return {
        "utterance_id": f"U{number}",
        "speaker_id": speaker,
        "system_id": system,
        "key": key,
        "scores": [number / 10],
    }


def test_a_corpus_without_speakers_has_intervals_by_utterance():
    trials, baseline = scoring.trials_of_rows([row(number, "-") for number in range(6)])
    assert trials.speakers is None
    assert baseline is None
    assert list(trials.utterances) == [f"U{number}" for number in range(6)]


def test_named_speakers_are_kept():
    trials, _ = scoring.trials_of_rows([row(number, f"S{number // 2}") for number in range(6)])
    assert list(trials.speakers) == ["S0", "S0", "S1", "S1", "S2", "S2"]
