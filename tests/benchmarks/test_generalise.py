"""The laws of the split: what a fold is tested on, its training has neither heard nor seen."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import generalise
from benchmarks.generalise import (
    BONAFIDE,
    VARIANTS,
    Clip,
    deal,
    labels_of,
    per_system,
    split_folds,
    thinned,
)
from bonafide.metrics.calibration import fit_affine
from pipeline.config import override, sample, small_corpus

clips = st.lists(
    st.builds(
        Clip,
        st.just(np.zeros(1, np.int16)),
        st.sampled_from([BONAFIDE, "A", "B", "C", "D", "E"]),
        st.sampled_from("stuvwxyz"),
    ),
    max_size=60,
)


@given(clips)
@settings(max_examples=60)
def test_no_system_and_no_bona_fide_voice_of_the_test_is_trained_on(corpus):
    folds = split_folds(corpus, 3)
    tested = collections.Counter()
    for train_part, test_part in folds:
        systems = {clip.system for clip in test_part} - {BONAFIDE}
        voices = {clip.speaker for clip in test_part if clip.system == BONAFIDE}
        assert not systems & {clip.system for clip in train_part}
        assert not voices & {clip.speaker for clip in train_part}
        tested.update(map(id, test_part))
    # Every clip is tested once.
    assert sorted(tested) == sorted(map(id, corpus))
    assert set(tested.values()) <= {1}


def test_names_are_dealt_so_that_folds_are_of_a_size():
    sizes = collections.Counter({"a": 10, "b": 6, "c": 5, "d": 1})
    assert deal(sizes, 2) == {"a": 0, "b": 1, "c": 1, "d": 0}


def test_the_eer_of_a_system_is_against_all_bona_fide_clips():
    silence = np.zeros(1, np.int16)
    part = [Clip(silence, system, "s") for system in (BONAFIDE, BONAFIDE, "A", "A", "B")]
    found = per_system(np.array([2.0, 0.0, -1.0, 1.0, -2.0]), part)
    assert found == {"A": 0.5, "B": 0.0}


@pytest.mark.parametrize("preset", [sample, small_corpus])
def test_every_variant_can_be_set(preset):
    for assignments in VARIANTS.values():
        override(preset(), assignments)


@pytest.mark.parametrize("order", [1, -1])
def test_a_few_clips_are_of_both_classes_whatever_their_order(order):
    # The factory writes a recording and its two copies in turn: a stride of three has one class.
    clips = [
        Clip(np.zeros(1, np.int16), BONAFIDE if place % 3 == 0 else "world", "s")
        for place in range(90)
    ][::order]
    few = thinned(clips, 20)
    assert [clip.system for clip in few] == [BONAFIDE] * 10 + ["world"] * 10
    assert thinned(clips[:2], 20) == sorted(clips[:2], key=lambda c: c.system != BONAFIDE)


def test_several_members_are_calibrated_on_dev_and_averaged(monkeypatch):
    """A member with a hundredfold scale and one with an offset weigh the same."""
    random = np.random.default_rng(0)
    clips = [
        Clip(random.normal(0, 100 * (1 + place % 7), 20_000).astype(np.int16), system, "s")
        for place, system in enumerate([BONAFIDE, "A"] * 20)
    ]
    trained = []

    def fit(settings, train_split, dev_split):
        trained.append((settings.trainer.seed, settings.trainer.mean_removed_members))
        scale, offset = [(100.0, 0.0), (1.0, 7.0)][len(trained) - 1]
        evidence = 2.0 * np.arange(len(train_split.labels)) % 5

        def score(split):
            values = evidence[: len(split.labels)] + split.labels
            return scale * values + offset

        return score

    monkeypatch.setattr(generalise, "_fit", fit)
    changes = ["trainer.members=2", "trainer.mean_removed_members=1", "features.clip_samples=16000"]
    scorer = generalise.our_scorer(override(small_corpus(), changes), clips, 5, dev=clips[:30])
    assert trained == [(5, 0), (6, 1)]
    scores = scorer(clips[:30])
    labels = labels_of(clips[:30])
    plain = 2.0 * np.arange(30) % 5 + labels
    again = fit_affine(plain, labels).apply(plain)
    np.testing.assert_allclose(scores, again, atol=1e-3)
