import dataclasses
import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from models.data.batches import evaluation_batches, training_batches
from models.data.input_pipeline import open_splits
from models.data.pcm_split import PcmSplit, Recordings
from models.settings.features import FeatureConfig
from models.settings.trainer import TrainerConfig
from models.settings.waveform import WaveformConfig

CLIP = 8
SOUNDS = [np.arange(1, 5), np.arange(10, 30), np.arange(0), np.arange(40, 48)]


def recordings():
    samples = np.concatenate(SOUNDS).astype(np.int16)
    return Recordings(samples, np.concatenate([[0], np.cumsum([len(s) for s in SOUNDS])]))


def as_features(inputs):
    """In place of Transform: the samples themselves, [b, CLIP, 1]."""
    decoded = tf.io.decode_raw(inputs["pcm16"][:, 0], tf.int16)
    return {"features": tf.cast(decoded, tf.float32)[..., None]}


def split(*, weights=None, **config):
    return PcmSplit(
        recordings=recordings(),
        labels=np.array([1, 0, 1, 0]),
        transform=as_features,
        feature_shape=(CLIP, 1),
        sample_rate=16000,
        clip_samples=CLIP,
        config=WaveformConfig(**config),
        weights=weights,
    )


def test_clips_are_cut_and_repeated():
    clips = recordings().clips(np.array([0, 1, 2, 3]), CLIP, np.zeros(4))
    assert clips.tolist() == [
        [1, 2, 3, 4, 1, 2, 3, 4],
        [10, 11, 12, 13, 14, 15, 16, 17],
        [0] * 8,
        [40, 41, 42, 43, 44, 45, 46, 47],
    ]


def test_clips_start_where_they_are_told_to_and_end_inside():
    starts = np.linspace(0, 1, 200, endpoint=False)
    clips = recordings().clips(np.ones(200, int), CLIP, starts)
    assert sorted(set(clips[:, 0])) == list(range(10, 23))
    assert (np.diff(clips, axis=1) == 1).all()
    short = recordings().clips(np.zeros(4, int), CLIP, np.array([0.0, 0.3, 0.6, 0.9]))
    assert short[:, 0].tolist() == [1, 2, 3, 4]
    assert (short == np.concatenate([short[:, 4:], short[:, :4]], axis=1)).all()


def collect(batches):
    return [tuple(part.numpy() for part in batch) for batch in batches]


def test_the_fixed_order_is_not_touched():
    [(features, labels)] = collect(
        split(random_start=True, gain_probability=1.0).batches(4, order_seed=None)
    )
    expected = recordings().clips(np.arange(4), CLIP, np.zeros(4))
    np.testing.assert_array_equal(features[:, :, 0], expected)
    assert labels.tolist() == [1, 0, 1, 0]


def test_an_epoch_replays_and_epochs_and_seeds_differ():
    made = split(random_start=True, noise_probability=1.0)
    first, again, epoch, seed = (
        np.concatenate([features for features, _ in collect(made.batches(2, order_seed=pair))])
        for pair in ((5, 1), (5, 1), (5, 2), (6, 1))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, epoch)
    assert not np.array_equal(first, seed)


def test_an_epoch_has_each_recording_once():
    batches = collect(split(random_start=True).batches(3, order_seed=(1, 1)))
    assert [len(labels) for _, labels in batches] == [3, 1]
    first = np.concatenate([features[:, 0, 0] for features, _ in batches])
    owners = sorted(
        next(i for i, sound in enumerate(SOUNDS) if value in sound or (value == 0 and i == 2))
        for value in first
    )
    assert owners == [0, 1, 2, 3]


def test_an_epoch_draws_recordings_by_their_weights_and_labels_follow():
    made = split(random_start=True, weights=np.array([5.0, 1.0, 1.0, 1.0]))
    passes = [collect(made.batches(3, order_seed=(1, epoch))) for epoch in (1, 2, 3)]
    for batches in passes:
        features, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
        first = features[:, 0, 0]
        of_the_first = (first >= 1) & (first <= 4)
        assert len(labels) == 4
        assert of_the_first.sum() in (2, 3)  # 4 * 5 / 8
        assert (labels[of_the_first] == 1).all()
        assert (labels[first >= 10] == 0).all()
    [(features, _)] = collect(made.batches(4, order_seed=None))
    np.testing.assert_array_equal(features[:, 0, 0], [1, 10, 0, 40])


