import pathlib

import numpy as np
import pytest
import soundfile
import voices
from hypothesis import given
from hypothesis import strategies as st

from bonafide.audio import activity

RATE = 16_000
HOP = activity.hop_samples(RATE)
EVAL = pathlib.Path(__file__).resolve().parents[3] / "samples/LA/ASVspoof2019_LA_eval/flac"


def speech(samples, rate_hz=RATE):
    return activity.probabilities(samples, rate_hz) >= activity.SPEECH_FROM


def pcm(sound, level_dbfs):
    scaled = sound / np.sqrt(np.mean(np.square(sound))) * 10 ** (level_dbfs / 20)
    return np.clip(np.rint(scaled * 32_768), -32_768, 32_767).astype(np.int16)


def noise(level_dbfs, seconds=4.0, colour=0.0, seed=0):
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=count))
    spectrum *= np.arange(len(spectrum)).clip(1) ** -colour
    return pcm(np.fft.irfft(spectrum, count), level_dbfs)


def tones(*hz, seconds=4.0):
    times = np.arange(round(seconds * RATE)) / RATE
    return sum(np.sin(2 * np.pi * one * times) for one in hz)


@pytest.fixture(scope="module")
def clips():
    """Every fourteenth of the bundled eval clips, of which the detector has seen none."""
    paths = sorted(EVAL.glob("*.flac"))[::14]
    return [soundfile.read(path, dtype="int16")[0] for path in paths]


NO_SPEECH = {
    "silence": np.zeros(4 * RATE, np.int16),
    "offset": np.full(4 * RATE, 3_000, np.int16),
    **{f"white {level}": noise(level) for level in (-70, -60, -40, -20, -6)},
    **{f"pink {level}": noise(level, colour=0.5) for level in (-60, -40, -20)},
    "tone": pcm(tones(440), -12),
    "chord": pcm(tones(220, 275, 330, 440, 550, 660), -20),
    "dial tone": pcm(tones(350, 440), -20),
    "beeps": pcm(tones(1000) * (np.arange(4 * RATE) // 4_000 % 2), -20),
    "pulses": pcm(noise(-20).astype(float) * (1 + np.sin(np.arange(4 * RATE) / 640)), -20),
}


@pytest.mark.parametrize("name", NO_SPEECH)
def test_what_is_no_speech(name):
    assert speech(NO_SPEECH[name]).mean() < 0.02
    assert activity.speech_seconds(NO_SPEECH[name], RATE) < 0.1
    assert not activity.holds_speech(NO_SPEECH[name], RATE, 0.3)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("gain", [1.0, 0.05])
def test_a_voice_is_speech_at_any_rate_and_level(rate_hz, gain):
    samples = np.rint(voices.voice(3.0, rate_hz) * gain).astype(np.int16)
    # Measured: 0.95, and 0.68 of a voice that is 26 dB fainter.
    assert speech(samples, rate_hz).mean() > (0.9 if gain == 1 else 0.6)
    assert activity.holds_speech(samples, rate_hz, 0.3)
    assert activity.hop_samples(rate_hz) / rate_hz == pytest.approx(activity.HOP_SECONDS, rel=0.01)


def test_an_offset_hides_nothing():
    assert speech(voices.level(5.0, 3.0)).mean() > 0.9


def test_clips_of_people_and_of_synthesis_are_mostly_speech(clips):
    shares = [speech(samples).mean() for samples in clips]
    assert np.mean(shares) > 0.75
    assert np.mean([activity.holds_speech(samples, RATE, 0.3) for samples in clips]) == 1.0


def test_several_voices_at_once_are_speech(clips):
    sound = sum(np.resize(samples, 4 * RATE).astype(float) for samples in clips[:5])
    assert speech(pcm(sound, -20)).mean() > 0.7


@pytest.mark.parametrize("samples", [0, 1, HOP - 1, HOP, HOP + 1, 40_000, 5 * RATE * 4])
def test_there_is_a_frame_for_every_hop_begun(samples):
    found = activity.probabilities(np.zeros(samples, np.int16), RATE)
    assert len(found) == -(-samples // HOP)
    assert found.dtype == np.float32


@given(st.lists(st.integers(0, 70_000), max_size=8), st.integers(0, 2**31))
def test_blocks_do_not_matter(lengths, seed):
    rng = np.random.default_rng(seed)
    samples = np.concatenate([noise(-20, 1.0), voices.voice(4.0), noise(-40, 1.0)])
    samples = samples[: rng.integers(len(samples))]
    whole = activity.probabilities(samples, RATE)
    blocks = np.split(samples, np.minimum(np.cumsum(lengths), len(samples)))
    parts = list(activity.measured(blocks, RATE))
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_it_holds_little_and_answers_while_a_recording_goes_on():
    meter = activity.ActivityMeter(RATE)
    block, found = voices.voice(1.0), 0
    for second in range(1, 61):
        found += len(meter.add(block))
        assert len(meter._held) <= 5 * RATE
        assert found >= (second - 5) / activity.HOP_SECONDS
    assert found + len(meter.finish()) == -(-60 * RATE // HOP)


def test_speech_begins_and_ends_where_its_sound_does():
    samples = np.concatenate([np.zeros(2 * RATE, np.int16), voices.voice(2.0), np.zeros(RATE * 2)])
    places = np.flatnonzero(speech(samples.astype(np.int16))) * HOP / RATE
    assert places[0] == pytest.approx(2.0, abs=0.05)
    assert places[-1] == pytest.approx(4.0, abs=0.05)
    # Whatever the network says: no frame behind the last sound.
    assert places[-1] < 4.0


def test_silence_behind_a_recording_changes_nothing_in_it(clips):
    for samples in clips:
        before = activity.probabilities(samples, RATE)
        after = activity.probabilities(
            np.concatenate([samples, np.zeros(3 * RATE, np.int16)]), RATE
        )
        # The last frame may hold a part of both.
        np.testing.assert_array_equal(after[: len(before)], before)
        assert not np.any(after[len(before) :] >= activity.SPEECH_FROM)


@pytest.mark.parametrize("colour", [0.0])
def test_faint_noise_behind_a_recording_is_no_speech_and_moves_no_end(clips, colour):
    moved = []
    for number, samples in enumerate(clips):
        before = np.flatnonzero(speech(samples))
        behind = np.concatenate([samples, noise(-60, 3.0, colour, seed=number)])
        after = np.flatnonzero(speech(behind))
        moved.append(abs(int(after[-1]) - int(before[-1])))
        assert moved[-1] <= 3
    assert np.mean(np.array(moved) == 0) >= 0.9


def test_what_is_fainter_than_speech_is_none():
    faint = np.rint(voices.voice(2.0) / 600).astype(np.int16)
    assert not speech(faint).any()


def test_it_stops_where_enough_is_found(monkeypatch):
    computed = []
    features = activity.features

    def counted(samples, rate_hz):
        computed.append(len(samples))
        return features(samples, rate_hz)

    monkeypatch.setattr(activity, "features", counted)
    activity._silent_frame.cache_clear()
    assert activity.holds_speech(voices.voice(60.0), RATE, 0.3)
    assert sum(computed) < 3 * RATE
    assert not activity.holds_speech(voices.voice(0.2), RATE, 0.3)
    assert not activity.holds_speech(np.zeros(0, np.int16), RATE, 0.3)
