"""Our kernels compared with those of Keras: forward and backward, alternating in one process.

    python -m benchmarks.kernels --json FILE [--rounds 30]

Each kernel is compiled twice, with `models.kernels.switch` at `fused` and at `keras`, and called in
turns, because machines are noisy; the fastest call counts. `ratios` are Keras' time over
ours: above 1, ours is faster. `training_step` is a step of the sample preset's network, optimizer
included.
"""

from __future__ import annotations

import argparse
import functools
import json
import pathlib
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from models.kernels import dropout, layers, switch
from models.network.conformer import Conformer
from models.training.optimizer import build_optimizer
from pipeline.config import sample

SHAPE = (32, 96, 144)  # clips, frames, width


def kernels() -> dict[str, Callable[[], Callable[[tf.Tensor], tf.Tensor]]]:
    """Name -> makes the function that is timed, on inputs of `SHAPE`."""

    def built(layer: keras.layers.Layer, **options: bool) -> Callable[[tf.Tensor], tf.Tensor]:
        layer.build((None, None, SHAPE[-1]))
        return functools.partial(layer, **options)

    return {
        "layer_norm": lambda: built(layers.LayerNorm(epsilon=1e-5)),
        "dense": lambda: built(layers.Dense(SHAPE[-1], activation=layers.swish)),
        "swish": lambda: layers.swish,
        "gated": lambda: layers.gated,
        "dropout": lambda: built(dropout.ByteDropout(0.2), training=True),
    }


def timed_kernel(make: Callable[[], Callable[[tf.Tensor], tf.Tensor]]) -> Callable[[], None]:
    """The compiled forward and backward pass of a kernel, which has run once."""
    inputs = tf.constant(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32))
    function = make()

    @tf.function
    def both(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
            total = tf.reduce_sum(value * value)
        return tape.gradient(total, x)

    def call() -> None:
        both(inputs).numpy()

    call()
    return call


def timed_step() -> Callable[[], None]:
    """A compiled training step of the sample preset's network, which has run once."""
    settings = sample()
    keras.utils.set_random_seed(0)
    model = Conformer(settings.conformer)
    shape = (settings.trainer.batch_size, settings.trainer.crop_frames, settings.features.num_bands)
    model.build((None, None, shape[-1]))
    optimizer = build_optimizer(settings.trainer, model, steps_per_epoch=10)
    inputs = tf.constant(np.random.default_rng(0).normal(size=shape).astype(np.float32))

    @tf.function
    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - 1.0))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        return loss

    def call() -> None:
        step(inputs).numpy()

    call()
    return call


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Seconds of the fastest call, by kernel and by side."""
    makers: dict[str, Callable[[], Callable[[], None]]] = {
        name: lambda make=make: timed_kernel(make) for name, make in kernels().items()
    }
    makers["training_step"] = timed_step
    found = {}
    for name, make in makers.items():
        calls = {}
        for side in ("fused", "keras"):
            with switch.using(side):
                calls[side] = make()
        seconds: dict[str, list[float]] = {side: [] for side in calls}
        for _ in range(rounds):
            for side, call in calls.items():
                began = time.perf_counter()
                call()
                seconds[side].append(time.perf_counter() - began)
        found[name] = {side: min(values) for side, values in seconds.items()}
    return found


def main() -> None:
    """Measures and writes `figures` (milliseconds) and `ratios`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    found = measure(options.rounds)
    figures = {
        f"{name}_{side}_ms": 1000 * value
        for name, sides in found.items()
        for side, value in sides.items()
    }
    ratios = {f"{name}_keras_over_ours": s["keras"] / s["fused"] for name, s in found.items()}
    options.json.write_text(json.dumps({"figures": figures, "ratios": ratios}, indent=2) + "\n")
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f}")


if __name__ == "__main__":
    main()
