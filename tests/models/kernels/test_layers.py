"""`models.kernels.layers`, written by hand, against what Keras computes and TensorFlow derives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.kernels import layers

SHAPE = (2, 7, 12)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def value_and_gradients(function, variables, weights):
    with tf.GradientTape() as tape:
        value = function()
        total = tf.reduce_sum(tf.cast(value, tf.float32) * weights)
    return [value, *tape.gradient(total, variables)]


def called(layer, variable):
    return lambda: layer(tf.cast(variable, layer.compute_dtype))


def assert_same(ours, keras_, tolerance):
    for mine, theirs in zip(ours, keras_, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(
            tf.cast(mine, tf.float32), tf.cast(theirs, tf.float32), rtol=tolerance, atol=tolerance
        )


# Keras rounds to bfloat16 after every operation where we do after the last, so the bound is its.
PRECISIONS = pytest.mark.parametrize(
    ("policy", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 0.06)]
)


@PRECISIONS
def test_layer_norm_and_its_gradients_are_those_of_keras(policy, tolerance):
    mine = layers.LayerNorm(epsilon=1e-5, dtype=policy)
    theirs = keras.layers.LayerNormalization(epsilon=1e-5, dtype=policy)
    x = tf.Variable(3 + 2 * draw(*SHAPE))
    results = []
    for layer in (mine, theirs):
        layer.build(SHAPE)
        layer.gamma.assign(draw(12, seed=1))
        layer.beta.assign(draw(12, seed=2))
        variables = [x, layer.gamma.value, layer.beta.value]
        results.append(value_and_gradients(called(layer, x), variables, draw(*SHAPE, seed=3)))
    assert [w.name for w in mine.weights] == [w.name for w in theirs.weights]
    assert_same(*results, tolerance)


@PRECISIONS
def test_dense_is_that_of_keras(policy, tolerance):
    mine = layers.Dense(5, activation=layers.swish, dtype=policy)
    theirs = keras.layers.Dense(5, activation="swish", dtype=policy)
    x = tf.Variable(draw(*SHAPE))
    results = []
    for layer in (mine, theirs):
        layer.build(SHAPE)
        layer.set_weights([draw(12, 5, seed=1), draw(5, seed=2)])
        variables = [x, layer.kernel.value, layer.bias.value]
        results.append(
            value_and_gradients(
                lambda layer=layer: layer(x + 0.0), variables, draw(2, 7, 5, seed=3)
            )
        )
    assert results[0][0].shape == (2, 7, 5)
    assert_same(*results, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.03)])
def test_swish_and_gated_and_their_gradients(dtype, tolerance):
    # Far out as well: nothing overflows, and slopes are 0 and 1.
    x = tf.Variable(tf.cast(tf.concat([draw(2, 20), [[-90.0] * 4, [90.0] * 4]], 1), dtype))
    exact = tf.Variable(tf.cast(x, tf.float32))

    def naive_gated(x):
        value, gate = tf.split(x, 2, axis=-1)
        return value * tf.sigmoid(gate)

    for ours, naive in ((layers.swish, lambda x: x * tf.sigmoid(x)), (layers.gated, naive_gated)):
        weights = draw(*naive(exact).shape, seed=1)
        mine = value_and_gradients(lambda f=ours: f(x), [x], weights)
        theirs = value_and_gradients(lambda f=naive: f(exact), [exact], weights)
        assert_same(mine, [tf.cast(t, dtype) for t in theirs], tolerance)
