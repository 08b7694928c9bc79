import keras
import numpy as np
import tensorflow as tf

from models.kernels.optimizer import AdamW
from models.settings.trainer import TrainerConfig
from models.training.optimizer import learning_rate_schedule


def test_updates_are_those_of_keras():
    results = []
    for optimizer_class in (AdamW, keras.optimizers.AdamW):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.layers.Dense(2), keras.layers.LayerNormalization()])
        model.build((None, 3))
        schedule = learning_rate_schedule(TrainerConfig(learning_rate=0.1), 20)
        optimizer = optimizer_class(schedule, weight_decay=0.3, global_clipnorm=1.0, use_ema=True)
        optimizer.exclude_from_weight_decay(var_list=[model.layers[0].bias])
        optimizer.build(model.trainable_variables)
        rng = np.random.default_rng(0)
        for _ in range(5):
            gradients = [rng.normal(size=v.shape).astype(np.float32) for v in model.weights]
            optimizer.apply([tf.constant(gradient) for gradient in gradients])
        results.append([v.numpy() for v in (*model.weights, *optimizer.variables)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
