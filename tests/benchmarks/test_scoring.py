"""The two sides of the benchmark score the same network, and figures are what they say."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from benchmarks import recordings, scoring
from bonafide.scoring.model import Model, Scorer
from models.features.preprocessing import FEATURES, PCM16
from models.network.conformer import ConformerConfig
from models.settings.features import FeatureConfig

TINY = ConformerConfig(
    width=8, num_blocks=1, num_heads=2, kernel_size=3, subsampling_channels=2, pooling_width=4
)
SHORT = FeatureConfig(clip_samples=2000, num_bands=16)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    scoring.transform(folder / "transform", SHORT)
    scoring.export(folder, TINY, SHORT, folder / "transform")
    return folder


def test_both_sides_hold_the_same_network(exported):
    samples = np.random.default_rng(0).normal(0, 2000, (2, SHORT.clip_samples)).astype("<i2")
    pcm16 = tf.constant([row.tobytes() for row in samples])
    ours = tf.saved_model.load(str(exported / "ours")).signatures["score_pcm16"](pcm16=pcm16)
    layer = tft.TFTransformOutput(str(exported / "transform")).transform_features_layer()
    features = layer({PCM16: pcm16[:, None]})[FEATURES]
    bare = tf.saved_model.load(str(exported / "bare_forward")).signatures["forward"]
    assert np.allclose(bare(features=features)["score"], ours["score"], atol=1e-5)
    assert np.std(ours["score"]) > 0


def test_sides_take_turns(exported, monkeypatch):
    monkeypatch.setattr(scoring, "BATCH_SIZES", (1, 2))
    found = scoring.compare(scoring.commands_for(exported, SHORT), rounds=1, seconds=0.0)
    assert set(found) == {"ours", "bare_forward"}
    for figures in found.values():
        assert figures["start_seconds"] > figures["load_seconds"] > 0
        assert figures["peak_mebibytes"] > 100
        assert figures["batch_2"]["calls"] == 1
    assert set(scoring.ratios(found, "S")) == {
        f"ours_over_bare_forward_S_batch_{batch}{cpu}" for batch in (1, 2) for cpu in ("", "_cpu")
    }


def test_figures_are_of_all_turns_and_ratios_ours_over_theirs():
    answers = [
        {"took": [0.1, 0.3], "cpu_seconds": 0.5, "others_share": 0.0},
        {"took": [0.2], "cpu_seconds": 0.5, "others_share": 0.5},
    ]
    figures = scoring.summarise(answers, 4)
    assert figures == pytest.approx(
        {
            "clips_per_second": 20.0,
            "clips_per_cpu_second": 12.0,
            "p50_milliseconds": 200.0,
            "p99_milliseconds": 298.0,
            "calls": 3,
            "others_share": 0.25,
        }
    )
    slower = figures | {"clips_per_second": 40.0, "clips_per_cpu_second": 15.0}
    found = {
        side: {"batch_1": mine, "batch_32": mine}
        for side, mine in (("ours", figures), ("bare_forward", slower))
    }
    assert scoring.ratios(found, "S")["ours_over_bare_forward_S_batch_1"] == pytest.approx(0.5)
    assert scoring.ratios(found, "S")["ours_over_bare_forward_S_batch_32_cpu"] == pytest.approx(0.8)


def test_files_are_scored_with_and_without_the_detector(exported, monkeypatch):
    about = Model(exported / "ours", SHORT.sample_rate, SHORT.clip_samples, {})
    monkeypatch.setattr(recordings, "SECONDS", 1)
    monkeypatch.setattr(recordings, "KINDS", (("wav", 16_000), ("flac", 44_100)))
    scored = []
    score = recordings.score
    monkeypatch.setattr(
        recordings, "score", lambda *given: scored.append(score(*given)) or scored[-1]
    )
    found = recordings.compare(about, Scorer(about), count=2, rounds=1)
    assert set(found) == {
        f"{name}_{kind}{cpu}"
        for kind in ("wav_16000", "flac_44100")
        for name, cpu in (
            *(("with_over_without_detector", ""), ("with_over_without_detector", "_cpu")),
            ("detector_share", "_cpu"),
        )
    }
    assert all(value > 0 for value in found.values())
    # The first call warms up; then both sides, of each kind.
    _, by_detector, all_is_speech = scored[:3]
    assert len(by_detector) == len(all_is_speech) == 2
    for one, other in zip(by_detector, all_is_speech, strict=True):
        [track], [whole] = one.tracks, other.tracks
        assert whole.speech_seconds == pytest.approx(1.0, abs=0.02)
        assert track.speech_seconds <= whole.speech_seconds
        assert track.segments
