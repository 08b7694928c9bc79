import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from splits import collect, numbered_split

from models.data.batches import evaluation_batches, training_batches
from models.data.input_pipeline import open_splits
from models.data.splits import class_counts
from models.settings.trainer import TrainerConfig


def opened(corpus, *, materialized, cache, **kwargs):
    files = corpus.transformed if materialized else corpus.raw
    return open_splits(
        [files["train"], files["dev"]],
        transform_output=corpus.transform_output,
        materialized=materialized,
        settings=TrainerConfig(cache=cache, **kwargs),
    )


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
        "models.data.feature_cache.shutil.disk_usage",
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
    with pytest.raises(ValueError, match="expected examples in"):
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
    with pytest.raises(ValueError, match=r"train split \(one, zwei-ü\), got two"):
        opened(corpus, materialized=False, cache="memory", corpus_weights=("two=2", "one=2"))


@pytest.mark.parametrize(("materialized", "cache"), [(True, "memory"), (False, "none")])
def test_what_has_no_rows_cannot_be_weighted(corpus, materialized, cache):
    with pytest.raises(ValueError, match="expected no weights of corpora with"):
        opened(corpus, materialized=materialized, cache=cache, corpus_weights=("one=2",))
