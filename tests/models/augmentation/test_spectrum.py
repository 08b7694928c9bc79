import numpy as np
import tensorflow as tf

from models.augmentation import spectrum


def test_interpolation_is_straight_between_the_points():
    points = tf.constant([[0.0, 1.0, 0.0]])
    np.testing.assert_allclose(
        spectrum.interpolate(points, 9)[0], [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0], atol=1e-6
    )


def test_a_response_of_one_changes_nothing_and_a_cut_does_not_wrap_around():
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 1000)), tf.float32)
    same = spectrum.apply_response(x, lambda bins: tf.ones([1, bins]))
    np.testing.assert_allclose(same, x, atol=1e-5)
    late = np.zeros((1, 1000), np.float32)
    late[0, -1] = 1.0
    smooth = spectrum.apply_response(
        tf.constant(late), lambda bins: tf.exp(-tf.square(tf.linspace(0.0, 4.0, bins)))[None]
    ).numpy()[0]
    assert abs(smooth[-1]) > 0.1
    assert np.abs(smooth[:500]).max() < 1e-5


def test_noise_is_scaled_to_the_ratio_and_silence_stays_silent():
    random = np.random.default_rng(1)
    signal, noise = (tf.constant(random.normal(size=(3, 500)), tf.float32) for _ in range(2))
    ratios = tf.constant([[0.0], [10.0], [20.0]])
    scaled = spectrum.scale_to_snr(noise, signal, ratios)
    found = spectrum.power_of(signal) / spectrum.power_of(scaled)
    np.testing.assert_allclose(found, 10 ** (ratios.numpy() / 10), rtol=1e-4)
    assert np.abs(spectrum.scale_to_snr(tf.zeros([3, 5]), signal[:, :5], ratios)).max() == 0
    assert np.abs(spectrum.normalise_peak(tf.zeros([1, 5]))).max() == 0
