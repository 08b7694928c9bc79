"""Fits the weights of the speech activity detector and writes them for `bonafide.audio.activity`.

    python -m models.activity.train --speech samples/LA/ASVspoof2019_LA_train \
        --speech samples/LA/ASVspoof2019_LA_dev --other MUSIC_AND_SOUNDS

Speech are the clips of the bundled train and dev splits, both classes: synthetic speech is speech.
What is no speech is made by rules (`models.activity.sounds`) and, where --other names a folder,
taken from recordings of music and sounds; docs/measurements/listening.md names those that the
committed weights saw. About ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np

from bonafide.audio import activity
from models.activity import examples

CHANNELS = 32
BATCH = 64
TARGET = pathlib.Path(activity.__file__).with_suffix(".npz")


def network() -> keras.Model:
    """Returns the network of `bonafide.audio.activity._forward`, with logits as its output."""
    inputs = keras.Input((examples.FRAMES, activity.NUM_FEATURES))
    values = inputs
    for dilation in activity.DILATIONS:
        values = keras.layers.Conv1D(
            CHANNELS, activity.KERNEL, dilation_rate=dilation, activation="relu"
        )(values)
    return keras.Model(inputs, keras.layers.Conv1D(1, 1)(values)[:, :, 0])


def batches(maker: examples.Maker, seed: int, count: int) -> Iterator[tuple]:
    """Yields so many batches: features [B, FRAMES, F] and labels [B, DECIDED_FRAMES]."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        pairs = [maker.example(rng) for _ in range(BATCH)]
        features, labels = zip(*pairs, strict=True)
        yield np.stack(features), np.stack(labels).astype(np.float32)


def fit(maker: examples.Maker, *, pool: int, steps: int, seed: int) -> keras.Model:
    """Trains on a pool of examples.

    Args:
        maker: Of examples.
        pool: How many batches are made; they are gone through again and again.
        steps: Of training.
        seed: Of examples, weights and order.
    """
    keras.utils.set_random_seed(seed)
    made = list(batches(maker, seed, pool))
    model = network()
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(
        keras.optimizers.Adam(schedule), keras.losses.BinaryCrossentropy(from_logits=True)
    )
    rng = np.random.default_rng(seed)
    losses = []
    for step in range(1, steps + 1):
        losses.append(float(model.train_on_batch(*made[rng.integers(pool)])))
        if step % 200 == 0:
            print(f"step {step}  loss {np.mean(losses[-200:]):.4f}", flush=True)
    return model


def write(model: keras.Model, path: pathlib.Path) -> None:
    """Writes kernels [K, inputs, outputs] and biases of all layers, float16."""
    arrays: dict[str, np.ndarray] = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv1D):
            kernel, bias = layer.get_weights()
            index = len(arrays) // 2
            arrays[f"kernel{index}"] = kernel.astype(np.float16)
            arrays[f"bias{index}"] = bias.astype(np.float16)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]  # numpy: names are any


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--speech", metavar="DIR", type=pathlib.Path, required=True, action="append")
    add("--other", metavar="DIR", type=pathlib.Path, default=[], action="append")
    add("--output", metavar="FILE", type=pathlib.Path, default=TARGET)
    add("--pool", type=int, default=240, help="batches of 64 examples (default %(default)s)")
    add("--steps", type=int, default=6000, help="of training (default %(default)s)")
    add("--seed", type=int, default=0, help="(default %(default)s)")
    options = parser.parse_args(argv)
    speech = [clip for folder in options.speech for clip in examples.load(folder)]
    other = [clip for folder in options.other for clip in examples.load(folder)]
    print(f"{len(speech)} recordings of speech, {len(other)} of what is none", flush=True)
    maker = examples.Maker(speech, other)
    write(fit(maker, pool=options.pool, steps=options.steps, seed=options.seed), options.output)
    print(f"written: {options.output}")


if __name__ == "__main__":
    main()
