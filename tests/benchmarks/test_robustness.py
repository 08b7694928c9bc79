import dataclasses
import pathlib

import numpy as np
import pytest

from benchmarks import robustness, source_folds
from benchmarks.generalise import Clip
from benchmarks.robustness import CLEAN, Degrader, make_folds, measure_fold, ratios, summary
from bonafide.audio.chains import draw_chain, seed_of
from bonafide.audio.codecs import degrade


def clips_of(source, bonafide, spoof):
    random = np.random.default_rng(0)
    systems = ["-"] * bonafide + [f"{source}{place % 4}" for place in range(spoof)]
    return [
        Clip(
            np.rint(random.normal(size=800) * 1000).astype(np.int16),
            system,
            f"{source}-{place % 7}",
            source,
            f"{source}/{place}",
        )
        for place, system in enumerate(systems)
    ]


@pytest.fixture
def clips():
    return [*clips_of("a", 30, 40), *clips_of("b", 25, 20), *clips_of("alone", 0, 30)]


def test_each_source_with_both_classes_is_held_out_as_a_whole(clips):
    folds = make_folds(clips, most_tested=40)
    assert [fold.source for fold in folds] == ["a", "b"]
    for fold in folds:
        assert {clip.source for clip in fold.test} == {fold.source}
        assert fold.source not in {clip.source for clip in fold.train + fold.dev}
        assert len(fold.test) <= 40
        speakers = {clip.speaker for clip in fold.dev if clip.system == "-"}
        assert speakers.isdisjoint(clip.speaker for clip in fold.train)
        systems = {clip.system for clip in fold.dev} - {"-"}
        assert systems.isdisjoint(clip.system for clip in fold.train)


def test_dev_has_several_systems_unless_a_fold_is_named(clips):
    giant = [
        dataclasses.replace(clip, system="giant", speaker=f"g{place % 5}", name=f"g/{place}")
        for place, clip in enumerate(clips_of("b", 0, 200))
    ]
    rest = [*clips, *clips_of("c", 20, 30), *giant]

    def systems(part):
        return {clip.system for clip in part if clip.system != "-"}

    _, alone = source_folds.split_dev(rest, 0)
    assert systems(alone) == {"giant"}
    train, dev = source_folds.split_dev(rest, None)
    assert len(systems(dev)) >= source_folds.LEAST_DEV_SYSTEMS
    assert "giant" in systems(train)
    assert make_folds(rest, 40)[0].dev != make_folds(rest, 40, 0)[0].dev


def test_copies_are_those_of_utterance_gen_and_are_kept(clips, tmp_path):
    some = clips[:3]
    made = Degrader(tmp_path).with_copies(some, 1)
    assert made[:3] == some
    for clip, copy in zip(some, made[3:], strict=True):
        chain = draw_chain(1, clip.name, 1)
        expected = degrade(clip.samples, chain, seed_of(1, clip.name, 1))
        np.testing.assert_array_equal(copy.samples, expected)
        assert (copy.system, copy.speaker) == (clip.system, clip.speaker)
    [kept] = pathlib.Path(tmp_path).iterdir()
    written = kept.stat().st_mtime_ns
    again = Degrader(tmp_path).with_copies(some, 1)
    assert kept.stat().st_mtime_ns == written
    np.testing.assert_array_equal(again[-1].samples, made[-1].samples)


def test_errors_are_at_the_threshold_of_dev(clips):
    fold = make_folds(clips, most_tested=40)[0]

    def level(part):  # a detector of loudness: noise at 0 dB lifts every score
        loud = [np.std(clip.samples) + 200.0 * (clip.system == "-") for clip in part]
        return np.array(loud)

    found = measure_fold(level, fold, ["noise:0"], Degrader(None))
    assert list(found) == [CLEAN, "noise:0"]
    # Dev's loudest spoof, of another source, need not be as loud as the loudest here.
    assert found[CLEAN] == {"eer": 0.0, "far": pytest.approx(0, abs=0.1), "frr": 0.0}
    assert found["noise:0"]["far"] == 1.0
    assert found["noise:0"]["frr"] == 0.0


def test_the_unseen_threshold_is_of_sources_that_the_detector_does_not_know(clips):
    clips = [*clips, *clips_of("c", 22, 24)]
    folds = make_folds(clips, most_tested=40)
    trained = []

    def make_scorer(fold):
        sources = {clip.source for clip in fold.train}
        trained.append(sources)
        # Bona fide 1 above spoof, and everything 10 higher for each source left out.
        return lambda part: np.array(
            [10.0 * (4 - len(sources)) + (clip.system == "-") for clip in part]
        )

    unseen = robustness.UnseenThreshold(clips, folds, make_scorer)
    assert [20 <= unseen.of(source).threshold < 21 for source in ("a", "b", "c")] == [True] * 3
    # A detector for each pair, used for both of its sources.
    assert sorted(map(sorted, trained)) == [["a", "alone"], ["alone", "b"], ["alone", "c"]]

    def scorer(part):
        return np.array([20.5 + (clip.system == "-") for clip in part])

    found = measure_fold(scorer, folds[0], [], Degrader(None), unseen.of("a"))
    assert (found[CLEAN]["far_unseen"], found[CLEAN]["frr_unseen"]) == (1.0, 0.0)
    assert summary([found])[CLEAN]["far_unseen"] == 1.0
    # The calibration puts 0 between 20 and 21, so that 21.5 and 20.5 are above.
    assert unseen.of("a").calibration.apply(np.array([20.5]))[0] == pytest.approx(0, abs=0.1)
    assert found[CLEAN]["min_cllr"] == 0
    assert found[CLEAN]["cllr_unseen"] > 0.1


def test_a_source_below_chance_does_not_decide_the_unseen_threshold(clips):
    clips = [*clips, *clips_of("c", 22, 24)]
    folds = make_folds(clips, most_tested=40)

    def make_scorer(fold):
        del fold
        # On b, spoofs score far higher than bona fide speech.
        return lambda part: np.array(
            [
                100.0 * (clip.system != "-") if clip.source == "b" else float(clip.system == "-")
                for clip in part
            ]
        )

    unseen = robustness.UnseenThreshold(clips, folds, make_scorer)
    assert unseen.of("a").threshold < 1
    assert unseen.of("b").threshold < 1
    assert unseen.of("a").calibration.slope > 0


def test_one_source_has_no_unseen_threshold(clips):
    folds = make_folds(clips, most_tested=40)[:1]
    with pytest.raises(ValueError, match="expected another source than a"):
        robustness.UnseenThreshold(clips, folds, lambda fold: len).of("a")


def test_ratios_are_above_one_where_ours_errs_less():
    ours = [{CLEAN: {"eer": 0.2, "far": 0.2, "frr": 0.2}, "x": {"eer": 0.25, "far": 1.0, "frr": 0}}]
    peer = [{CLEAN: {"eer": 0.4, "far": 0.2, "frr": 0.2}, "x": {"eer": 0.5, "far": 1.0, "frr": 0}}]
    found = ratios({"lfcc_gmm": summary(peer), "default": summary(ours)})
    assert found == {
        "clean_over_worst_condition_eer": pytest.approx(0.8),
        "gmm_over_ours_macro_eer": pytest.approx(2.0),
        "gmm_over_ours_worst_condition_eer": pytest.approx(2.0),
    }


def test_every_variant_is_one_of_the_preset():
    for assignments in robustness.VARIANTS.values():
        robustness.override(robustness.small_corpus(), assignments)
