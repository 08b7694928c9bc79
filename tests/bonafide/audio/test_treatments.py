import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonafide.audio.measures import speech_of
from bonafide.audio.treatments import LEVEL_DBFS, TREATMENTS, level, trim

RATE = 16_000


def sound(seconds=0.5, size=3000.0, seed=0):
    """Noise, int16 [N]."""
    random = np.random.default_rng(seed)
    return (
        np.rint(random.normal(size=round(seconds * RATE)) * size).clip(-32768, 32767).astype("<i2")
    )


def padded(before, after, *, samples=None, fill=0):
    samples = sound() if samples is None else samples
    ends = (np.full(n, fill, np.int16) for n in (before, after))
    first, last = ends
    return np.concatenate([first, samples, last])


def test_trimming_leaves_the_speech():
    np.testing.assert_array_equal(trim(padded(3200, 1600), RATE), sound())
    np.testing.assert_array_equal(trim(sound(), RATE), sound())


def test_room_noise_far_below_the_speech_is_silence():
    noise = sound(size=3.0, seed=1)
    assert len(trim(np.concatenate([noise, sound(), noise]), RATE)) == len(sound())


def test_levelling_gives_the_same_recording_whatever_level_and_offset_it_had():
    loud = sound(size=3000)
    quiet = np.rint(loud / 8.0).astype(np.int16) + np.int16(250)
    first, second = level(loud, RATE).astype(float), level(quiet, RATE).astype(float)
    # Rounding to 16 bit at an eighth of the size is all that is left of the difference.
    assert np.abs(first - second).max() <= 0.5 + 0.5 * 8 * np.std(first) / np.std(loud) + 1
    assert abs(second.mean()) < 0.5


def test_the_level_is_that_of_the_speech_alone():
    for before in (0, 16_000):
        _, power = speech_of(level(padded(before, 0), RATE), RATE)
        assert 10 * np.log10(power / 32768**2) == pytest.approx(LEVEL_DBFS, abs=0.05)


def test_no_peak_is_clipped():
    samples = np.rint(80 * np.sin(np.arange(RATE) / 3)).astype(np.int16)
    samples[8000] = 12_000  # a click
    changed = level(samples, RATE)
    assert changed.max() == 32_767
    assert np.argmax(changed) == 8000


@pytest.mark.parametrize("samples", [np.zeros(1, np.int16), np.zeros(RATE, np.int16)])
@pytest.mark.parametrize("name", TREATMENTS)
def test_digital_silence_stays_as_it_is(name, samples):
    np.testing.assert_array_equal(TREATMENTS[name](samples, RATE), samples)


@given(
    samples=st.lists(st.integers(-32768, 32767), min_size=1, max_size=600),
    name=st.sampled_from(sorted(TREATMENTS)),
)
@settings(max_examples=200)
def test_any_recording_stays_a_recording(samples, name):
    samples = np.array(samples, np.int16)
    changed = TREATMENTS[name](samples, RATE)
    assert changed.dtype == np.int16
    assert 0 < len(changed) <= len(samples)
    if name == "trimmed":  # twice is as good as once
        assert len(trim(changed, RATE)) == len(changed)
