import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.network.conformer import Conformer, ConformerConfig
from models.settings.trainer import TrainerConfig
from models.training.optimizer import build_optimizer, learning_rate_schedule


def test_schedule_rises_linearly_and_falls_as_a_cosine():
    settings = TrainerConfig(
        learning_rate=2.0, warmup_fraction=0.25, final_learning_rate_fraction=0.1
    )
    schedule = learning_rate_schedule(settings, 40)
    rates = [float(schedule(step)) for step in range(41)]
    for step in range(11):
        assert rates[step] == pytest.approx(0.2 + 0.18 * step, rel=1e-5)
    for step in range(10, 41):
        cosine = 0.5 * (1 + math.cos(math.pi * (step - 10) / 30))
        assert rates[step] == pytest.approx(2.0 * (0.1 + 0.9 * cosine), rel=1e-5)


def test_schedule_without_warm_up_starts_at_the_peak():
    schedule = learning_rate_schedule(TrainerConfig(learning_rate=0.5, warmup_fraction=0.0), 10)
    assert float(schedule(0)) == pytest.approx(0.5)
    assert float(schedule(10)) == pytest.approx(0.005)


@pytest.fixture
def model():
    model = keras.Sequential([keras.layers.Dense(2), keras.layers.LayerNormalization()])
    model.build((None, 3))
    return model


def test_of_the_conformer_kernels_decay_and_nothing_else():
    settings = TrainerConfig(learning_rate=0.1, warmup_fraction=0.0, weight_decay=0.5, ema_epochs=0)
    conformer = Conformer(ConformerConfig(width=8, num_blocks=1, num_heads=2))
    conformer.build((None, None, 8))
    optimizer = build_optimizer(settings, conformer, steps_per_epoch=10)
    for variable in conformer.trainable_variables:
        variable.assign(tf.ones_like(variable))
    optimizer.apply([tf.zeros(v.shape) for v in conformer.trainable_variables])
    decayed = {v.path for v in conformer.trainable_variables if not np.allclose(v, 1.0)}
    kernels = {v.path for v in conformer.trainable_variables if v.path.endswith("/kernel")}
    assert decayed == kernels
    assert len(kernels) > 10
    left = {v.name for v in conformer.trainable_variables if v.path not in decayed}
    assert left == {"bias", "gamma", "beta", "content_bias", "position_bias"}


@pytest.mark.parametrize(("clip_norm", "replicas", "expected"), [(2.0, 1, 2.0), (2.0, 4, 0.5)])
def test_gradients_are_clipped_by_their_global_norm(model, clip_norm, replicas, expected):
    settings = TrainerConfig(clip_norm=clip_norm, ema_epochs=0)
    optimizer = build_optimizer(settings, model, steps_per_epoch=10, replicas=replicas)
    optimizer.apply([100.0 * tf.ones(v.shape) for v in model.trainable_variables])
    # After one step Adam's first moment is a tenth of the gradient that it was given.
    moments = [v.numpy() for v in optimizer.variables if v.path.endswith("_momentum")]
    assert len(moments) == len(model.trainable_variables)
    norm = np.sqrt(sum(np.sum(np.square(moment)) for moment in moments))
    assert norm == pytest.approx(0.1 * expected, rel=1e-5)


def test_moving_average_has_the_horizon_in_steps(model):
    settings = TrainerConfig(learning_rate=0.1, warmup_fraction=0.0, weight_decay=0, ema_epochs=0.5)
    optimizer = build_optimizer(settings, model, steps_per_epoch=8)  # 4 steps: momentum 3/4
    seen = []
    for _ in range(3):
        optimizer.apply([tf.ones(v.shape) for v in model.trainable_variables])
        seen.append(model.trainable_variables[0].numpy())
    average = seen[0]
    for value in seen[1:]:
        average = 0.75 * average + 0.25 * value
    optimizer.finalize_variable_values(model.trainable_variables)
    assert np.allclose(model.trainable_variables[0], average, atol=1e-6)
