"""Features written by Transform, compared with features computed by the trainer's input pipeline.

    python -m benchmarks.materialize --json FILE

Runs the pipeline on the bundled corpus up to Transform, once each way, and then opens the train and
dev splits as the trainer does and reads them once. The measured time is from raw examples to the
last batch of the first epoch; later epochs read the same cache either way. Both ways are run twice,
alternating, and the faster run of each counts, because machines are noisy. The ratio is the time
with features written over the time with features computed: above 1, computing is faster.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import tempfile
import time

import tensorflow_transform as tft

from bonafide.engines import BeamConfig, beam_args
from models.data.batches import evaluation_batches
from models.data.input_pipeline import open_splits
from pipeline import local, pipeline
from pipeline.config import override, sample
from pipeline.fingerprints import Fingerprints
from pipeline.local import Finished

ROUNDS = 2


class Stopwatch:
    """Listener of a run (`pipeline.local.Listener`) that records the times and outputs."""

    def __init__(self) -> None:
        self.results: dict[str, Finished] = {}

    def started(self, component: str) -> None:
        """Nothing to do."""

    def finished(self, result: Finished) -> None:
        """Keeps the seconds and outputs of a component."""
        self.results[result.component] = result


def measure(materialize: bool, folder: pathlib.Path) -> dict[str, float]:
    """Runs up to Transform in `folder` and reads the splits as the trainer does."""
    settings = override(sample(), [f"transform.materialize={materialize}"])
    places = pipeline.Places(
        artifacts=str(folder / "artifacts"),
        serving=str(folder / "serving"),
        checkpoints=str(folder / "checkpoints"),
    )
    components = pipeline.create_components(
        settings, places=places, fingerprints=Fingerprints.take(settings)
    )
    watch = Stopwatch()
    local.run(
        pipeline.create_pipeline(
            settings,
            components,
            places=places,
            metadata_path=str(folder / "metadata.sqlite"),
        ),
        watch,
        only=pipeline.up_to(components, "Transform"),
        beam_args=beam_args(BeamConfig()),
    )
    transform = watch.results["Transform"]
    source = (
        transform.outputs["transformed_examples"]
        if materialize
        else watch.results["UtteranceGen"].outputs["examples"]
    )
    started = time.monotonic()
    splits = open_splits(
        [[f"{source}/Split-{name}/*"] for name in ("train", "dev")],
        transform_output=tft.TFTransformOutput(transform.outputs["transform_graph"]),
        materialized=materialize,
        settings=settings.trainer,
    )
    opened = time.monotonic()
    for split in splits:
        for _ in evaluation_batches(split, batch_size=settings.trainer.batch_size):
            pass
    read = time.monotonic()
    written = sum(
        path.stat().st_size
        for path in pathlib.Path(source).rglob("*")
        if materialize and path.is_file()
    )
    return {
        "transform_seconds": transform.seconds,
        "first_features_seconds": opened - started,
        "epoch_read_seconds": read - opened,
        "features_on_disk_bytes": written,
        "total_seconds": transform.seconds + read - started,
    }


def main() -> None:
    """Measures both ways and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    options = parser.parse_args()
    best: dict[bool, dict[str, float]] = {}
    for _ in range(ROUNDS):
        for materialize in (True, False):
            with tempfile.TemporaryDirectory() as folder:
                figures = measure(materialize, pathlib.Path(folder))
            known = best.get(materialize)
            if known is None or figures["total_seconds"] < known["total_seconds"]:
                best[materialize] = figures
    report = {
        "figures": {
            "materialized": best[True],
            "computed_in_the_input_pipeline": best[False],
        },
        "ratios": {
            "materialized_over_computed_total_seconds": best[True]["total_seconds"]
            / best[False]["total_seconds"]
        },
    }
    text = json.dumps(report, indent=2)
    options.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
