import json

import numpy as np
import pytest

from bonafide.metrics import training_range
from bonafide.metrics.training_range import QUALITIES, Range, Side, SplitCheck, TrainingRange

# Bandwidth, level, speech above noise, length of a segment, share of speech, roughness.
TYPICAL = (7600.0, -24.0, 30.0, 2.0, 0.9, 5.0)


def clips(count, *, seed=0, **means):
    """Qualities of clips, some around `TYPICAL`."""
    centre = [means.get(q.name, value) for q, value in zip(QUALITIES, TYPICAL, strict=True)]
    spread = (100.0, 1.0, 3.0, 0.0, 0.03, 0.4)
    return np.random.default_rng(seed).normal(centre, spread, (count, len(QUALITIES)))


def fitted(values, bonafide=None, **options):
    flags = np.arange(len(values)) % 2 == 0 if bonafide is None else bonafide
    return training_range.fit(values, flags, **options)


def like(**changes):
    names = [quality.name for quality in QUALITIES]
    return [changes.get(name, value) for name, value in zip(names, TYPICAL, strict=True)]


def test_a_range_holds_all_but_the_tails_of_a_class():
    values = np.tile(np.array(TYPICAL), (200, 1))
    values[:, 1] = np.repeat(np.linspace(-30, -20, 100), 2)  # both classes alike
    found = fitted(values)
    assert found.ranges["level_dbfs"].low == pytest.approx(-29.75)
    assert found.ranges["level_dbfs"].high == pytest.approx(-20.25)
    assert found.clips == 200


def test_a_class_with_few_clips_counts_as_much_as_the_other():
    values = np.concatenate([clips(20, level_dbfs=-40.0), clips(2_000)])
    found = fitted(values, np.arange(2_020) < 20)
    assert found.ranges["level_dbfs"].low < -39
    assert found.ranges["level_dbfs"].high > -24


def test_outside_of_a_range_by_more_than_the_margin_is_unlike_training():
    found = fitted(clips(400))
    low = found.ranges["bandwidth_hz"].low
    assert found.reasons(like()) == []
    assert found.reasons(like(bandwidth_hz=low - 499)) == []
    assert found.reasons(like(bandwidth_hz=low - 501)) != []
    assert found.reasons(like(bandwidth_hz=3_400.0)) == [
        f"bandwidth 3.4 kHz (training: {low / 1000:.1f} to 7.8 kHz)"
    ]
    assert len(found.reasons(like(bandwidth_hz=3_400.0, level_dbfs=-60.0))) == 2
    assert found.reasons(like(bandwidth_hz=float("nan"))) == []  # not known
    assert found.unlike(np.array([like(), like(snr_db=-20.0)])).tolist() == [False, True]


def test_words_need_no_decimals():
    found = TrainingRange({q.name: Range(8_000.0, 8_000.0) for q in QUALITIES}, 20)
    assert found.words(QUALITIES[0]) == "8 kHz"
    ends = Range(7_200.0, 8_000.0)
    found = TrainingRange({q.name: ends for q in QUALITIES}, 20)
    assert found.words(QUALITIES[0]) == "7.2 to 8 kHz"


def test_a_range_without_width_has_its_margin():
    found = fitted(np.tile(np.array(TYPICAL), (40, 1)))
    assert found.ranges["level_dbfs"] == Range(-24.0, -24.0)
    assert found.reasons(like(level_dbfs=-29.0)) == []
    assert found.reasons(like(level_dbfs=-31.0)) == ["level -31 dBFS (training: -24 dBFS)"]


def test_training_on_telephone_and_wide_band_speech():
    """Telephone speech is in range where one clip of ten of each class was telephone speech."""
    values = clips(1_000)
    values[::10] = clips(100, bandwidth_hz=3_450.0, seed=1)
    values[1::10] = clips(100, bandwidth_hz=3_450.0, seed=2)
    assert fitted(values).reasons(like(bandwidth_hz=3_400.0)) == []
    # A clip or two in a hundred make no range.
    few = clips(1_000)
    few[:20] = clips(20, bandwidth_hz=3_450.0)
    assert fitted(few).reasons(like(bandwidth_hz=3_400.0)) != []


