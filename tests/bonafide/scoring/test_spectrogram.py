import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonafide.scoring import spectrogram
from bonafide.scoring.spectrogram import Spectrogram

RATE = 16_000
WINDOW, HOP = 512, 256


def of(*blocks, rate_hz=RATE):
    found = Spectrogram(rate_hz)
    for block in blocks:
        found.add(np.asarray(block, np.int16))
    return found


def sine(hz, amplitude, seconds):
    t = np.arange(round(seconds * RATE)) / RATE
    return np.rint(amplitude * 32767 * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def test_a_sine_stands_in_its_band_at_its_level():
    found = of(sine(1000, 0.5, 1.0)).decibels()
    assert found.shape == (1 + (RATE - WINDOW) // HOP, 1 + WINDOW // 2)
    # 1 kHz is bin 32 of 31.25 Hz each; half of full scale is -6 dB.
    assert (found.argmax(axis=1) == 32).all()
    assert np.allclose(found.max(axis=1), -6.02, atol=0.02)
    assert found[:, 100:].max() < -60


@settings(max_examples=20)
@given(
    samples=hnp.arrays(np.int16, st.integers(0, 3 * WINDOW)),
    cuts=st.lists(st.integers(0, 3 * WINDOW), max_size=5),
)
def test_blocks_do_not_matter(samples, cuts):
    whole, parts = of(samples), of(*np.split(samples, sorted(cuts)))
    assert whole.samples == parts.samples == len(samples)
    assert np.allclose(whole.decibels(), parts.decibels(), atol=1e-3)


def test_columns_are_merged_and_all_of_them_count(monkeypatch):
    monkeypatch.setattr(spectrogram, "_COLUMNS", 4)
    loud = np.random.default_rng(0).integers(-20_000, 20_000, WINDOW + 39 * HOP).astype(np.int16)
    together = of(loud).decibels()
    assert together.shape[0] == 5  # 40 frames, 8 in each
    monkeypatch.undo()
    alone = 10 ** (of(loud).decibels() / 10)
    assert np.allclose(10 ** (together / 10), alone.reshape(5, 8, -1).mean(axis=1), rtol=1e-4)


@pytest.mark.parametrize("frames", [9, 11, 17, 23, 31])
def test_an_odd_number_of_columns_is_merged_without_loss(monkeypatch, frames):
    monkeypatch.setattr(spectrogram, "_COLUMNS", 4)
    rising = np.repeat(np.arange(1, frames + 2) * 100, HOP).astype(np.int16)
    parts = of(*np.split(rising, range(HOP, len(rising), HOP))).decibels()
    assert parts.shape[0] <= 9  # twice as many as there should be, and what is left over
    assert (np.diff(parts[:, 0]) > 0).all()  # in order, none lost at an end
    monkeypatch.undo()
    last = of(rising).decibels()[-1, 0]
    assert parts[-1, 0] <= last < parts[-1, 0] + 6


def test_silence_and_what_is_shorter_than_a_frame():
    assert (of(np.zeros(RATE)).decibels() == -120).all()
    short = of(sine(4000, 0.5, 0.02)).decibels()
    assert short.shape == (1, 257)
    assert short.argmax() == 128
    assert of().decibels().shape == (1, 257)
    assert of(rate_hz=8_000).decibels().shape == (1, 129)