def test_without_weights_order_and_starts_are_drawn_as_ever():
    """Models were trained on them: the starts behind the order, from the same generator."""
    [(features, _)] = collect(split(random_start=True).batches(4, order_seed=(3, 7)))
    random = np.random.default_rng((3, 7))
    order = random.permutation(np.arange(4))
    expected = recordings().clips(order, CLIP, random.random(4))
    np.testing.assert_array_equal(features[:, :, 0], expected)


def test_what_is_augmented_is_what_the_features_see_and_labels_follow():
    made = split(resynthesis_probability=1.0)
    long = dataclasses.replace(
        made,
        recordings=Recordings(np.arange(2000, dtype=np.int16), np.array([0, 1000, 2000])),
        labels=np.array([1, 0]),
        clip_samples=1000,
        feature_shape=(1000, 1),
    )
    [(features, labels)] = collect(long.batches(2, order_seed=(1, 1)))
    assert labels.tolist() == [0, 0]
    changed = [np.abs(np.diff(row[:, 0])).max() > 1 for row in features]
    assert sorted(changed) == [False, True]  # the spoof is as it was


def test_recordings_are_let_go_when_training_is_over():
    made = split(random_start=True)
    collect(training_batches(made, batch_size=2, seed=1, epoch=1))
    samples = weakref.ref(made.recordings.samples)
    del made
    gc.collect()
    assert samples() is None


def opened(corpus, *, materialized=False, waveform=None, **settings):
    files = corpus.transformed if materialized else corpus.raw
    return open_splits(
        [files["train"], files["dev"]],
        transform_output=corpus.transform_output,
        materialized=materialized,
        settings=TrainerConfig(**settings),
        features=FeatureConfig(**corpus.features),
        waveform=waveform,
    )


@pytest.mark.parametrize("cache", ["memory", "disk", "none"])
def test_features_are_those_of_transform(corpus, cache, tmp_path, caplog):
    caplog.set_level("INFO", logger="bonafide")
    train, dev = opened(
        corpus, waveform=WaveformConfig(random_start=True), cache=cache, cache_dir=str(tmp_path)
    )
    plain, plain_dev = opened(corpus)
    for found, expected in ((train, plain), (dev, plain_dev)):
        np.testing.assert_array_equal(found.labels, expected.labels)
        one, two = (
            np.concatenate([x for x, _, _ in collect(evaluation_batches(s, batch_size=8))])
            for s in (found, expected)
        )
        np.testing.assert_allclose(one, two, atol=1e-5)
    where = "memory" if cache == "memory" else f"a file in {tmp_path}"
    assert f"recordings: 0.00 GiB, kept in {where}" in caplog.text
    assert list(tmp_path.iterdir()) == []
    # A start of its own gives other features, and the same again.
    first, again = (
        collect(training_batches(train, batch_size=8, seed=1, epoch=1)) for _ in range(2)
    )
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a[0], b[0])


def test_weights_of_corpora_reach_recordings(corpus):
    train, dev = opened(
        corpus, waveform=WaveformConfig(random_start=True), corpus_weights=("one=3",)
    )
    plain, _ = opened(corpus, corpus_weights=("one=3",))
    assert isinstance(train, PcmSplit)
    np.testing.assert_array_equal(train.weights, plain.weights)
    assert set(train.weights) == {1.0, 3.0}
    assert dev.weights is None


def test_features_that_are_written_cannot_be_augmented(corpus):
    with pytest.raises(ValueError, match=r"set transform\.materialize=false"):
        opened(corpus, materialized=True, waveform=WaveformConfig(random_start=True))


def test_held_out_attacks_are_not_augmented_either(corpus):
    train, dev = opened(
        corpus, waveform=WaveformConfig(random_start=True), holdout_attacks=("A01", "A04")
    )
    plain, plain_dev = opened(corpus, holdout_attacks=("A01", "A04"))
    assert train.labels.tolist() == plain.labels.tolist()
    assert dev.labels.tolist() == plain_dev.labels.tolist()
    assert len(train.recordings) == len(train.labels) < 26


@pytest.mark.parametrize("order_seed", [None, (1, 2)])
def test_no_pass_waits_for_the_tuning_of_tf_data(order_seed):
    assert not split().batches(2, order_seed=order_seed).options().autotune.enabled