def test_less_than_two_of_a_hundred_like_training_are_marked():
    found = fitted(clips(1_000))
    assert found.unlike(clips(1_000, seed=9)).mean() < 0.02


def test_what_the_features_take_out_is_stated_and_not_judged():
    found = fitted(clips(100), unnoticed=["level_dbfs"])
    assert found.reasons(like(level_dbfs=-70.0)) == []
    titles = [(title, note) for title, _, note in training_range.range_words(found)]
    assert titles[0] == ("bandwidth", "unlike training if more than 0.5 kHz outside")
    assert titles[2][1] == "unlike training if more than 4 dB below or 15 above"
    assert titles[1] == ("level", "not judged: the model's features are the same at any level")


def test_with_too_few_clips_of_a_class_nothing_is_stated():
    assert fitted(clips(100), np.arange(100) < training_range.LEAST_CLIPS) is not None
    assert fitted(clips(100), np.arange(100) < training_range.LEAST_CLIPS - 1) is None
    assert fitted(np.zeros((0, len(QUALITIES)))) is None


def test_a_split():
    unlike = np.array([True, False, False, False])
    found = training_range.check(unlike, np.array([True, True, False, False]))
    assert found == SplitCheck(Side(1, 2), Side(1, 0))
    assert found.unlike_share == 0.25
    assert training_range.split_words("dev", found) == (
        "Of 4 clips of dev, 1 (25.0 %) are unlike training."
    )
    told = SplitCheck(Side(100, 100, 0.2, 0.3, 0.1), Side(20, 20, 0.4, 0.6, 0.2))
    assert training_range.split_words("eval", told) == (
        "Of 240 clips of eval, 40 (16.7 %) are unlike training: EER 40 % of these and 20 % of the "
        "others, FAR 60 % of these and 30 % of the others, FRR 20 % of these and 10 % of the "
        "others."
    )
    assert training_range.check(unlike[:0], unlike[:0]).unlike_share == 0


def test_it_survives_the_file():
    split = SplitCheck(Side(100, 100, 0.2, 0.3, 0.1), Side(1, 0))
    found = fitted(clips(100), copies=40, unnoticed=["level_dbfs"])
    found = TrainingRange(found.ranges, found.clips, found.copies, {"eval": split})
    assert TrainingRange.from_text(json.dumps(found.to_json())) == found


def test_an_older_file_has_no_range_of_roughness():
    content = fitted(clips(100)).to_json()
    rough = like(roughness_db=11.0)
    assert TrainingRange.from_json(content).reasons(rough) == [
        f"roughness of the spectrum 11 dB (training: {fitted(clips(100)).words(QUALITIES[-1])})"
    ]
    del content["ranges"]["roughness_db"]
    found = TrainingRange.from_json(content)
    assert found.reasons(rough) == []
    assert found.reasons(like(bandwidth_hz=3_400.0)) != []
    titles = [title for title, _, _ in training_range.range_words(found)]
    assert titles == [quality.title for quality in QUALITIES[:-1]]
    assert TrainingRange.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: "{", "no JSON"),
        (lambda c: "[]", "expected an object"),
        (lambda c: json.dumps(c | {"format": 2}), "expected format 1, got 2"),
        (lambda c: json.dumps(c | {"ranges": {}}), "bandwidth_hz"),
        (lambda c: json.dumps(c | {"clips": "many"}), "many"),
        (lambda c: json.dumps(c | {"splits": {"dev": {"inside": {}}}}), "outside|n_bonafide"),
        (
            lambda c: json.dumps(c).replace('"low": ', '"low": 1e999, "was": '),
            "finite numbers",
        ),
    ],
)
def test_a_damaged_file(change, reason):
    content = fitted(clips(100)).to_json()
    with pytest.raises(training_range.TrainingRangeError, match=reason):
        TrainingRange.from_text(change(content))
