import dataclasses
import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.augmentation.spectrogram import AugmentConfig
from models.data.input_pipeline import (
    ArraySplit,
    choose_cache,
    class_counts,
    evaluation_batches,
    fill_batch,
    open_splits,
    random_crop,
    training_batches,
)
from models.settings.trainer import TrainerConfig


def numbered_split(count, frames=5, bands=3):
    """Row i holds the number i in every cell of frame 0, i + 0.01 in frame 1, ..."""
    rows = np.arange(count, dtype=np.float32)[:, None, None]
    steps = 0.01 * np.arange(frames, dtype=np.float32)[None, :, None]
    features = np.broadcast_to(rows + steps, (count, frames, bands)).copy()
    return ArraySplit(features, np.arange(count, dtype=np.int64) % 2)


def collect(batches):
    return [tuple(t.numpy() for t in batch) for batch in batches]


def opened(corpus, *, materialized, cache, **kwargs):
    files = corpus.transformed if materialized else corpus.raw
    return open_splits(
        [files["train"], files["dev"]],
        transform_output=corpus.transform_output,
        materialized=materialized,
        settings=TrainerConfig(cache=cache, **kwargs),
    )


@given(count=st.integers(1, 40), batch_size=st.integers(1, 17), epoch=st.integers(1, 3))
@settings(max_examples=15)
def test_every_utterance_once_per_epoch_in_full_batches(count, batch_size, epoch):
    split = numbered_split(count)
    batches = collect(training_batches(split, batch_size=batch_size, seed=3, epoch=epoch))
    seen = []
    for features, labels, weights in batches:
        assert features.shape == (batch_size, 5, 3)
        assert set(weights) <= {0.0, 1.0}
        assert np.array_equal(labels, features[:, 0, 0] % 2)
        seen.extend(features[weights == 1, 0, 0])
    assert sorted(seen) == list(range(count))


def test_an_epoch_replays_and_epochs_and_seeds_differ():
    split = numbered_split(20, frames=12)

    def epoch(seed, number):
        return collect(
            training_batches(
                split,
                batch_size=8,
                seed=seed,
                epoch=number,
                crop_frames=6,
                augment=AugmentConfig(mixup_probability=1.0),
            )
        )

    first, again = epoch(1, 2), epoch(1, 2)
    for a, b in zip(first, again, strict=True):
        for x, y in zip(a, b, strict=True):
            assert np.array_equal(x, y)
    assert not np.array_equal(first[0][0], epoch(1, 3)[0][0])
    assert not np.array_equal(first[0][0], epoch(2, 2)[0][0])
    # Batches of one epoch must not share their random numbers either.
    assert not np.allclose(first[0][1], first[1][1])


def test_features_are_let_go_when_training_is_over():
    split = numbered_split(9)
    collect(training_batches(split, batch_size=4, seed=3, epoch=1))
    collect(evaluation_batches(split, batch_size=4))
    features = weakref.ref(split.features)
    del split
    gc.collect()
    assert features() is None


def test_without_weights_the_order_is_as_ever():
    """Models were trained in this order."""
    [(features, _, _)] = collect(training_batches(numbered_split(9), batch_size=9, seed=3, epoch=2))
    expected = np.random.default_rng((3, 2)).permutation(np.arange(9))
    assert features[:, 0, 0].tolist() == expected.tolist()


