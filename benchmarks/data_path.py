"""Throughput of the path from a corpus to features, compared with bare loops.

    python -m benchmarks.data_path --json FILE [--clips 5000] [--scales 1 4 16] [--parts ...]

Three parts, each optional:

    ingest     UtteranceGen with 1 and 2 workers, against a bare loop in one process: soundfile
               reads, tf.train.Example encodes, TFRecordWriter writes.
    transform  Transform with materialized features, 1 and 2 workers, against a bare tf.data loop
               that computes and writes the same features; and the training input pipeline, which
               computes them itself, against such a loop that writes nothing.
    growth     Everything before training at several sizes: seconds, peak memory of every process
               and disk, a component at a time.

The corpus is made from the bundled one: pieces of 1 to 8 s at random levels, FLAC at 16 kHz in the
layout of ASVspoof 2019 LA. Every component runs as in `local_runner.py`, in a process of its own.
Throughput excludes startup time, which is reported separately: a small corpus is run as well, and
the throughput is the difference in clips over the difference in seconds. The variants alternate,
and the best round of each counts, because machines are noisy. Ratios are ours over the bare loop.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping

import numpy as np
import soundfile

from bonafide.version import REPOSITORY

RATE_HZ = 16_000
SMALL_CLIPS = 100
PARTS = ("ingest", "transform", "growth")
# Front end and normalisation of the preset for ASVspoof 2019 LA, with an analysis of the corpus.
PRESET = "asvspoof2019-la"
# All clips are pieces of the same recordings: copies across splits are found and allowed.
LET_PASS = tuple(
    f"data_gate.{rule}=warn" for rule in ("near_identical", "identical_audio", "conflicting_labels")
)
_SHARES = {"train": 0.6, "dev": 0.2, "eval": 0.2}
_PROTOCOLS = {"train": "train.trn", "dev": "dev.trl", "eval": "eval.trl"}


def make_corpus(root: pathlib.Path, clips: int, *, seed: int = 0) -> pathlib.Path:
    """Writes a corpus of `clips` pieces of 1 to 8 s in ASVspoof 2019 LA's layout; returns root."""
    generator = np.random.default_rng(seed)
    sources = sorted((REPOSITORY / "samples").rglob("*.flac"))[:200]
    pool = np.concatenate([soundfile.read(path, dtype="int16")[0] for path in sources])
    protocols = root / "LA" / "ASVspoof2019_LA_cm_protocols"
    protocols.mkdir(parents=True)
    for split, share in _SHARES.items():
        folder = root / "LA" / f"ASVspoof2019_LA_{split}" / "flac"
        folder.mkdir(parents=True)
        rows = []
        for number in range(round(clips * share)):
            length = int(generator.uniform(1, 8) * RATE_HZ)
            start = generator.integers(0, len(pool) - length)
            level = generator.uniform(0.5, 1.0)
            samples = (pool[start : start + length] * level).astype(np.int16)
            name = f"{split}_{number:07d}"
            soundfile.write(folder / f"{name}.flac", samples, RATE_HZ)
            attack = number % 10
            label = f"A{attack + 10 * (split == 'eval'):02d} spoof" if attack else "- bonafide"
            rows.append(f"{split}_S{number // 10 % 40:02d} {name} - {label}")
        (protocols / f"ASVspoof2019.LA.cm.{_PROTOCOLS[split]}.txt").write_text("\n".join(rows))
    return root


