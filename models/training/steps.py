"""The steps of training and scoring, compiled, on one device or on several replicas."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.network.conformer import Conformer
from models.training.devices import Placement

# Reading the loss blocks an accelerator, so it is checked periodically.
_STEPS_BETWEEN_CHECKS = 50


class TrainingDivergedError(RuntimeError):
    """The loss or the scores are not finite."""


@dataclasses.dataclass(frozen=True)
class EpochFigures:
    """Figures of an epoch of training.

    Attributes:
        loss: Sum of the utterances' losses.
        waiting_share: Share of the epoch's time spent waiting for input.
    """

    loss: float
    waiting_share: float


def make_train_step(
    model: Conformer,
    optimizer: keras.optimizers.Optimizer,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    placement: Placement,
    batch_size: int,
    *,
    pieces: int = 1,
    xla: bool = False,
) -> Callable[..., tf.Tensor]:
    """Returns the compiled step from a global batch (features, labels, weights) to the summed loss.

    Args:
        model: A built model.
        optimizer: From `build_optimizer`.
        loss: Function from outputs [B] and labels [B] to the loss of each utterance [B].
        placement: Device and strategy.
        batch_size: Utterances of the global batch, a multiple of replicas times pieces.
        pieces: Number of sequential parts of a replica's share. Gradients are accumulated before
            the update of the weights, so that batches can be larger than the memory.
        xla: Whether to compile the gradients with XLA.
    """
    strategy = placement.strategy

    def gradients_of(
        features: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            summed = tf.reduce_sum(weights * loss(model(features, training=True), labels))
            # Divided by the size of the *global* batch: gradients of replicas are summed.
            scaled = optimizer.scale_loss(summed / batch_size)
        return summed, tape.gradient(scaled, [v.value for v in model.trainable_variables])

    if xla:
        gradients_of = tf.function(gradients_of, jit_compile=True)

    def replica_step(features: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        trained = model.trainable_variables
        if pieces == 1:
            summed, gradients = gradients_of(features, labels, weights)
        else:
            summed, gradients = _accumulate(gradients_of, (features, labels, weights), pieces)
        if placement.replicas > 1:
            # The optimizer clips the gradient of each replica and then sums them. Passing the mean
            # yields the clipped global gradient, as with one replica.
            context = tf.distribute.get_replica_context()
            gradients = context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
        optimizer.apply(gradients, trained)
        return summed

    @tf.function
    def step(features: Any, labels: Any, weights: Any) -> tf.Tensor:
        summed = strategy.run(replica_step, args=(features, labels, weights))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, summed, axis=None)

    return step


def _accumulate(
    gradients_of: Callable[..., tuple[tf.Tensor, list[tf.Tensor]]],
    batch: tuple[tf.Tensor, ...],
    pieces: int,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Sums loss and gradients over parts of a batch.

    It is a graph loop with one iteration at a time: TensorFlow would process the parts of an
    unrolled loop in parallel, with all of them in memory.
    """
    parts = [tf.reshape(x, [pieces, x.shape[0] // pieces, *x.shape[1:]]) for x in batch]
    first = gradients_of(*(part[0] for part in parts))

    def add(
        index: tf.Tensor, summed: tf.Tensor, gradients: list[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        more, piece = gradients_of(*(part[index] for part in parts))
        return index + 1, summed + more, [a + b for a, b in zip(gradients, piece, strict=True)]

    _, summed, gradients = tf.while_loop(
        lambda index, *_: index < pieces, add, (1, *first), parallel_iterations=1
    )
    return summed, gradients


def make_score_step(model: Conformer, placement: Placement) -> Callable[[Any], Any]:
    """Returns the compiled function from a global batch to logits, one tensor per replica."""

    @tf.function
    def step(features: Any) -> Any:
        return placement.strategy.run(lambda x: model(x, training=False), args=(features,))

    return step


def train_epoch(
    train_step: Callable[..., tf.Tensor],
    batches: tf.data.Dataset,
    placement: Placement,
    epoch: int,
) -> EpochFigures:
    """Runs one epoch.

    Raises:
        TrainingDivergedError: The loss is not finite.
    """
    total = tf.constant(0.0)
    waited = 0.0
    started = time.monotonic()
    distributed = iter(placement.distribute(batches))
    for step in itertools.count(1):
        asked = time.monotonic()
        batch = next(distributed, None)
        waited += time.monotonic() - asked
        if batch is None:
            break
        total += train_step(*batch)
        if step % _STEPS_BETWEEN_CHECKS == 0:
            require_finite(float(total), f"the loss at step {step} of epoch {epoch}")
    require_finite(float(total), f"the loss of epoch {epoch}")
    return EpochFigures(float(total), waited / (time.monotonic() - started))


def score_batches(
    score_step: Callable[[Any], Any], batches: tf.data.Dataset, placement: Placement
) -> np.ndarray:
    """Returns the logits of all rows in order, float32, including the padding of the last batch.

    Each of several workers scores all rows, without communication.
    """
    logits = [
        part.numpy()
        for features, _, _ in placement.distribute_to_each_worker(batches)
        for part in placement.strategy.experimental_local_results(score_step(features))
    ]
    return np.concatenate(logits)


@contextlib.contextmanager
def averaged_weights(
    model: Conformer, optimizer: keras.optimizers.Optimizer, placement: Placement
) -> Iterator[None]:
    """Gives the model the moving average of its weights in the block, if there is one."""
    current = [variable.numpy() for variable in model.trainable_variables]
    with placement.strategy.scope():
        optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, current, strict=True):
            variable.assign(value)


def require_finite(value: float, what: str) -> None:
    """Stops a training with non-finite figures.

    Args:
        value: The figure.
        what: Name of the figure, for the message.

    Raises:
        TrainingDivergedError: It is NaN or infinite.
    """
    if not math.isfinite(value):
        raise TrainingDivergedError(
            f"{what} is {value}: training has diverged. Lower trainer.learning_rate, raise "
            "trainer.warmup_fraction, or set trainer.clip_norm and trainer.mixed_precision=float32"
        )
