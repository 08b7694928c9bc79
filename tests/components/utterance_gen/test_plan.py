import collections
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonafide import corpora
from bonafide.corpora import asvspoof2019
from components.utterance_gen import plan


def row(number, speaker="S1", system="-", split="train"):
    key = "bonafide" if system == "-" else "spoof"
    name = f"{split}{number}"
    return corpora.Utterance(name, speaker, system, key, split, f"{name}.flac", "c", f"p:{number}")


def assert_even(shards, group):
    """Floor(n/K) or ceil(n/K) of each group in each of the K shards."""
    counts = [collections.Counter(map(group, shard)) for shard in shards]
    for name in set().union(*counts):
        total = sum(count[name] for count in counts)
        allowed = {total // len(shards), math.ceil(total / len(shards))}
        assert {count[name] for count in counts} <= allowed, name


ROWS = st.lists(
    st.tuples(st.sampled_from("ABCDEF"), st.sampled_from(["-", "A01", "A02", "A03"])), max_size=120
).map(lambda pairs: [row(i, speaker, system) for i, (speaker, system) in enumerate(pairs)])


@given(ROWS, st.integers(1, 9), st.integers(-5, 5), st.randoms(use_true_random=False))
def test_every_shard_has_its_share_of_systems_and_speakers(rows, num_shards, seed, random):
    shards = plan.assign(rows, num_shards=num_shards, seed=seed)
    assert len(shards) == num_shards
    assert sorted(r.utterance_id for s in shards for r in s) == sorted(r.utterance_id for r in rows)
    assert_even(shards, lambda r: r.system_id)
    assert_even(shards, lambda r: r.speaker_id)
    assert_even(shards, lambda r: None)
    reordered = random.sample(rows, len(rows))
    assert plan.assign(reordered, num_shards=num_shards, seed=seed) == shards


@pytest.mark.parametrize("num_shards", [1, 7, 96])
def test_real_protocols(dict_files, golden_protocols, num_shards):
    corpus = asvspoof2019.reader("LA")(dict_files(golden_protocols), corpus_name="la")
    for split, size in (("train", 25_380), ("dev", 24_844), ("eval", 71_237)):
        rows = [r for r in corpus.utterances if r.split == split]
        assert len(rows) == size
        shards = plan.assign(rows, num_shards=num_shards, seed=1)
        assert sum(map(len, shards)) == size
        assert len({r.utterance_id for shard in shards for r in shard}) == size
        assert_even(shards, lambda r: r.system_id)
        assert_even(shards, lambda r: r.speaker_id)
        assert_even(shards, lambda r: None)


def test_seed_moves_utterances_and_order_is_mixed():
    rows = [row(i, f"S{i % 5}", ["-", "A01"][i % 2]) for i in range(200)]
    one, two = (plan.assign(rows, num_shards=4, seed=seed) for seed in (1, 2))
    assert one != two
    assert [set(shard) for shard in one] != [set(shard) for shard in two]
    systems = [r.system_id for r in one[0]]
    changes = sum(a != b for a, b in itertools.pairwise(systems))
    assert changes > 10  # Sorted by system it would be 1; at random about 24.


def corpus_of(sizes):
    rows = [row(i, system=system) for i, (system, _) in enumerate(sizes)]
    audio = {
        r.path: corpora.FileInfo(size, 0.0)
        for r, (_, size) in zip(rows, sizes, strict=True)
        if size is not None
    }
    return corpora.Corpus(tuple(rows), ("p",), audio)


def test_missing_and_empty_files_are_rejected_before_planning():
    made = plan.make_plan(
        corpus_of([("-", 9), ("A01", None), ("A02", 0), ("A03", 9)]), shard_bytes=10_000, seed=0
    )
    assert [(r.utterance_id, r.reason.split(":")[0]) for r in made.rejections] == [
        ("train1", "missing"),
        ("train2", "empty file (0 bytes)"),
    ]
    [shard] = made.shards
    assert {r.utterance_id for r in shard.utterances} == {"train0", "train3"}
    assert shard.attack_pool == ("A03",)
    assert shard.path == "Split-train/utterances-00000-of-00001"


def test_number_of_shards_follows_from_the_target_size():
    made = plan.make_plan(corpus_of([("-", 100_000)] * 40), shard_bytes=1_000_000, seed=0)
    assert len(made.shards) == 7  # 40 files of 100 kB FLAC are about 6.8 MB of PCM.
    made = plan.make_plan(corpus_of([("-", 100_000)] * 3), shard_bytes=1, seed=0)
    assert [len(shard.utterances) for shard in made.shards] == [1, 1, 1]


def test_json_round_trip():
    [shard] = plan.make_plan(corpus_of([("-", 9), ("A01", 9)]), shard_bytes=10**6, seed=0).shards
    assert plan.Shard.from_json(shard.to_json()) == shard
