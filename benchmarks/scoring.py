"""How fast does the servable score, features included, against a bare pass of the same network?

    python -m benchmarks.scoring --json FILE

Ours is `score_pcm16` of an exported SavedModel: bytes of clips of 4 s in, scores out. The bare side
is another SavedModel with the same network and weights and nothing else: features that are ready
in, logits out. The weights are not trained, which takes no time from either. Features are the
defaults, normalised by the corpus.

Each side is a process of its own, as a server is. They take turns, one computing at a time, after
warming up; latencies are those of all turns. A ratio `ours_over_bare_forward_...` is our clips per
second over theirs: at 1 the features would cost nothing. Those that end in `_cpu` count processor
time in place of the clock's: where others use the machine as well, they are the ones to trust.
`start_seconds` is from starting Python to the first score.

Then files are scored with each model, decoding and speech detection included; see
`benchmarks.recordings`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import recordings
from benchmarks.turns import running, take_turns
from bonafide.scoring.model import Model, Scorer
from models.settings.conformer import SIZES, ConformerConfig
from models.settings.features import FeatureConfig

BATCH_SIZES = (1, 32)
MODELS = ("default", "S")
SIDES = ("ours", "bare_forward")


def export(
    folder: pathlib.Path,
    config: ConformerConfig,
    features: FeatureConfig,
    transform_graph: pathlib.Path,
) -> None:
    """Writes both sides' SavedModels, `ours` and `bare_forward`, with the same weights."""
    import keras
    import tensorflow as tf
    import tensorflow_transform as tft

    from models.export.servable import Member, build_detector, export_detector
    from models.network.conformer import Conformer

    keras.utils.set_random_seed(0)
    model = Conformer(config)
    model.build((None, features.num_frames, features.num_features))
    detector = build_detector(
        tft.TFTransformOutput(str(transform_graph)),
        config,
        [Member(model.get_weights())],
        features=features,
    )
    export_detector(detector, str(folder / "ours"), facts={})

    class Bare(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            [self.model] = detector.models

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, features.num_frames, features.num_features], name="features")
            ]
        )
        def forward(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"score": self.model(features, training=False)}

    bare = Bare()
    target = str(folder / "bare_forward")
    tf.saved_model.save(bare, target, signatures={"forward": bare.forward})


def transform(folder: pathlib.Path, features: FeatureConfig) -> None:
    """Writes what Transform makes of a few seconds of noise: the graph, with some statistics."""
    import apache_beam as beam
    import tensorflow_transform.beam as tft_beam
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io

    from models.features.preprocessing import preprocessing_fn

    one = "presence { min_fraction: 1 } shape { dim { size: 1 } }"
    schema = text_format.Parse(
        f'feature {{ name: "pcm16" type: BYTES {one} }}', schema_pb2.Schema()
    )
    metadata = dataset_metadata.DatasetMetadata(schema)
    noise = np.random.default_rng(0).normal(0, 3000, features.clip_samples).astype("<i2")
    settings = {"features": dataclasses.asdict(features)}
    options = beam.options.pipeline_options.PipelineOptions(["--runner=FnApiRunner"])
    with (
        tempfile.TemporaryDirectory() as temporary,
        tft_beam.Context(temp_dir=temporary),
        beam.Pipeline(options=options) as pipeline,
    ):
        rows = pipeline | beam.Create([{"pcm16": [noise.tobytes()]}])
        analysed = (rows, metadata) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing_fn(inputs, settings)
        )
        _ = analysed | tft_beam.WriteTransformFn(str(folder))
    metadata_io.write_metadata(metadata, str(folder / "metadata"))


def commands_for(folder: pathlib.Path, features: FeatureConfig) -> dict[str, list[str]]:
    """What to run for each side of what `export` wrote; see `benchmarks.peers.servable`."""
    abouts = {
        "ours": {"signature": "score_pcm16", "input": "pcm16", "shape": [features.clip_samples]},
        "bare_forward": {
            "signature": "forward",
            "input": "features",
            "shape": [features.num_frames, features.num_features],
        },
    }
    result = {}
    for name in SIDES:
        about = abouts[name] | {"folder": str(folder / name), "most": max(BATCH_SIZES)}
        result[name] = [sys.executable, "-m", "benchmarks.peers.servable", json.dumps(about)]
    return result


def compare(commands: dict[str, list[str]], *, rounds: int, seconds: float) -> dict[str, dict]:
    """Lets the sides take turns; returns side -> figures.

    Args:
        commands: See `commands_for`.
        rounds: Turns of each side.
        seconds: Of a turn.
    """
    with running(commands, environment={"TF_CPP_MIN_LOG_LEVEL": "3"}, says_ready=True) as started:
        found: dict[str, dict] = {name: dict(side.ready) for name, side in started.items()}
        for batch_size in BATCH_SIZES:
            request = {"batch_size": batch_size, "seconds": seconds}
            for name, answers in take_turns(started, request, rounds=rounds).items():
                found[name][f"batch_{batch_size}"] = summarise(answers, batch_size)
                found[name]["peak_mebibytes"] = answers[-1]["peak_mebibytes"]
    return found


def summarise(answers: Sequence[dict[str, Any]], batch_size: int) -> dict[str, float]:
    """Figures of all turns of a side at one batch size."""
    took = np.concatenate([answer["took"] for answer in answers])
    clips = batch_size * len(took)
    return {
        "clips_per_second": clips / float(took.sum()),
        "clips_per_cpu_second": clips / sum(answer["cpu_seconds"] for answer in answers),
        "p50_milliseconds": 1000 * float(np.percentile(took, 50)),
        "p99_milliseconds": 1000 * float(np.percentile(took, 99)),
        "calls": len(took),
        "others_share": float(np.median([answer["others_share"] for answer in answers])),
    }


def ratios(found: dict[str, dict], model: str) -> dict[str, float]:
    """Our clips a second over the bare pass', by the clock and by processor time."""
    result = {}
    for batch_size in BATCH_SIZES:
        ours, bare = (found[side][f"batch_{batch_size}"] for side in SIDES)
        name = f"ours_over_bare_forward_{model}_batch_{batch_size}"
        result[name] = ours["clips_per_second"] / bare["clips_per_second"]
        result[f"{name}_cpu"] = ours["clips_per_cpu_second"] / bare["clips_per_cpu_second"]
    return result


def main() -> None:
    """Measures every model and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--models", nargs="+", choices=("default", *SIZES), default=MODELS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a turn")
    parser.add_argument("--recordings", type=int, default=4, help="files of each kind")
    options = parser.parse_args()
    features = FeatureConfig()
    report: dict[str, dict] = {"figures": {"features": dataclasses.asdict(features)}, "ratios": {}}
    with tempfile.TemporaryDirectory() as temporary:
        graph = pathlib.Path(temporary, "transform")
        transform(graph, features)
        for model in options.models:
            folder = pathlib.Path(temporary, model)
            export(folder, SIZES.get(model, ConformerConfig()), features, graph)
            found = compare(
                commands_for(folder, features), rounds=options.rounds, seconds=options.seconds
            )
            report["figures"][model] = found
            report["ratios"].update(ratios(found, model))
            about = Model(folder / "ours", features.sample_rate, features.clip_samples, {})
            whole = recordings.compare(
                about, Scorer(about), count=options.recordings, rounds=options.rounds
            )
            report["ratios"].update({f"{name}_{model}": value for name, value in whole.items()})
    text = json.dumps(report, indent=2)
    options.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
    # Beam's and TensorFlow's libraries in one process crash the interpreter now and then when it
    # ends, which would make a failure of what is done.
    sys.stdout.flush()
    os._exit(0)
