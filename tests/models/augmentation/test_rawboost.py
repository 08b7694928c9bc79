import numpy as np
import scipy.signal
import tensorflow as tf

from models.augmentation import rawboost

RATE = 16000
SEED = tf.constant([7, 11])


def test_notches_are_the_filters_of_firwin(monkeypatch):
    """One notch of known taps, centre and width against SciPy's, magnitude by magnitude."""
    monkeypatch.setattr(rawboost, "_NOTCHES", 1)
    monkeypatch.setattr(rawboost, "_CENTRE_HZ", (3000.0, 3000.0))
    monkeypatch.setattr(rawboost, "_WIDTH_HZ", (800.0, 800.0))
    monkeypatch.setattr(rawboost, "_TAPS", (60, 61))  # made odd: 61
    size = 4096
    found = rawboost.notches(SEED, [1, 1], size, RATE).numpy()[0, 0]
    taps = scipy.signal.firwin(61, [2600, 3400], window="hamming", fs=RATE)
    _, response = scipy.signal.freqz(taps, worN=1 + size // 2, fs=RATE, include_nyquist=True)
    expected = np.abs(response) / np.abs(response).max()
    np.testing.assert_allclose(np.abs(found), expected, atol=2e-3)


def test_five_notches_have_a_gain_of_at_most_one_and_cut_something():
    found = rawboost.notches(SEED, [20, 3], 8192, RATE).numpy()
    assert found.shape == (20, 3, 4097)
    assert np.abs(found).max() < 1.01
    # Filters differ from clip to clip and from power to power.
    assert len(np.unique(found.reshape(60, -1).round(4), axis=0)) == 60
    assert np.median(np.abs(found).min(axis=-1)) < 0.7


def test_convolution_makes_harmonics():
    wave = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    x = tf.constant(np.tile(wave, (8, 1)), tf.float32)
    changed = rawboost.convolve(x, seed=SEED, sample_rate=RATE).numpy()
    spectrum = np.abs(np.fft.rfft(changed))
    np.testing.assert_allclose(np.abs(changed).max(axis=1), 1.0, atol=1e-6)
    assert np.abs(changed.mean(axis=1)).max() < 1e-3  # the even powers' offset is taken away
    for hz in (2000, 3000, 4000, 5000):
        assert (spectrum[:, hz] > 5 * np.median(spectrum, axis=1)).mean() > 0.5
    harmonics = spectrum[:, [2000, 3000, 4000, 5000]].max(axis=1)
    assert (harmonics < spectrum[:, 1000]).all()


def test_impulses_touch_at_most_a_tenth_of_the_samples():
    random = np.random.default_rng(3)
    x = random.uniform(-0.5, 0.5, size=(50, 4000)).astype(np.float32)
    x[:, 0] = 1.0  # so that the peak, and with it the scale, is known
    changed = rawboost.impulses(tf.constant(x), seed=SEED).numpy()
    scale = np.median(changed / np.where(x == 0, 1, x), axis=1, keepdims=True)
    touched = ~np.isclose(changed, x * scale, rtol=1e-3, atol=1e-6)
    shares = touched.mean(axis=1)
    assert shares.max() < 0.12
    assert shares.max() > 0.07
    assert shares.min() < 0.03
    ratio = (changed / scale / x)[touched]
    assert ratio.min() > -1.01  # 1 + 2 f with f in [-1, 1]
    assert ratio.max() < 3.01


def test_stationary_noise_has_the_ratio_that_was_asked_for():
    x = tf.constant(np.random.default_rng(1).normal(size=(4, 8000)), tf.float32)
    added = rawboost.stationary(x, seed=SEED, snr_db=(15.0, 15.0), sample_rate=RATE) - x
    ratio = 10 * np.log10((x.numpy() ** 2).mean(axis=1) / (added.numpy() ** 2).mean(axis=1))
    np.testing.assert_allclose(ratio, 15.0, atol=0.01)
