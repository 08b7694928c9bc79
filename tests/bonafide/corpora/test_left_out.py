"""Rows that a setting leaves out."""

import pytest

from bonafide.corpora import CorpusError
from bonafide.corpora.base import Corpus, Utterance
from bonafide.corpora.left_out import Condition, leave_out

ROWS = (
    # id, speaker, system, split, source
    ("b1", "s1", "-", "train", "page"),
    ("b2", "s2", "-", "eval", "page"),
    ("a1", "s1", "A", "train", "page"),
    ("a2", "s2", "A", "dev", "page"),
    ("a3", "s3", "A", "eval", "page"),
    ("a4", "s3", "A", "train", "other"),
)


def corpus():
    rows = tuple(
        Utterance(
            utterance_id=name,
            speaker_id=speaker,
            system_id=system,
            key="bonafide" if system == "-" else "spoof",
            split=split,
            path=f"{name}.wav",
            corpus="c",
            source=f"m.csv:{line}",
            extra=(("source", source),),
        )
        for line, (name, speaker, system, split, source) in enumerate(ROWS, 2)
    )
    return Corpus(rows, ("m.csv",), {}, notes=("A note.",), left_out=frozenset({"old.wav"}))


def kept(*conditions):
    return [row.utterance_id for row in leave_out(corpus(), conditions).utterances]


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ([], "b1 b2 a1 a2 a3 a4"),
        (["source=page&key=spoof"], "b1 b2 a3 a4"),
        (["source=page"], "b2 a3 a4"),
        (["system=A & source=other"], "b1 b2 a1 a2 a3"),
        (["source=other", "speaker=s2"], "b1 b2 a1 a3"),
        (["corpus=c"], "b2 a3"),
    ],
)
def test_rows_of_train_and_dev_are_left_out_and_eval_stays_whole(conditions, left):
    assert kept(*conditions) == left.split()


def test_a_note_counts_them_and_their_files_are_no_surprise():
    found = leave_out(corpus(), ["source=page&key=spoof"])
    assert found.notes == (
        "A note.",
        "left out by source=page&key=spoof: 1 of train and 1 of dev",
    )
    assert found.left_out == {"old.wav", "a1.wav", "a2.wav"}


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("source=nowhere", "Values of source: page, other."),
        ("language=en", "No row has a language."),
        ("speaker=s3&source=page", "holds for no row of train and dev"),
    ],
)
def test_a_condition_that_holds_for_nothing_is_an_error(condition, said):
    with pytest.raises(CorpusError, match=r"utterances\.leave_out") as caught:
        leave_out(corpus(), [condition])
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["", "source", "source=", "colour=red", "key=spoof&", "=x"])
def test_what_is_no_condition(text):
    with pytest.raises(CorpusError, match="expected FIELD=VALUE"):
        Condition.parse(text)


def test_a_value_may_contain_an_equals_sign():
    assert Condition.parse("system=a=b").values == (("system", "a=b"),)
