"""The steps of training and scoring, compiled, on one device or on several replicas."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.conformer import Conformer
from models.devices import Placement

# Reading the loss makes an accelerator wait, so it is looked at now and then.
_STEPS_BETWEEN_CHECKS = 50


class TrainingDivergedError(RuntimeError):
    """The loss or the scores stopped being finite numbers."""


def make_train_step(
    model: Conformer,
    optimizer: keras.optimizers.Optimizer,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    placement: Placement,
    batch_size: int,
) -> Callable[..., tf.Tensor]:
    """The compiled step on a global batch (features, labels, weights); returns the summed loss."""
    strategy = placement.strategy

    def replica_step(features: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        trained = model.trainable_variables
        with tf.GradientTape() as tape:
            summed = tf.reduce_sum(weights * loss(model(features, training=True), labels))
            # Divided by the size of the *global* batch: gradients of replicas are summed.
            scaled = optimizer.scale_loss(summed / batch_size)
        gradients = tape.gradient(scaled, [v.value for v in trained])
        if placement.replicas > 1:
            # The optimizer clips what each replica hands in and then sums it. Handing in the mean
            # makes that the clipped global gradient, as with one replica.
            context = tf.distribute.get_replica_context()
            gradients = context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
        optimizer.apply(gradients, trained)
        return summed

    @tf.function
    def step(features: Any, labels: Any, weights: Any) -> tf.Tensor:
        summed = strategy.run(replica_step, args=(features, labels, weights))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, summed, axis=None)

    return step


def make_score_step(model: Conformer, placement: Placement) -> Callable[[Any], Any]:
    """The compiled function from a global batch of features to logits, one tensor a replica."""

    @tf.function
    def step(features: Any) -> Any:
        return placement.strategy.run(lambda x: model(x, training=False), args=(features,))

    return step


def train_epoch(
    train_step: Callable[..., tf.Tensor],
    batches: tf.data.Dataset,
    placement: Placement,
    epoch: int,
) -> float:
    """Runs one epoch and returns the sum of the utterances' losses.

    Raises:
        TrainingDivergedError: It is not finite.
    """
    total = tf.constant(0.0)
    distributed = placement.strategy.experimental_distribute_dataset(batches)
    for step, batch in enumerate(distributed, start=1):
        total += train_step(*batch)
        if step % _STEPS_BETWEEN_CHECKS == 0:
            require_finite(float(total), f"the loss at step {step} of epoch {epoch}")
    require_finite(float(total), f"the loss of epoch {epoch}")
    return float(total)


def score_batches(
    score_step: Callable[[Any], Any], batches: tf.data.Dataset, placement: Placement
) -> np.ndarray:
    """Logits of all rows of the batches, in order, float32; what fills the last one comes last."""
    logits = [
        part.numpy()
        for features, _, _ in placement.strategy.experimental_distribute_dataset(batches)
        for part in placement.strategy.experimental_local_results(score_step(features))
    ]
    return np.concatenate(logits)


@contextlib.contextmanager
def averaged_weights(
    model: Conformer, optimizer: keras.optimizers.Optimizer, placement: Placement
) -> Iterator[None]:
    """In the block the model has the moving average of its weights, if the optimizer keeps one."""
    current = [variable.numpy() for variable in model.trainable_variables]
    with placement.strategy.scope():
        optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, current, strict=True):
            variable.assign(value)


def require_finite(value: float, what: str) -> None:
    """Stops training whose figures are no longer numbers.

    Args:
        value: The figure.
        what: Its name in the message.

    Raises:
        TrainingDivergedError: It is NaN or infinite.
    """
    if not math.isfinite(value):
        raise TrainingDivergedError(
            f"{what} is {value}: training has diverged. Lower trainer.learning_rate, raise "
            "trainer.warmup_fraction, or set trainer.clip_norm and trainer.mixed_precision=float32"
        )
