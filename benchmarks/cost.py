"""Scaling of time and memory of an epoch with the size of the data.

    python -m benchmarks.cost --json FILE

Runs the pipeline on the bundled corpus up to Transform (1 s clips), and then trains a small model
on its training examples, on four times and on sixteen times as many (the files are repeated), each
in a process of its own: from files through `open_splits` and the batches of the trainer to its
steps. The runs have sixteen, four and one epochs, and thus equal numbers of steps. Features are
kept in a file on disk, in memory, or computed at every pass (`trainer.cache`).

Time should be linear and, except for features in memory, memory constant. Ratios: time per example
at 1x over that at 16x, in wall-clock and CPU time (which is less affected by other jobs), and peak
memory at 1x over that at 16x. 1 is perfectly linear or constant; below 1, larger data cost more.
The peak includes all pages of the process, also those of mapped files.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from benchmarks.materialize import Stopwatch
from bonafide.engines import BeamConfig, beam_args
from pipeline import local, pipeline
from pipeline.config import override, sample
from pipeline.fingerprints import Fingerprints

TIMES = (1, 4, 16)
CACHES = ("disk", "none", "memory")


def prepare(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Runs up to Transform; returns the folders of training examples and of Transform's graph."""
    settings = override(sample(), ["features.clip_samples=16000", "trainer.crop_frames=0"])
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
            settings, components, places=places, metadata_path=str(folder / "metadata.sqlite")
        ),
        watch,
        only=pipeline.up_to(components, "Transform"),
        beam_args=beam_args(BeamConfig()),
    )
    examples = pathlib.Path(watch.results["UtteranceGen"].outputs["examples"]) / "Split-train"
    return examples, pathlib.Path(watch.results["Transform"].outputs["transform_graph"])


def repeat_files(source: pathlib.Path, target: pathlib.Path, times: int) -> None:
    """Fills a folder with copies of the files of another."""
    target.mkdir(parents=True)
    for copy in range(times):
        for path in sorted(source.iterdir()):
            # The extension is kept, because `.gz` defines the format.
            os.link(path, target / f"copy-{copy:02d}-{path.name}")


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
    options = parser.parse_args()
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
                        *(sys.executable, "-m", "benchmarks.peers.epochs"),
                        *(repeated, transform_graph, cache, str(max(TIMES) // times), answer),
                    ],
                    check=True,
                )
                found = json.loads(answer.read_text())
                figures[cache][f"{times}x"] = found
                print(cache, f"{times}x", json.dumps(found), flush=True)
    report = {
        "figures": figures,
        "ratios": ratios(figures),
    }
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report["ratios"], indent=2))


if __name__ == "__main__":
    main()
