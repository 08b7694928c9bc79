import pathlib
import tracemalloc

import numpy as np
import pytest
from voices import voice

from bonafide.audio.codecs import degrade
from bonafide.audio.decoding import decode
from bonafide.metrics import training_range
from bonafide.metrics.training_range import QUALITIES
from bonafide.scoring import ahead
from bonafide.scoring.qualities import QualityMeter, qualities_of
from bonafide.scoring.reading import Track
from bonafide.scoring.windows import SpeechCutter

SAMPLES = pathlib.Path(__file__).resolve().parents[3] / "samples/LA"
RATE, CLIP = 16_000, 32_000
NAMES = [quality.name for quality in QUALITIES]


def measured(samples, clip=CLIP):
    found = qualities_of(samples, RATE, clip)
    return None if found is None else dict(zip(NAMES, found, strict=True))


def bundled(split, every):
    """Clips of the bundled corpus with their class, one of so many."""
    [protocol] = (SAMPLES / "ASVspoof2019_LA_cm_protocols").glob(f"*.{split}.*")
    folder = SAMPLES / f"ASVspoof2019_LA_{split}" / "flac"
    rows = [line.split() for line in protocol.read_text().splitlines()[::every]]
    clips = [decode((folder / f"{row[1]}.flac").read_bytes(), RATE, 0.3) for row in rows]
    return clips, np.array([row[4] == "bonafide" for row in rows])


def values_of(clips, spec="none"):
    found = [
        qualities_of(degrade(clip, spec, seed, RATE), RATE, CLIP) for seed, clip in enumerate(clips)
    ]
    return np.array([values for values in found if values is not None])


@pytest.fixture(scope="module")
def training():
    """Wide-band clips, and the ranges of their speech."""
    clips, is_bonafide = bundled("train", 1)
    # Of a few the detector of speech hears none.
    held = [qualities_of(clip, RATE, CLIP) is not None for clip in clips]
    clips = [clip for clip, speech in zip(clips, held, strict=True) if speech]
    is_bonafide = is_bonafide[held]
    assert len(clips) > 630
    return clips, is_bonafide, training_range.fit(values_of(clips), is_bonafide)


def test_silence_around_changes_nothing():
    speech, silence = voice(3.0), np.zeros(5 * RATE, np.int16)
    alone, padded = measured(speech), measured(np.concatenate([silence, speech, silence]))
    assert padded["bandwidth_hz"] == pytest.approx(alone["bandwidth_hz"], abs=200)
    assert padded["level_dbfs"] == pytest.approx(alone["level_dbfs"], abs=0.5)
    assert padded["segment_seconds"] == pytest.approx(alone["segment_seconds"], abs=0.1)


def test_what_is_measured():
    plain, quiet = measured(voice(3.0)), measured((voice(3.0) / 10).astype(np.int16))
    assert plain["level_dbfs"] - quiet["level_dbfs"] == pytest.approx(20, abs=0.5)
    assert plain["segment_seconds"] == 2.0  # of a clip's length at most
    assert plain["speech_share"] == pytest.approx(1, abs=0.05)
    noisy = measured(degrade(voice(3.0), "noise:20", 1, RATE))
    assert noisy["bandwidth_hz"] > 7_000 > 4_500 > plain["bandwidth_hz"]
    assert noisy["snr_db"] < plain["snr_db"]


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_silence_has_no_qualities(seconds):
    assert measured(np.zeros(round(seconds * RATE), np.int16)) is None


def test_training_and_scoring_measure_the_same(training):
    """The values that come with a recording's score are those by which ranges were made."""
    for clip in training[0][:5]:
        halves = np.array_split(clip, 3)
        *_, end, _ = ahead.clips_of([Track("mono", halves)], RATE, CLIP, qualities=True)
        assert end.qualities == qualities_of(clip, RATE, CLIP)


def test_memory_of_a_long_recording_is_flat():
    def held(seconds):
        meter = QualityMeter(RATE)
        blocks = (voice(10.0) for _ in range(round(seconds / 10)))
        tracemalloc.start()
        for _ in meter.watch(SpeechCutter(RATE, CLIP).cut(blocks)):
            pass
        meter.values()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    held(20)
    assert held(300) < held(60) + 100_000


def test_telephone_speech_is_unlike_wide_band_training(training):
    clips, _, found = training
    assert found.unlike(values_of(clips[:20], "lowpass:3400")).all()
    values = values_of(clips[:1], "lowpass:3400")[0]
    [reason] = found.reasons(values)
    assert reason.startswith(f"bandwidth {values[0] / 1000:.1f} kHz")
    assert reason.endswith(f"(training: {found.words(QUALITIES[0])})")


def test_mp3_at_a_low_rate_makes_the_spectrum_rough_and_keeps_the_bandwidth(training):
    clips = training[0][:40]
    plain, coded = values_of(clips), values_of(clips, "mp3:32k")
    rough = NAMES.index("roughness_db")
    assert np.median(coded[:, rough]) > np.median(plain[:, rough]) + 1.5
    limit = np.percentile(plain[:, rough], 50)
    smooth = training_range.fit(plain[plain[:, rough] <= limit], np.arange(20) % 2 == 0)
    marked = smooth.unlike(np.where(np.arange(6) == rough, coded, plain))
    assert marked.mean() > 0.9
    reason = smooth.reasons(coded[0])[-1]
    assert reason.startswith("roughness of the spectrum ")


def test_dev_is_like_training(training):
    clips, _ = bundled("dev", 1)
    assert training[2].unlike(values_of(clips)).mean() < 0.02


def test_telephone_speech_is_like_training_on_both(training):
    clips, is_bonafide = training[0][::3], training[1][::3]
    telephone = values_of(clips[::2], "lowpass:3400")
    both = training_range.fit(
        np.concatenate([values_of(clips), telephone]),
        np.concatenate([is_bonafide, is_bonafide[::2]]),
    )
    held_out, _ = bundled("dev", 8)
    assert both.unlike(values_of(held_out, "lowpass:3400")).mean() < 0.05


@pytest.mark.parametrize(
    "sound",
    [
        lambda t, rng: rng.normal(size=len(t)) * 3_000,
        lambda t, rng: 8_000 * np.sin(2 * np.pi * 440 * t),
        lambda t, rng: 4_000 * sum(np.sin(2 * np.pi * f * t) for f in (261.6, 329.6, 392.0)),
    ],
    ids=["white noise", "a sine", "a chord"],
)
def test_what_is_no_speech_is_not_like_training(training, sound):
    samples = sound(np.arange(5 * RATE) / RATE, np.random.default_rng(0)).astype(np.int16)
    values = qualities_of(samples, RATE, CLIP)
    # Nothing to score, or marked.
    assert values is None or training[2].reasons(values)
