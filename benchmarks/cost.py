"""What do time and memory of an epoch do when the data grow?

    python -m benchmarks.cost --json FILE

Runs the pipeline on the bundled corpus up to Transform (1 s clips), and then trains one epoch of a
small model on its training examples, on four times and on sixteen times as many (the files are
repeated), each in a process of its own: from files through `open_splits` and the batches of the
trainer to its steps. Features are kept in a file on disk, in memory, or computed at every pass
(`trainer.cache`).

Time must be linear and, but for features in memory, memory flat. Ratios: the time an example takes
at 1x over that at 16x, of the clock and of the processor (which other jobs disturb less), and the
peak of memory at 1x over that at 16x; 1 is perfectly linear or flat, below 1 larger data are
dearer. The peak counts all pages of the process, those of a mapped file as well.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import tensorflow as tf
import tensorflow_transform as tft

from benchmarks.materialize import Stopwatch
from benchmarks.peers.ours import peak_mebibytes
from models.conformer import Conformer
from models.conformer_config import ConformerConfig
from models.devices import choose_placement
from models.input_pipeline import Split, open_splits, training_batches
from models.losses import ClassWeights, make_loss
from models.optimizer import build_optimizer
from models.steps import make_train_step, train_epoch
from models.trainer_config import TrainerConfig
from pipeline import local, pipeline
from pipeline.config import override, sample
from pipeline.session import beam_args

TIMES = (1, 4, 16)
CACHES = ("disk", "none", "memory")
MODEL = ConformerConfig(width=48, num_blocks=2, subsampling_channels=8, pooling_width=16)
# Less than there are examples at 1x: what waits to be shuffled is as much in every size.
SHUFFLE_BUFFER = 256


def prepare(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Runs up to Transform; returns the folders of training examples and of Transform's graph."""
    settings = override(sample(), ["features.clip_samples=16000", "trainer.crop_frames=0"])
    places = pipeline.Places(
        artifacts=str(folder / "artifacts"),
        serving=str(folder / "serving"),
        checkpoints=str(folder / "checkpoints"),
    )
    components = pipeline.create_components(
        settings, places=places, fingerprints=pipeline.Fingerprints.take(settings)
    )
    watch = Stopwatch()
    local.run(
        pipeline.create_pipeline(
            settings, components, places=places, metadata_path=str(folder / "metadata.sqlite")
        ),
        watch,
        only=pipeline.up_to(components, "Transform"),
        beam_args=beam_args(1),
    )
    examples = pathlib.Path(watch.results["UtteranceGen"].outputs["examples"]) / "Split-train"
    return examples, pathlib.Path(watch.results["Transform"].outputs["transform_graph"])


def repeat_files(source: pathlib.Path, target: pathlib.Path, times: int) -> None:
    """Fills a folder with as many copies of the files of another."""
    target.mkdir(parents=True)
    for copy in range(times):
        for path in sorted(source.iterdir()):
            # The ending stays: `.gz` says how to read it.
            os.link(path, target / f"copy-{copy:02d}-{path.name}")


def measure_epoch(split: Split, settings: TrainerConfig) -> dict[str, float]:
    """Trains one epoch; what is compiled, and read first, is not timed."""
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
    train_epoch(step, batches(2), placement, 2)
    return {
        "examples": len(split.labels),
        "epoch_seconds": time.perf_counter() - started,
        "epoch_cpu_seconds": time.process_time() - cpu,
    }


def measure(examples: str, transform_graph: str, cache: str) -> dict[str, float]:
    """Opens the examples and trains an epoch, all in this process."""
    settings = TrainerConfig(cache=cache, shuffle_buffer=SHUFFLE_BUFFER)
    started = time.perf_counter()
    [split] = open_splits(
        [[f"{examples}/*"]],
        transform_output=tft.TFTransformOutput(transform_graph),
        materialized=False,
        settings=settings,
    )
    opened = time.perf_counter() - started
    figures = measure_epoch(split, settings)
    return {**figures, "open_seconds": opened, "peak_mebibytes": peak_mebibytes()}


def ratios(figures: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """1x over 16x; see the top of this file."""
    result = {}
    for cache, by_times in figures.items():
        least, most = by_times[f"{min(TIMES)}x"], by_times[f"{max(TIMES)}x"]
        growth = most["examples"] / least["examples"]
        for name, key in (
            ("time_per_example", "epoch_seconds"),
            ("cpu_time_per_example", "epoch_cpu_seconds"),
            ("opening_per_example", "open_seconds"),
        ):
            result[f"{name}_1x_over_16x_{cache}"] = least[key] * growth / most[key]
        result[f"memory_1x_over_16x_{cache}"] = least["peak_mebibytes"] / most["peak_mebibytes"]
    return result


def main() -> None:
    """Measures all sizes and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)  # in the process of one size
    options = parser.parse_args()
    if options.one:
        options.json.write_text(json.dumps(measure(*options.one)))
        return
    figures: dict[str, dict[str, dict[str, float]]] = {cache: {} for cache in CACHES}
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        examples, transform_graph = prepare(place / "run")
        for times in TIMES:
            repeated = place / f"{times}x"
            repeat_files(examples, repeated, times)
            for cache in CACHES:
                answer = place / "answer.json"
                subprocess.run(
                    [
                        *(sys.executable, "-m", "benchmarks.cost", "--json", answer),
                        *("--one", repeated, transform_graph, cache),
                    ],
                    check=True,
                )
                found = json.loads(answer.read_text())
                figures[cache][f"{times}x"] = found
                print(cache, f"{times}x", json.dumps(found), flush=True)
    report = {
        "figures": {"model": dataclasses.asdict(MODEL), **figures},
        "ratios": ratios(figures),
    }
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report["ratios"], indent=2))


if __name__ == "__main__":
    main()
