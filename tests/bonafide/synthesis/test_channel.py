"""The chain gives a copy the channel of the real recording."""

import numpy as np
import pytest
import scipy.signal
import soundfile

from bonafide.audio.facts import FileFacts
from bonafide.audio.measures import Clip, measure
from bonafide.synthesis import channel
from bonafide.synthesis.engine import SynthesisError

RATE = 16_000
OPEN = float("inf")


def numbers(pcm):
    facts = FileFacts(RATE, 1, "FLAC/PCM_16", 1)
    found = measure([Clip("x", pcm, facts)], RATE)
    from bonafide.audio.measures import NUMBERS

    return dict(zip(NUMBERS, found.numbers[0], strict=True))


@pytest.fixture(scope="module")
def real(calls):
    path = max(calls.glob("*/*.flac"), key=lambda each: each.stat().st_size)
    return soundfile.read(path, dtype="int16")[0]


def through(samples, measured, *, synthetic):
    random = np.random.default_rng(0)
    return channel.put_on(samples, measured, random, synthetic=synthetic)[0]


@pytest.mark.parametrize("codec", ["none", "alaw", "mp3:32k"])
def test_a_copy_in_another_channel_gets_that_of_the_recording(real, codec):
    measured = channel.measure(real, RATE, codec, OPEN)
    own = through(real / 32_768, measured, synthetic=False)
    copy = scipy.signal.lfilter([1, -0.7], [1], real / 32_768) * 0.05 + 0.02
    copy = np.concatenate([np.zeros(4_000), copy, np.zeros(6_000)])
    made = through(copy, measured, synthetic=True)
    ours, theirs = numbers(own), numbers(made)
    assert theirs["seconds"] == pytest.approx(ours["seconds"], abs=0.06)
    assert theirs["level_dbfs"] == pytest.approx(ours["level_dbfs"], abs=0.5)
    assert theirs["noise_floor_dbfs"] == pytest.approx(ours["noise_floor_dbfs"], abs=3)
    assert theirs["bandwidth_hz"] == pytest.approx(ours["bandwidth_hz"], abs=500)
    assert max(ours["dc_dbfs"], theirs["dc_dbfs"]) < -80
    for found in (ours, theirs):
        assert found["leading_silence_seconds"] <= 0.02
        assert found["trailing_silence_seconds"] <= 0.02


def test_the_real_recording_keeps_its_sound(real):
    measured = channel.measure(real, RATE, "none", OPEN)
    own = through(real / 32_768, measured, synthetic=False)
    assert numbers(own)["level_dbfs"] == pytest.approx(numbers(real)["level_dbfs"], abs=0.3)
    lag = np.argmax(scipy.signal.correlate(real.astype(float), own.astype(float), "valid"))
    assert np.corrcoef(real[lag : lag + len(own)], own)[0, 1] > 0.98


def test_digital_silence_in_a_copy_gets_the_noise_of_the_recording(real):
    measured = channel.measure(real, RATE, "none", OPEN)
    gap = np.concatenate([real, np.zeros(RATE // 2, np.int16), real]) / 32_768
    made = through(gap[: len(real) + RATE], measured, synthetic=True)
    assert np.count_nonzero(made == 0) < 0.2 * len(made)


def test_the_band_of_the_narrowest_engine_limits_the_recording(real):
    measured = channel.measure(real, RATE, "none", 3_700.0)
    own = through(real / 32_768, measured, synthetic=False)
    assert numbers(own)["bandwidth_hz"] < 4_000


def test_too_little_sound_is_a_reason(real):
    with pytest.raises(SynthesisError, match=r"expected 0.3 s between"):
        channel.measure(real[6_000:8_000], RATE, "none", OPEN)
    measured = channel.measure(real, RATE, "none", OPEN)
    with pytest.raises(SynthesisError, match="the copy holds"):
        through(np.zeros(RATE), measured, synthetic=True)


@pytest.mark.parametrize(
    ("encoding", "kilobits", "spec"),
    [
        ("FLAC/PCM_16", 256, "none"),
        ("WAV/PCM_16", 256, "none"),
        ("WAV/ULAW", 64, "mulaw"),
        ("AU/ALAW", 64, "alaw"),
        ("MPEG/MPEG_LAYER_III", 60, "mp3:64k"),
        ("OGG/VORBIS", 80, "vorbis"),
        ("OGG/OPUS", 25, "opus:24k"),
    ],
)
def test_the_codec_of_a_file(encoding, kilobits, spec):
    facts = FileFacts(RATE, 1, encoding, round(kilobits * 125 * 10))
    assert channel.codec_of(facts, 10.0) == spec
