import numpy as np
import pytest
from voices import RATE, voice

from bonafide.audio.codecs import degrade
from bonafide.metrics.training_range import LEAST_CLIPS, Side
from bonafide.storage import records
from bonafide.trials.trials import make_trials
from components.model_evaluator import training_range

CLIP = 2 * RATE


def write(folder, clips, *, shards=2):
    """Writes examples as UtteranceGen does; a clip is id, label, samples and maybe a chain."""
    folder.mkdir(parents=True)
    for shard in range(shards):
        with (folder / f"utterances-{shard:05d}").open("wb") as file:
            for name, label, samples, *degradation in clips[shard::shards]:
                features = {
                    "utterance_id": [name.encode()],
                    "label": [label],
                    "pcm16": [samples.astype("<i2").tobytes()],
                    "sample_rate": [RATE],
                }
                if degradation:
                    features["degradation"] = [degradation[0].encode()]
                records.write_record(file, records.encode_example(features))


def noisy(number, level=1.0):
    """Wide-band speech, every time another piece of it."""
    samples = np.roll(voice(2.0), 1_000 * number) * level
    return degrade(samples.astype(np.int16), "noise:20", number, RATE)


@pytest.fixture
def uris(tmp_path):
    train = [(f"T{i}", i % 2, noisy(i)) for i in range(2 * LEAST_CLIPS)]
    train += [("T0", 0, noisy(0), "gain:1"), ("silent", 1, np.zeros(RATE, np.int16))]
    write(tmp_path / "train", train)
    for split, prefix in (("dev", "D"), ("eval", "E")):
        plain = [(f"{prefix}{i}", i % 2, noisy(i)) for i in range(4)]
        phone = [
            (f"{prefix}{i}", i % 2, degrade(noisy(i), "lowpass:3400", i, RATE)) for i in (4, 5, 6)
        ]
        write(tmp_path / split, plain + phone, shards=1)
    return {split: str(tmp_path / split) for split in ("train", "dev", "eval")}


def trials(prefix):
    return make_trials(
        utterances=[f"{prefix}{i}" for i in range(7)],
        scores=[-1.0, 1.0, 0.5, 2.0, 1.0, 1.5, -2.0],
        is_bonafide=[bool(i % 2) for i in range(7)],
        attacks=["-" if i % 2 else "A01" for i in range(7)],
        speakers=None,
    )


@pytest.mark.parametrize("normalisation", ["utterance", "utterance_mean"])
def test_ranges_are_those_of_the_clips_of_training_and_their_copies(uris, normalisation):
    found = training_range.measure(
        uris,
        {"clip_samples": CLIP, "normalisation": normalisation},
        scored={"dev": trials("D"), "eval": trials("E")},
        threshold=0.0,
    )
    assert (found.clips, found.copies) == (2 * LEAST_CLIPS + 1, 1)  # not the silent one
    assert 7_500 < found.ranges["bandwidth_hz"].low <= found.ranges["bandwidth_hz"].high <= 8_000
    assert [name for name, one in found.ranges.items() if not one.judged] == ["level_dbfs"]
    check = found.splits["eval"]
    assert check.inside == Side(n_bonafide=2, n_spoof=2, far=0.5, frr=0.0)
    assert check.outside == Side(n_bonafide=1, n_spoof=2, far=0.5, frr=0.0)
    assert found.splits["dev"] == check


def test_levels_are_judged_where_the_features_keep_them(uris):
    found = training_range.measure(uris, {"normalisation": "corpus"}, scored={}, threshold=None)
    assert all(one.judged for one in found.ranges.values())
    assert found.splits == {}


def test_without_examples_of_training_nothing_is_stated(uris, tmp_path):
    nothing = uris | {"train": str(tmp_path / "nothing")}
    assert training_range.measure(nothing, None, scored={}, threshold=None) is None


def test_a_class_is_measured_up_to_a_number(uris, monkeypatch):
    monkeypatch.setattr(training_range, "MOST_CLIPS", LEAST_CLIPS)
    found = training_range.measure(uris, {}, scored={}, threshold=None)
    assert found.clips == 2 * LEAST_CLIPS


def test_error_rates_inside_and_outside():
    scores = np.random.default_rng(0).normal(size=200)
    of_200 = make_trials(
        utterances=[f"U{i:03d}" for i in range(200)],
        scores=scores,
        is_bonafide=[i % 2 == 0 for i in range(200)],
        attacks=["-" if i % 2 == 0 else "A01" for i in range(200)],
        speakers=None,
    )
    names = [*[f"U{i:03d}" for i in range(0, 200)][::-1], "unknown"]
    unlike = np.array([*[i >= 100 for i in range(200)][::-1], True])
    found = training_range.compare(of_200, names, unlike, threshold=None)
    assert (found.inside.n_bonafide, found.outside.n_spoof) == (50, 50)
    assert 0.3 < found.inside.eer < 0.7
    assert (found.inside.far, found.inside.frr) == (None, None)
    decided = training_range.compare(of_200, names, unlike, threshold=0.0)
    assert decided.outside.far == np.mean(scores[101::2] > 0)
    assert decided.outside.frr == np.mean(scores[100::2] <= 0)
