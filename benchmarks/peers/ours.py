"""Our side of `benchmarks/train_speed.py`: the steps that the trainer runs.

Its only argument is the work as JSON (`train_speed.Work`); then every line on standard input
requests one turn, and the response is one line of JSON on standard output (see
`conformer_pytorch.py`, the peer's side).
"""

from __future__ import annotations

import json
import pathlib
import sys
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.data.class_counts import ClassWeights
from models.network.conformer import Conformer
from models.settings.conformer import ConformerConfig
from models.settings.trainer import TrainerConfig
from models.training.devices import choose_placement
from models.training.losses import make_loss
from models.training.optimizer import build_optimizer
from models.training.steps import make_score_step, make_train_step


class Turns:
    """Trains and scores one batch repeatedly."""

    def __init__(self, work: dict[str, Any]) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(work["threads"])
        tf.config.threading.set_inter_op_parallelism_threads(work["threads"])
        keras.utils.set_random_seed(0)
        placement = choose_placement("cpu", work["precision"])
        fields = ("width", "num_blocks", "num_heads", "kernel_size", "ff_multiplier", "dropout")
        fields += ("subsampling_channels", "pooling_width")
        with placement.scope():
            self.model = Conformer(ConformerConfig(**{name: work[name] for name in fields}))
            self.model.build((None, None, work["bands"]))
            # As in the peer: gradients are clipped, without a moving average.
            settings = TrainerConfig(ema_epochs=0, clip_norm=1.0, weight_decay=0.01)
            optimizer = build_optimizer(settings, self.model, steps_per_epoch=1000)
        loss = make_loss("bce", weights=ClassWeights(1.0, 1.0))
        batch_size = work["batch_size"]
        self.train_step = make_train_step(self.model, optimizer, loss, placement, batch_size)
        self.score_step = make_score_step(self.model, placement)
        shape = (batch_size, work["frames"], work["bands"])
        random = np.random.default_rng(0)
        self.features = tf.constant(random.normal(size=shape).astype(np.float32))
        self.labels = tf.constant(np.arange(batch_size) % 2, tf.float32)
        self.weights = tf.ones(batch_size)

    def train(self) -> float:
        """One step; returns the loss."""
        return float(self.train_step(self.features, self.labels, self.weights))

    def infer(self) -> float:
        """One batch of logits; returns their sum."""
        return float(np.sum(self.score_step(self.features).numpy()))

    def parameters(self) -> int:
        """Number of trained parameters."""
        return sum(int(np.prod(weight.shape)) for weight in self.model.trainable_variables)


def peak_mebibytes() -> float:
    """Returns the peak memory of this process (`ru_maxrss` starts at the parent's)."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Serves requests until standard input ends."""
    imported = peak_mebibytes()
    turns = Turns(json.loads(sys.argv[1]))
    for line in sys.stdin:
        request = json.loads(line)
        step = getattr(turns, request["mode"])
        started, cpu, steps = time.perf_counter(), time.process_time(), 0
        while steps == 0 or time.perf_counter() - started < request["seconds"]:
            value = step()
            steps += 1
        answer = {
            "steps": steps,
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - cpu,
            "value": value,
            "parameters": turns.parameters(),
            "imported_mebibytes": imported,
            "peak_mebibytes": peak_mebibytes(),
            "version": f"tensorflow {tf.__version__}, keras {keras.__version__}",
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
