"""The network with our kernels and with those of Keras: the same function, weights and steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.kernels import switch
from models.network.conformer import Conformer, ConformerConfig
from models.settings.trainer import TrainerConfig
from models.training.optimizer import build_optimizer

CONFIG = ConformerConfig(
    width=16, num_blocks=2, num_heads=2, kernel_size=5, subsampling_channels=4, dropout=0.0
)
FEATURES = np.random.default_rng(0).normal(size=(3, 40, 12)).astype(np.float32)


def step(kernels):
    """Logits before and after a step on fixed features, and the weights after it."""
    with switch.using(kernels):
        keras.utils.set_random_seed(5)
        model = Conformer(CONFIG)
        model.build((None, None, 12))
        settings = TrainerConfig(epochs=2, learning_rate=0.01, weight_decay=0.1, clip_norm=0.5)
        optimizer = build_optimizer(settings, model, steps_per_epoch=3)

        @tf.function
        def train():
            with tf.GradientTape() as tape:
                logits = tf.cast(model(FEATURES, training=True), tf.float32)
                loss = tf.reduce_mean(tf.square(logits - 3.0))
            variables = model.trainable_variables
            gradients = tape.gradient(loss, [v.value for v in variables])
            optimizer.apply(gradients, variables)
            return logits

        before = train().numpy()
        after = model(FEATURES).numpy()
        names = [weight.path.partition("/")[2] for weight in model.weights]
        return before, after, names, [weight.numpy() for weight in model.weights]


def test_the_network_and_a_training_step_are_the_same():
    ours, theirs = step("fused"), step("keras")
    assert ours[2] == theirs[2]
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=2e-3, atol=2e-3)
    moved = [np.abs(mine - other).max() for mine, other in zip(ours[3], theirs[3], strict=True)]
    assert max(moved) < 2e-3


def operations(function):
    graph = tf.function(function).get_concrete_function().graph
    return {operation.type for operation in graph.get_operations()}


def test_what_is_traced_is_what_was_selected():
    from models.kernels import layers

    norm = layers.LayerNorm()
    norm.build((None, 12))

    def call():
        return norm(tf.ones([2, 12]))

    assert switch.fused()
    ours = operations(call)
    with switch.using("keras"):
        assert not switch.fused()
        theirs = operations(call)
    assert switch.fused()
    assert ours != theirs


@pytest.mark.parametrize("kernels", ["fused", "keras"])
def test_dropout_keeps_the_mean(kernels):
    from models.kernels.dropout import ByteDropout

    with switch.using(kernels):
        keras.utils.set_random_seed(1)
        dropped = ByteDropout(0.25)(tf.ones([200, 200]), training=True).numpy()
    assert set(np.unique(dropped)) == {0.0, np.float32(1 / 0.75)}
    assert dropped.mean() == pytest.approx(1.0, abs=0.02)
