"""Which recordings are called unlike training, and how often is the detector wrong about them?

    python -m benchmarks.unlike_training --model output/sample/serving/sample --json FILE
    python -m benchmarks.unlike_training --model DIR --json FILE --manifest wild-train/manifest.csv

Scores the bundled dev and eval clips as they are and eval also degraded, and tells for each
condition the share that is unlike training, by quality, and the error rates of both sides at the
model's threshold `eer`. Of a manifest (columns path, key) it tells the shares alone. Then the same
recordings at other levels, and sounds that are no speech.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.activity import RATE
from benchmarks.verdicts import Judge
from bonafide.audio.codecs import degrade
from bonafide.audio.decoding import decode
from bonafide.metrics.training_range import QUALITIES, TrainingRange
from bonafide.scoring.qualities import qualities_of
from bonafide.version import REPOSITORY
from components.model_evaluator.training_range import errors_of

CORPUS = REPOSITORY / "samples/LA"
CONDITIONS = (
    *("mp3:64k", "mp3:32k", "lowpass:7000", "lowpass:5000", "lowpass:3400", "opus:24k"),
    *("amrnb:12.2k", "alaw", "resample:22050", "noise:30", "noise:10", "gain:-20", "gain:12"),
)

Clip = tuple[np.ndarray, bool]  # int16 [N], and whether it is bona fide


def bundled(split: str, every: int) -> list[Clip]:
    """Returns one of so many clips of the bundled corpus."""
    [protocol] = (CORPUS / "ASVspoof2019_LA_cm_protocols").glob(f"*.{split}.*")
    rows = [line.split() for line in protocol.read_text().splitlines()[::every]]
    folder = CORPUS / f"ASVspoof2019_LA_{split}" / "flac"
    return [
        (decode((folder / f"{row[1]}.flac").read_bytes(), RATE, 0.3), row[4] == "bonafide")
        for row in rows
    ]


def of_manifest(manifest: pathlib.Path, every: int) -> Iterator[Clip]:
    """Yields one of so many clips of a manifest."""
    with manifest.open(newline="") as file:
        for row in list(csv.DictReader(file))[::every]:
            data = (manifest.parent / row["path"]).read_bytes()
            yield decode(data, RATE, 0.3), row["key"] == "bonafide"


def shares(training: TrainingRange, values: np.ndarray) -> dict[str, Any]:
    """Returns the share of N recordings that is unlike training, in all and by quality."""
    titles = [quality.title for quality in QUALITIES]
    named = [training.reasons(row) for row in values]
    return {
        "clips": len(values),
        "unlike": float(training.unlike(values).mean()),
        "by_quality": {
            title: float(np.mean([any(r.startswith(f"{title} ") for r in row) for row in named]))
            for title in titles
        },
    }


def sides(
    unlike: np.ndarray, scores: np.ndarray, is_bonafide: np.ndarray, threshold: float
) -> dict[str, dict[str, float | int | None]]:
    """Returns error rates of those like training, those unlike it, and all."""
    return {
        name: dataclasses.asdict(errors_of(scores[chosen], is_bonafide[chosen], threshold))
        for name, chosen in (
            *(("inside", ~unlike), ("outside", unlike)),
            ("all", np.ones_like(unlike)),
        )
    }


def sounds() -> dict[str, np.ndarray]:
    """Returns five seconds each of what is no speech."""
    times, rng = np.arange(5 * RATE) / RATE, np.random.default_rng(0)

    def tones(*frequencies: float) -> np.ndarray:
        return sum(np.sin(2 * np.pi * hz * times) for hz in frequencies) * 0.3 / len(frequencies)

    made = {
        "white noise": rng.normal(0, 0.1, len(times)),
        "sine of 440 Hz": tones(440.0),
        "chord": tones(261.6, 329.6, 392.0),
    }
    return {name: np.rint(sound * 32_767).astype(np.int16) for name, sound in made.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", metavar="DIR", required=True)
    add("--json", metavar="FILE", type=pathlib.Path, required=True)
    add("--manifest", metavar="FILE", type=pathlib.Path, action="append", default=[])
    add("--every", type=int, default=1, help="take one clip of so many")
    options = parser.parse_args(argv)
    judge = Judge(options.model, qualities=True)
    model, training = judge.model, judge.model.training
    if training is None:
        raise SystemExit("expected a model that describes its training")
    report: dict[str, Any] = {"ranges": training.to_json(), "conditions": {}, "manifests": {}}

    def measured(clips: Sequence[Clip], spec: str) -> dict[str, Any]:
        found = judge(
            [degrade(samples, spec, seed, RATE) for seed, (samples, _) in enumerate(clips)]
        )
        held = [(one, flag) for one, (_, flag) in zip(found, clips, strict=True) if one.has_score]
        values = np.array([one.qualities for one, _ in held])
        rates = sides(
            training.unlike(values),
            np.array([one.score for one, _ in held]),
            np.array([flag for _, flag in held]),
            model.thresholds["eer"],
        )
        return {**shares(training, values), **rates, "no_speech": len(clips) - len(held)}

    dev, evaluated = bundled("dev", options.every), bundled("eval", options.every)
    for name, clips, spec in (
        ("dev as recorded", dev, "none"),
        ("eval as recorded", evaluated, "none"),
        *((spec, evaluated, spec) for spec in CONDITIONS),
    ):
        report["conditions"][name] = measured(clips, spec)
        print(name, report["conditions"][name], flush=True)
    for manifest in options.manifest:
        values = [
            qualities_of(samples, RATE, model.clip_samples)
            for samples, _ in of_manifest(manifest, options.every)
        ]
        found = shares(training, np.array([one for one in values if one is not None]))
        report["manifests"][str(manifest)] = found
        print(manifest, found, flush=True)
    report["sounds"] = {}
    for name, samples in sounds().items():
        values = qualities_of(samples, RATE, model.clip_samples)
        report["sounds"][name] = "no speech" if values is None else training.reasons(values)
    print(report["sounds"], flush=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