def test_an_epoch_draws_by_weights_and_dev_never():
    weights = np.array([4.0, 1.0, 1.0, 1.0, 1.0])
    split = dataclasses.replace(numbered_split(5), weights=weights)

    def rows(epoch):
        batches = collect(training_batches(split, batch_size=2, seed=3, epoch=epoch))
        assert all(np.array_equal(y, x[:, 0, 0] % 2) for x, y, _ in batches)
        return np.concatenate([x[w == 1, 0, 0] for x, _, w in batches]).astype(int).tolist()

    assert [len(rows(epoch)) for epoch in (1, 2, 3)] == [5, 5, 5]
    assert {rows(epoch).count(0) for epoch in range(1, 9)} == {2, 3}  # 5 * 4 / 8
    assert rows(4) == rows(4)
    [(features, _, _)] = collect(evaluation_batches(split, batch_size=5))
    assert features[:, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_classes_are_counted_as_they_are_drawn():
    plain = numbered_split(5)  # bona fide are 1 and 3
    assert class_counts(plain) == (2, 3)
    split = dataclasses.replace(plain, weights=np.array([1.0, 4.0, 1.0, 1.0, 1.0]))
    drawn = class_counts(split)
    assert drawn == pytest.approx((5 * 5 / 8, 5 * 3 / 8))
    bonafide = [
        float(labels.sum())
        for epoch in range(60)
        for _, labels, _ in collect(training_batches(split, batch_size=5, seed=1, epoch=epoch))
    ]
    assert np.mean(bonafide) == pytest.approx(drawn.bonafide, abs=0.2)
    equal = class_counts(dataclasses.replace(plain, weights=np.full(5, 0.1)))
    assert equal == pytest.approx((2, 3), rel=1e-12)


def test_fill_batch_repeats_with_weight_zero():
    features, labels, weights = fill_batch(
        tf.constant([[[1.0]], [[2.0]]]), tf.constant([1.0, 0.0]), batch_size=5
    )
    assert features.numpy()[:, 0, 0].tolist() == [1, 2, 1, 2, 1]
    assert labels.numpy().tolist() == [1, 0, 1, 0, 1]
    assert weights.numpy().tolist() == [1, 1, 0, 0, 0]


def test_fill_batch_in_a_graph_has_a_fixed_size_and_leaves_a_whole_batch_alone():
    batches = numbered_split(5).batches(2, order_seed=None)
    assert batches.element_spec[0].shape.as_list() == [None, 5, 3]
    filled = batches.map(lambda x, y: fill_batch(x, y, batch_size=2))
    assert [spec.shape.as_list() for spec in filled.element_spec] == [[2, 5, 3], [2], [2]]
    rows = [features[:, 0, 0].tolist() for features, _, _ in collect(filled)]
    assert rows == [[0, 1], [2, 3], [4, 4]]
    assert [weights.tolist() for _, _, weights in collect(filled)] == [[1, 1], [1, 1], [1, 0]]


def test_no_pass_waits_for_the_tuning_of_tf_data(corpus):
    splits = [numbered_split(4)]
    for cache in ("memory", "none"):
        splits += opened(corpus, materialized=False, cache=cache)
    for split in splits:
        for batches in (
            evaluation_batches(split, batch_size=2),
            training_batches(split, batch_size=2, seed=0, epoch=1),
        ):
            assert not batches.options().autotune.enabled


def test_random_crop_takes_neighbouring_frames_from_all_places():
    features = numbered_split(200, frames=10).features
    crop = random_crop(tf.constant(features), 4, seed=tf.constant([1, 2])).numpy()
    assert crop.shape == (200, 4, 3)
    starts = np.round((crop[:, 0, 0] - np.arange(200)) * 100).astype(int)
    assert set(starts) == set(range(7))
    for row, start in enumerate(starts):
        assert np.array_equal(crop[row], features[row, start : start + 4])


def test_crop_longer_than_the_features_is_refused():
    with pytest.raises(ValueError, match="crop_frames is 6, but an utterance has only 5 frames"):
        training_batches(numbered_split(4), batch_size=2, seed=0, epoch=1, crop_frames=6)


@pytest.mark.parametrize(
    ("requested", "needed", "chosen"),
    [("auto", 10, "memory"), ("auto", 11, "disk"), ("none", 1, "none"), ("memory", 99, "memory")],
)
def test_choose_cache(requested, needed, chosen):
    assert choose_cache(requested, needed, budget_bytes=10) == chosen


def test_all_sources_and_caches_give_the_same_dev_batches(corpus):
    reference = None
    for materialized in (False, True):
        for cache in ("memory", "disk", "none"):
            train, dev = opened(corpus, materialized=materialized, cache=cache)
            assert class_counts(train) == (13, 13)
            assert class_counts(dev) == (7, 7)
            batches = collect(evaluation_batches(dev, batch_size=4))
            assert [b[2].sum() for b in batches] == [4, 4, 4, 2]
            features = np.concatenate([b[0] for b in batches])[:14]
            labels = np.concatenate([b[1] for b in batches])[:14]
            assert np.array_equal(labels, dev.labels)
            if reference is None:
                reference = features
                assert np.std(features) > 0.5
            assert np.allclose(features, reference, atol=1e-5), (materialized, cache)


def test_auto_cache_goes_to_a_nameless_file_beyond_the_budget(corpus, tmp_path, caplog):
    caplog.set_level("INFO", logger="bonafide")
    train, _ = opened(
        corpus, materialized=True, cache="auto", cache_budget_gib=1e-6, cache_dir=str(tmp_path)
    )
    assert isinstance(train.features, np.memmap)
    assert list(tmp_path.iterdir()) == []
    assert f"kept in a file in {tmp_path}" in caplog.text
    assert isinstance(opened(corpus, materialized=True, cache="auto")[0].features, np.ndarray)


def test_a_full_disk_is_reported_before_it_is_written_to(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "models.data.input_pipeline.shutil.disk_usage",
        lambda _: dataclasses.make_dataclass("Usage", ["free"])(10),
    )
    with pytest.raises(OSError, match=r"set trainer\.cache_dir"):
        opened(corpus, materialized=True, cache="disk", cache_dir=str(tmp_path))


def test_uncached_epochs_replay_and_hold_each_utterance_once(corpus):
    train, _ = opened(corpus, materialized=True, cache="none", shuffle_buffer=8)
    reference, _ = opened(corpus, materialized=True, cache="memory")

    def order(epoch):
        rows = []
        for features, labels, weights in training_batches(train, batch_size=8, seed=5, epoch=epoch):
            for x, y, w in zip(features.numpy(), labels.numpy(), weights.numpy(), strict=True):
                if w:
                    (row,) = np.flatnonzero((reference.features == x).all(axis=(1, 2)))
                    assert reference.labels[row] == y
                    rows.append(int(row))
        return rows

    tf.random.set_seed(1)
    first = order(1)
    assert sorted(first) == list(range(26))
    assert first == order(1)
    assert first != order(2)


def test_missing_files_are_named(corpus, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no example files match .*nothing"):
        open_splits(
            [[str(tmp_path / "nothing*")]],
            transform_output=corpus.transform_output,
            materialized=True,
            settings=TrainerConfig(),
        )


def test_an_empty_split_is_refused(corpus, tmp_path):
    tf.io.TFRecordWriter(str(tmp_path / "empty")).close()
    with pytest.raises(ValueError, match="there is no example in"):
        open_splits(
            [[str(tmp_path / "*")]],
            transform_output=corpus.transform_output,
            materialized=True,
            settings=TrainerConfig(),
        )


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_held_out_attacks_are_chosen_on_and_not_trained_on(corpus, cache):
    train, dev = opened(corpus, materialized=False, cache=cache, holdout_attacks=("A01", "A04"))
    whole, _ = opened(corpus, materialized=False, cache="memory")
    # In the order of the files: every second clip, then the others, in turns of some records.
    systems = {part: [s for _, s in corpus.ids[part].values()] for part in ("train", "dev")}
    assert class_counts(dev) == (7, sum(s in ("A01", "A04") for s in systems["dev"]))
    assert 0 < class_counts(dev).spoof < 7
    assert class_counts(train) == (13, sum(s not in ("-", "A01", "A04") for s in systems["train"]))
    assert 0 < class_counts(train).spoof < 13
    features = np.concatenate([x for x, _, _ in collect(evaluation_batches(train, batch_size=1))])
    close = [np.isclose(whole.features, x, atol=1e-5).all((1, 2)) for x in features]
    rows = [int(np.flatnonzero(same)[0]) for same in close]
    assert rows == sorted(set(rows))
    assert train.labels.tolist() == whole.labels[rows].tolist()
    if cache == "none":
        with pytest.raises(ValueError, match=r"needs a cache"):
            collect(training_batches(train, batch_size=4, seed=1, epoch=1))


def test_attacks_cannot_be_held_out_of_features_that_are_written(corpus):
    with pytest.raises(ValueError, match=r"nor attacks held out"):
        opened(corpus, materialized=True, cache="memory", holdout_attacks=("A01",))


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_corpora_weigh_what_the_settings_say(corpus, cache, caplog):
    caplog.set_level("INFO", logger="bonafide")
    train, dev = opened(
        corpus, materialized=False, cache=cache, corpus_weights=("zwei-ü=4", "one=0.5")
    )
    plain, _ = opened(corpus, materialized=False, cache="memory")
    assert np.array_equal(train.features, plain.features)
    assert (plain.weights, dev.weights) == (None, None)
    # The two files in turns give the clips as they were dealt out to them.
    assert train.labels.tolist() == [label for _, label, _ in corpus.clips["train"]]
    assert train.weights.tolist() == [
        0.5 if corpus.corpora["train"][name] == "one" else 4.0
        for name, _, _ in corpus.clips["train"]
    ]
    assert set(train.weights) == {0.5, 4.0}
    text = "drawn in training (utterances x weight): one 20 x 0.5 = 29.4 %, zwei-ü 6 x 4 = 70.6 %"
    assert text in caplog.messages


def test_weights_follow_what_is_left_when_attacks_are_held_out(corpus):
    train, dev = opened(
        corpus,
        materialized=False,
        cache="memory",
        holdout_attacks=("A01", "A04"),
        corpus_weights=("zwei-ü=4",),
    )
    kept = [n for n, (_, s) in corpus.ids["train"].items() if s not in ("A01", "A04")]
    assert len(kept) < 26
    of = corpus.corpora["train"]
    assert train.weights.tolist() == [1.0 if of[name] == "one" else 4.0 for name in kept]
    assert dev.weights is None


def test_a_corpus_that_is_not_trained_on_has_no_weight(corpus):
    with pytest.raises(ValueError, match="no two in the train split; it has one, zwei-ü"):
        opened(corpus, materialized=False, cache="memory", corpus_weights=("two=2", "one=2"))


@pytest.mark.parametrize(("materialized", "cache"), [(True, "memory"), (False, "none")])
def test_what_has_no_rows_cannot_be_weighted(corpus, materialized, cache):
    with pytest.raises(ValueError, match="expected no weights of corpora with"):
        opened(corpus, materialized=materialized, cache=cache, corpus_weights=("one=2",))