def run_components(
    corpus: pathlib.Path, output: pathlib.Path, *, until: str, workers: int, settings: list[str]
) -> dict[str, dict[str, float]]:
    """Runs the pipeline up to a component, each component in a process of its own.

    Returns:
        By component: `seconds`, `peak_mib` of its own process and `workers_peak_mib` of the largest
        of its workers (0 without any).
    """
    command = [sys.executable, "-m", "benchmarks.data_path", "--component"]
    arguments = [str(corpus), str(output), until, str(workers), *settings]
    done = subprocess.run(
        [*command, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _component_process(arguments: list[str]) -> None:
    """Body of the process of `run_components`."""
    corpus, output, until, workers, *assignments = arguments
    from bonafide import logs
    from bonafide.engines import BeamConfig, beam_args
    from pipeline import local, pipeline
    from pipeline.config import PRESETS, override
    from pipeline.fingerprints import Fingerprints

    folder = pathlib.Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    settings = override(PRESETS[PRESET](), [f"corpus.root={corpus}", *LET_PASS, *assignments])
    places = pipeline.Places(*(str(folder / name) for name in ("artifacts", "serving", "state")))
    results: dict[str, dict[str, float]] = {}

    class Listener:
        def started(self, component: str) -> None:
            """Nothing to do."""

        def finished(self, result: local.Finished) -> None:
            if not result.cached:
                own, workers_ = (
                    resource.getrusage(who).ru_maxrss / 1024
                    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
                )
                results[result.component] = {
                    "seconds": result.seconds,
                    "peak_mib": own,
                    "workers_peak_mib": workers_ if int(workers) > 1 else 0.0,
                }

    components = pipeline.create_components(
        settings, places=places, fingerprints=Fingerprints.take(settings)
    )
    with logs.everything_into(folder / "log") as screen:
        local.run(
            pipeline.create_pipeline(
                settings, components, places=places, metadata_path=str(folder / "metadata.sqlite")
            ),
            Listener(),
            only=pipeline.up_to(components, until),
            beam_args=beam_args(BeamConfig(), int(workers)),
        )
        print(json.dumps(results), file=screen)


def bare_ingest(corpus: pathlib.Path, folder: pathlib.Path) -> float:
    """Returns the seconds of a loop that reads, encodes and writes every clip, without imports."""
    import tensorflow as tf

    def feature(value: bytes | int) -> tf.train.Feature:
        if isinstance(value, int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    files = sorted(corpus.rglob("*.flac"))
    started = time.perf_counter()
    with tf.io.TFRecordWriter(str(folder / "bare.tfrecord")) as writer:
        for path in files:
            samples, rate = soundfile.read(path, dtype="int16")
            values = {
                "utterance_id": path.stem.encode(),
                "label": 1,
                "sample_rate": rate,
                "num_samples": len(samples),
                "pcm16": samples.tobytes(),
            }
            features = tf.train.Features(feature={k: feature(v) for k, v in values.items()})
            writer.write(tf.train.Example(features=features).SerializeToString())
    return time.perf_counter() - started


def bare_features(
    examples: pathlib.Path, folder: pathlib.Path | None, *, splits: tuple[str, ...] = tuple(_SHARES)
) -> float:
    """Returns the seconds of a tf.data loop that computes the features of every clip.

    Args:
        examples: UtteranceGen's output.
        folder: Output folder for uncompressed tf.Examples; None writes nothing.
        splits: Splits to read.
    """
    import tensorflow as tf

    from models.features import frontend as features_lib
    from pipeline.config import PRESETS

    config = PRESETS[PRESET]().features
    spec = {
        "pcm16": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }

    def compute(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        parsed = tf.io.parse_example(batch, spec)
        waveform = features_lib.decode_pcm16(parsed["pcm16"], config)
        return features_lib.compute_features(waveform, config), parsed["label"]

    paths = [str(path) for split in splits for path in sorted(examples.glob(f"Split-{split}/*"))]
    dataset = tf.data.TFRecordDataset(paths).batch(64)
    dataset = dataset.map(compute, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)
    started = time.perf_counter()
    writer = tf.io.TFRecordWriter(str(folder / "bare.tfrecord")) if folder else None
    for features, labels in dataset.as_numpy_iterator():
        for feature, label in zip(features, labels, strict=True) if writer else ():
            values = {
                "features": tf.train.Feature(float_list=tf.train.FloatList(value=feature.ravel())),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=values))
            writer.write(example.SerializeToString())
    if writer:
        writer.close()
    return time.perf_counter() - started


def trainer_input(examples: pathlib.Path, transform: pathlib.Path) -> float:
    """Returns the seconds in which the trainer's input pipeline computes train and dev once."""
    import tensorflow_transform as tft

    from models.data.batches import evaluation_batches
    from models.data.input_pipeline import open_splits
    from pipeline.config import PRESETS

    settings = PRESETS[PRESET]().trainer
    started = time.perf_counter()
    splits = open_splits(
        [[f"{examples}/Split-{name}/*"] for name in ("train", "dev")],
        transform_output=tft.TFTransformOutput(str(transform)),
        materialized=False,
        settings=settings,
    )
    for split in splits:
        for _ in evaluation_batches(split, batch_size=settings.batch_size):
            pass
    return time.perf_counter() - started


def in_process(call: str) -> float:
    """Evaluates a call of this module in a process of its own; returns its number."""
    code = f"import pathlib; from benchmarks.data_path import *; print({call})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{call} failed:\n{done.stderr[-4000:]}")
    return float(done.stdout.splitlines()[-1])


def best_of(rounds: int, ways: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Returns the minimum seconds of each variant, in alternating rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(way())
    for name, values in seconds.items():
        print(f"{name:32} {' '.join(f'{value:.2f}' for value in values)} s", file=sys.stderr)
    return {name: min(values) for name, values in seconds.items()}


def _component_seconds(
    corpus: pathlib.Path, output: pathlib.Path, component: str, workers: int, settings: list[str]
) -> float:
    """Returns the seconds of one component, whose inputs are in `output`."""
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        copy = pathlib.Path(folder) / "output"
        if output.exists():
            # Only the metadata are copied: artifacts are read in place.
            copy.mkdir()
            shutil.copy(output / "metadata.sqlite", copy)
        results = run_components(corpus, copy, until=component, workers=workers, settings=settings)
        return results[component]["seconds"]


def _rate(clips: int, seconds: float, small_seconds: float) -> dict[str, float]:
    """Returns clips per second without startup, and the startup time."""
    rate = (clips - SMALL_CLIPS) / (seconds - small_seconds)
    return {"clips_per_second": rate, "startup_seconds": small_seconds - SMALL_CLIPS / rate}


def measure_component(
    component: str,
    needs: str | None,
    corpora: Mapping[int, pathlib.Path],
    work: pathlib.Path,
    *,
    rounds: int,
    settings: list[str],
) -> dict[str, dict[str, float]]:
    """Returns the throughput of a component with 1 and 2 workers; see `_rate`."""
    ways = {}
    for clips, corpus in corpora.items():
        output = work / f"{component}-{clips}"
        if needs:
            run_components(corpus, output, until=needs, workers=1, settings=settings)
        for workers in (1, 2):
            ways[f"{workers} workers, {clips}"] = lambda c=corpus, o=output, w=workers: (
                _component_seconds(c, o, component, w, settings)
            )
    seconds = best_of(rounds, ways)
    clips = max(corpora)
    return {
        workers: _rate(
            clips, *(seconds[f"{workers} workers, {size}"] for size in (clips, SMALL_CLIPS))
        )
        for workers in "12"
    }


def ingest(corpora: Mapping[int, pathlib.Path], work: pathlib.Path, rounds: int) -> dict:
    """UtteranceGen against the bare loop."""
    clips = max(corpora)
    call = f"bare_ingest(pathlib.Path({str(corpora[clips])!r}), pathlib.Path({str(work)!r}))"
    bare = best_of(rounds, {"bare loop": lambda: in_process(call)})["bare loop"]
    rates = measure_component("UtteranceGen", None, corpora, work, rounds=rounds, settings=[])
    bare = min(bare, best_of(rounds, {"bare loop": lambda: in_process(call)})["bare loop"])
    return _against(rates, clips / bare, "ingest")


def transform(corpora: Mapping[int, pathlib.Path], work: pathlib.Path, rounds: int) -> dict:
    """Measures Transform, materialized, and the trainer's input, each against a bare loop."""
    calls = {}
    for clips, corpus in corpora.items():
        output = work / f"transform-examples-{clips}"
        run_components(corpus, output, until="Transform", workers=1, settings=[])
        [examples] = (output / "artifacts").glob("UtteranceGen/examples/*")
        [graph] = (output / "artifacts").glob("Transform/transform_graph/*")
        paths = [f"pathlib.Path({str(path)!r})" for path in (examples, work, graph)]
        calls |= {
            f"writing, {clips}": f"bare_features({paths[0]}, {paths[1]})",
            f"bare, {clips}": f"bare_features({paths[0]}, None, splits=('train', 'dev'))",
            f"trainer, {clips}": f"trainer_input({paths[0]}, {paths[2]})",
        }
    seconds = best_of(rounds, {name: lambda c=c: in_process(c) for name, c in calls.items()})
    clips = max(corpora)

    def rate(name: str) -> dict[str, float]:
        return _rate(clips, *(seconds[f"{name}, {size}"] for size in (clips, SMALL_CLIPS)))

    rates = measure_component(
        "Transform",
        "DataGate",
        corpora,
        work,
        rounds=rounds,
        settings=["transform.materialize=true"],
    )
    report = _against(rates, rate("writing")["clips_per_second"], "transform")
    share = 1 - _SHARES["eval"]
    for name in ("bare", "trainer"):
        found = rate(name)
        report["figures"][f"{name}_input_clips_per_second"] = share * found["clips_per_second"]
        report["figures"][f"{name}_input_startup_seconds"] = found["startup_seconds"]
    report["ratios"]["trainer_input_over_bare"] = (
        rate("trainer")["clips_per_second"] / rate("bare")["clips_per_second"]
    )
    return report


def _against(rates: Mapping[str, dict[str, float]], bare: float, name: str) -> dict:
    figures = {f"{name}_bare_clips_per_second": bare}
    ratios = {}
    for workers, values in rates.items():
        figures |= {f"{name}_{workers}_workers_{key}": value for key, value in values.items()}
        ratios[f"{name}_{workers}_workers_over_bare"] = values["clips_per_second"] / bare
    return {"figures": figures, "ratios": ratios}


def growth(scales: list[int], clips: int, work: pathlib.Path) -> dict:
    """Measures everything before training at several sizes: scaling of time and memory.

    `_linear` is the seconds a clip at the smallest size over those at the largest, `_flat` the peak
    memory at the smallest over that at the largest: 1 is perfect; startup time improves the first.
    """
    figures: dict[str, float] = {}
    for scale in scales:
        corpus = make_corpus(work / f"corpus-{scale}x", clips * scale)
        output = work / f"growth-{scale}x"
        for component in ("UtteranceGen", "StatisticsGen", "DataGate", "Transform"):
            results = run_components(
                corpus,
                output,
                until=component,
                workers=1,
                settings=["transform.materialize=true"],
            )
            for key, value in results[component].items():
                figures[f"{component}_{scale}x_{key}"] = value
        for name, folder in (("corpus", corpus), ("output", output)):
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            figures[f"{name}_{scale}x_mib"] = size / 2**20
        shutil.rmtree(corpus)
        shutil.rmtree(output)
        print({k: round(v, 1) for k, v in figures.items() if f"_{scale}x" in k}, file=sys.stderr)
    first, last = scales[0], scales[-1]
    ratios = {}
    for component in ("UtteranceGen", "StatisticsGen", "Transform"):
        for key, name in (("seconds", "linear"), ("peak_mib", "flat")):
            small, large = (figures[f"{component}_{scale}x_{key}"] for scale in (first, last))
            grown = last / first if key == "seconds" else 1
            ratios[f"{component}_{name}"] = small * grown / large
    return {"figures": figures, "ratios": ratios}


def main() -> None:
    """Measures and writes the figures."""
    if sys.argv[1:2] == ["--component"]:
        _component_process(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--clips", type=int, default=5000)
    parser.add_argument("--growth-clips", type=int, default=1000, help="clips at scale 1")
    parser.add_argument("--scales", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--work", type=pathlib.Path, help="folder with room for some 10 GB")
    options = parser.parse_args()
    report: dict[str, dict[str, float]] = {"figures": {}, "ratios": {}}
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        work = pathlib.Path(folder)
        parts: dict[str, Callable[[], dict]] = {}
        if set(options.parts) & {"ingest", "transform"}:
            corpora = {
                clips: make_corpus(work / f"corpus-{clips}", clips)
                for clips in (SMALL_CLIPS, options.clips)
            }
            parts = {
                "ingest": lambda: ingest(corpora, work, options.rounds),
                "transform": lambda: transform(corpora, work, options.rounds),
            }
        parts["growth"] = lambda: growth(options.scales, options.growth_clips, work)
        for name in options.parts:
            for kind, values in parts[name]().items():
                report[kind] |= values
    text = json.dumps(report, indent=2)
    options.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
