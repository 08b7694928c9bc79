"""Epochs of training in a process of its own, for `benchmarks/cost.py`.

python -m benchmarks.peers.epochs EXAMPLES TRANSFORM_GRAPH CACHE EPOCHS JSON
"""

from __future__ import annotations

import json
import pathlib
import sys
import time

import tensorflow as tf
import tensorflow_transform as tft

from benchmarks.peers.ours import peak_mebibytes
from models.data.batches import training_batches
from models.data.class_counts import ClassWeights
from models.data.input_pipeline import open_splits
from models.data.splits import Split
from models.network.conformer import Conformer
from models.settings.conformer import ConformerConfig
from models.settings.trainer import TrainerConfig
from models.training.devices import choose_placement
from models.training.losses import make_loss
from models.training.optimizer import build_optimizer
from models.training.steps import make_train_step, train_epoch

MODEL = ConformerConfig(width=48, num_blocks=2, subsampling_channels=8, pooling_width=16)
# Less than the examples at 1x, so that the shuffle buffer is equal for all sizes.
SHUFFLE_BUFFER = 256
IMPORTED_MEBIBYTES = peak_mebibytes()


def measure_epochs(split: Split, settings: TrainerConfig, epochs: int) -> dict[str, float]:
    """Trains; compilation and the first reading are not timed."""
    placement = choose_placement("cpu", "float32")
    with placement.scope():
        model = Conformer(MODEL)
        model.build((None, None, split.feature_shape[1]))
        optimizer = build_optimizer(settings, model, steps_per_epoch=1000)
    loss = make_loss("bce", weights=ClassWeights(1.0, 1.0))
    step = make_train_step(model, optimizer, loss, placement, settings.batch_size)

    def batches(epoch: int) -> tf.data.Dataset:
        return training_batches(split, batch_size=settings.batch_size, seed=0, epoch=epoch)

    train_epoch(step, batches(1).take(2), placement, 1)
    started, cpu = time.perf_counter(), time.process_time()
    for epoch in range(2, 2 + epochs):
        train_epoch(step, batches(epoch), placement, epoch)
    return {
        "examples": len(split.labels),
        "epoch_seconds": (time.perf_counter() - started) / epochs,
        "epoch_cpu_seconds": (time.process_time() - cpu) / epochs,
    }


def measure(examples: str, transform_graph: str, cache: str, epochs: int) -> dict[str, float]:
    """Opens the examples and trains, all in this process."""
    settings = TrainerConfig(cache=cache, shuffle_buffer=SHUFFLE_BUFFER)
    started = time.perf_counter()
    [split] = open_splits(
        [[f"{examples}/*"]],
        transform_output=tft.TFTransformOutput(transform_graph),
        materialized=False,
        settings=settings,
    )
    opened = time.perf_counter() - started
    opened_mebibytes = peak_mebibytes()
    figures = measure_epochs(split, settings, epochs)
    return {
        **figures,
        "open_seconds": opened,
        "imported_mebibytes": IMPORTED_MEBIBYTES,
        "opened_mebibytes": opened_mebibytes,
        "peak_mebibytes": peak_mebibytes(),
    }


def main() -> None:
    """Measures by the arguments."""
    examples, transform_graph, cache, epochs, answer = sys.argv[1:]
    found = measure(examples, transform_graph, cache, int(epochs))
    pathlib.Path(answer).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
