import collections
import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonafide.corpora import base, splits
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.metrics.gate import GateConfig
from components.data_gate.config import DataGateConfig


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
    rows = grid(20, ["A1", "A2", "A3", "A4"], each=6)
    made, notes = split(rows)
    speakers, systems = members(made, "speaker_id"), members(made, "system_id")
    # 15 % and 25 % of 20 speakers with the same number of utterances each, but four at least.
    assert {name: len(found) for name, found in speakers.items()} == {
        "train": 11,
        "dev": 4,
        "eval": 5,
    }
    [unseen] = systems["eval"] - {"-"}
    assert systems["train"] == systems["dev"] == {"-", "A1", "A2", "A3", "A4"} - {unseen}
    # 15 speakers of train and dev lose six utterances each, five of eval eighteen.
    assert len(rows) - len(made) == 15 * 6 + 5 * 18
    assert notes == (
        "splits were made by speaker (split_seed 1): train 264, dev 96, eval 60",
        f"only eval has the attacks {unseen}, and no others; 180 utterances were removed "
        "to keep attacks and speakers apart",
    )


def test_what_is_made_keeps_the_default_rules_of_the_gates():
    assert splits.LEAST_UTTERANCES == GateConfig().min_bonafide == GateConfig().min_spoof
    assert splits.LEAST_SPEAKERS == DataGateConfig().min_speakers == GateConfig().min_speakers
    # Attacks with two voices each, so that one attack is not enough for eval.
    pairs = {(f"S{s}", "-"): 6 for s in range(30)}
    pairs |= {(f"V{a}{v}", f"A{a}"): 12 for a in range(8) for v in "xy"}
    made, _ = split(corpus(pairs), unseen_fraction=0.01)
    assert splits.shortfalls(made) == []
    systems = members(made, "system_id")
    assert systems["eval"] & (systems["train"] | systems["dev"]) == {"-"}


def with_source(rows, source_of):
    return [
        dataclasses.replace(row, extra=base.extra({"source": source_of(row.speaker_id)}))
        for row in rows
    ]


def test_whole_sources_are_kept_apart_where_there_are_enough():
    rows = with_source(grid(60, ["A1", "A2", "A3", "A4"], each=3), lambda name: name[:2])
    made, notes = split(rows)
    sources = collections.defaultdict(set)
    for row in made:
        sources[row.split].add(dict(row.extra)["source"])
    assert not sources["eval"] & (sources["train"] | sources["dev"])
    assert not sources["train"] & sources["dev"]
    assert notes[0].startswith("splits were made by source (split_seed 1)")
    assert splits.shortfalls(made) == []


def test_sources_with_a_speaker_in_common_stay_together():
    rows = grid(40, ["A1", "A2", "A3", "A4"])
    # Three sources, of which two share S0: two groups, too few to deal.
    told = [
        dataclasses.replace(
            row,
            extra=(
                (
                    "source",
                    "pqr"[place % 2 if row.speaker_id == "S0" else 1 + (row.speaker_id > "S2")],
                ),
            ),
        )
        for place, row in enumerate(rows)
    ]
    assert splits.deal_sources(told, DEFAULTS) == {}
    _, notes = split(told)
    assert notes[0].startswith("splits were made by speaker")
    assert "eval shares the sources" in notes[2]


def test_one_nameless_source_is_no_source():
    rows = with_source(grid(60, ["A1", "A2"]), lambda name: name[:2])
    assert splits.deal_sources(rows, DEFAULTS)
    assert splits.deal_sources([dataclasses.replace(rows[0], extra=()), *rows[1:]], DEFAULTS) == {}


def test_what_is_too_small_for_the_gates_is_said_with_the_way_out():
    _, notes = split(grid(6, ["A1", "A2"]))
    assert "eval has 4 bonafide utterances" in notes[-1]
    assert "dev has 2 speakers of spoof speech" in notes[-1]
    assert "Add speakers or attacks, change eval_fraction" in notes[-1]


def test_attacks_that_cost_nothing_are_kept_for_eval():
    # Each speaker has attacks of their own, so that nothing need be left out.
    rows = corpus({(f"S{s}", system): 3 for s in range(12) for system in ("-", f"A{s}a", f"A{s}b")})
    made, notes = split(rows)
    assert len(made) == len(rows)
    systems = members(made, "system_id")
    assert systems["eval"] & systems["train"] == {"-"}
    assert "; 0 utterances were removed" in notes[1]


def test_one_attack_is_shared_and_said():
    made, notes = split(grid(6, ["spoof"]))
    assert len(made) == 24
    assert notes[1] == (
        "eval has no attack that is not in train: a model passes the gate only with "
        "gate.allow_attack_overlap=true"
    )


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
    # What was left out is of an attack of the other side.
    systems = members(made, "system_id")
    kept = {row.utterance_id for row in made}
    for row in rows:
        if row.utterance_id not in kept:
            of_eval = split_of.get(row.speaker_id) == "eval"
            assert row.system_id != "-"
            assert of_eval != (row.system_id in systems["eval"])
    # Attacks are apart, unless train and dev need all that eval has.
    shared = systems["eval"] & (systems["train"] | systems["dev"]) - {"-"}
    if shared and unseen:
        assert len(made) == len(rows)
    if unseen == 0:
        assert len(made) == len(rows)
    # Order does not count.
    shuffled = rows.copy()
    order.shuffle(shuffled)
    again, _ = splits.with_splits(shuffled, options, where="x")
    assert {row.utterance_id: row.split for row in again} == {
        row.utterance_id: row.split for row in made
    }
