import collections
import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonafide.corpora import base, splits
from bonafide.corpora.options import DEFAULTS, Options


def utterance(number, speaker, system):
    key = "bonafide" if system == "-" else "spoof"
    return base.Utterance(f"U{number}", speaker, system, key, "", "a.wav", "c", f"m:{number}")


def corpus(counts):
    """Rows from (speaker, system) -> number of utterances."""
    pairs = [pair for pair, count in counts.items() for _ in range(count)]
    return [utterance(number, *pair) for number, pair in enumerate(pairs)]


def grid(speakers, systems, each=2):
    return corpus({(f"S{s}", a): each for s in range(speakers) for a in ("-", *systems)})


def split(rows, **options):
    return splits.with_splits(rows, dataclasses.replace(DEFAULTS, **options), where="here")


def members(rows, attribute):
    found = collections.defaultdict(set)
    for row in rows:
        found[row.split].add(getattr(row, attribute))
    return found


def test_a_grid_of_speakers_and_attacks():
    rows = grid(20, ["A1", "A2", "A3", "A4"])
    made, notes = split(rows)
    speakers, systems = members(made, "speaker_id"), members(made, "system_id")
    # 15 % and 25 % of 20 speakers with the same number of utterances each.
    assert {name: len(found) for name, found in speakers.items()} == {
        "train": 12,
        "dev": 3,
        "eval": 5,
    }
    assert systems["eval"] == {"-", "A1", "A2", "A3", "A4"}
    [unseen] = systems["eval"] - systems["train"]
    assert systems["train"] == systems["dev"] == systems["eval"] - {unseen}
    # 15 speakers of train and dev lose two utterances each.
    assert len(rows) - len(made) == 30
    assert notes == (
        "splits were made by speaker (split_seed 1): train 96, dev 24, eval 50",
        f"only eval has the attacks {unseen}; 30 of their utterances, by speakers of train and "
        "dev, were removed",
    )


def test_attacks_that_cost_nothing_are_kept_for_eval():
    # Each speaker has attacks of their own, so that nothing need be left out.
    rows = corpus({(f"S{s}", system): 3 for s in range(12) for system in ("-", f"A{s}a", f"A{s}b")})
    made, notes = split(rows)
    assert len(made) == len(rows)
    systems = members(made, "system_id")
    assert systems["eval"] & systems["train"] == {"-"}
    assert "; 0 of their utterances" in notes[1]


def test_one_attack_is_shared_and_said():
    made, notes = split(grid(6, ["spoof"]))
    assert len(made) == 24
    assert notes[1] == "eval has no attack that is not in train"


def test_no_attack_is_held_back_when_told_so():
    rows = grid(10, ["A1", "A2", "A3", "A4"])
    made, _ = split(rows, unseen_fraction=0.0)
    assert len(made) == len(rows)


def test_the_seed_decides_between_equals():
    rows = grid(20, ["A1", "A2"])
    assert split(rows) == split(rows)
    assert members(split(rows)[0], "speaker_id") != members(
        split(rows, split_seed=2)[0], "speaker_id"
    )


def test_all_to_one_split_needs_no_speakers():
    rows = corpus({("-", "-"): 3, ("-", "A1"): 2})
    made, notes = split(rows, split="eval")
    assert [row.split for row in made] == ["eval"] * 5
    assert notes == ("all utterances are in eval (corpus.options)",)


def test_two_giants_leave_small_speakers_to_the_others():
    rows = corpus(
        {
            ("big", "-"): 100,
            ("big", "A1"): 100,
            **dict.fromkeys((("a", "-"), ("a", "A1"), ("b", "-"), ("b", "A1")), 1),
        }
    )
    made, _ = split(rows)
    assert {row.speaker_id: row.split for row in made}["big"] == "train"
    assert len(members(made, "speaker_id")) == 3


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        (corpus({("S1", "-"): 2, ("-", "A1"): 3}), "3 of 5 utterances have none"),
        (grid(2, ["A1"]), "expected at least three speakers with bonafide utterances, got 2 of 2"),
        (
            corpus({("a", "-"): 1, ("b", "-"): 1, ("c", "-"): 1, ("a", "A1"): 1, ("b", "A1"): 1}),
            "expected at least three speakers with spoof utterances, got 2 of 3",
        ),
    ],
)
def test_what_cannot_be_split_is_refused(rows, part):
    with pytest.raises(base.CorpusError) as caught:
        split(rows)
    assert part in str(caught.value)
    assert str(caught.value).startswith("here: splits are made by speaker")
    assert "corpus.options=split=eval" in str(caught.value)


def possible(rows):
    """Whether there are three groups of speakers with both classes each, by trying them all."""
    classes = collections.defaultdict(set)
    for row in rows:
        classes[row.speaker_id].add(row.key)
    for groups in itertools.product(range(3), repeat=len(classes)):
        pairs = zip(groups, classes.values(), strict=True)
        if len({(group, key) for group, keys in pairs for key in keys}) == 6:
            return True
    return False


SPEAKERS = st.sampled_from([f"S{number}" for number in range(7)])
SYSTEMS = st.sampled_from(["-", "-", "A1", "A2", "A3", "A4", "A5"])


@settings(max_examples=80, deadline=None)
@given(
    pairs=st.lists(st.tuples(SPEAKERS, SYSTEMS), min_size=4, max_size=50),
    seed=st.integers(0, 5),
    unseen=st.sampled_from([0.0, 0.25, 0.9]),
    order=st.randoms(use_true_random=False),
)
def test_the_rule_holds_for_any_corpus(pairs, seed, unseen, order):
    rows = [utterance(number, *pair) for number, pair in enumerate(pairs)]
    options = Options(split_seed=seed, unseen_fraction=unseen)
    try:
        made, _ = splits.with_splits(rows, options, where="x")
    except base.CorpusError:
        assert not possible(rows)
        return
    # Every split has both classes; no two of them share a speaker.
    assert {(row.split, row.key) for row in made} == {
        (split, key) for split in base.SPLITS for key in ("bonafide", "spoof")
    }
    split_of = {row.speaker_id: row.split for row in made}
    assert all(split_of[row.speaker_id] == row.split for row in made)
    # What was left out is by speakers of train and dev, of attacks that only eval has.
    systems = members(made, "system_id")
    kept = {row.utterance_id for row in made}
    for row in rows:
        if row.utterance_id not in kept:
            assert split_of.get(row.speaker_id) != "eval"
            assert row.system_id in systems["eval"] - systems["train"] - systems["dev"] - {"-"}
    if unseen == 0:
        assert len(made) == len(rows)
    # Order does not count.
    shuffled = rows.copy()
    order.shuffle(shuffled)
    again, _ = splits.with_splits(shuffled, options, where="x")
    assert {row.utterance_id: row.split for row in again} == {
        row.utterance_id: row.split for row in made
    }
