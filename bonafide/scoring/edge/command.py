"""Converts a pushed model to LiteRT (TFLite): one file from samples to score, for phones.

    bonafide edge --model output/sample/serving/sample --output model.tflite
    bonafide edge --output small.tflite --quantize dynamic --check calls/

The input is one clip, float32 samples of full scale 1 at the model's rate; features are included.
The result is compared with the original model before it is written. model.json beside it has the
length and rate of clips, and the thresholds.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bonafide.command_line import CommandParser, number
from bonafide.scoring import arguments
from bonafide.scoring.edge import compare, graph, lite
from bonafide.scoring.model import (
    Model,
    ModelError,
    Scorer,
    find_model,
    quiet_stderr,
    read_model,
    sha256,
)
from bonafide.storage.files import replacing, why_not_writable
from bonafide.text import visible, visible_lines

OK = 0
FAILED = 1
REFUSED = 3
INTERRUPTED = 130
ENDING = ".tflite"

EPILOG = f"""exit codes:
  {OK}    the model was written
  {FAILED}    no model, one that cannot be converted, or nothing to compare on
  2    the command line is wrong
  {REFUSED}    the scores differ by more than --max-difference; nothing was written
  {INTERRUPTED}  interrupted; nothing was written"""


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """Returns the command line; `prog` is the command's name in messages."""
    result = CommandParser(
        prog=prog,
        description=__doc__,
        epilog=EPILOG,
    )
    arguments.add_model(result)
    add = result.add_argument
    add("--output", metavar=f"FILE{ENDING}", type=output, required=True, help="output file")
    add(
        "--quantize",
        choices=lite.QUANTIZE,
        default="none",
        help="store weights in 8 bits (dynamic) or in 16 (float16); features are not quantised "
        "(default %(default)s)",
    )
    add(
        "--check",
        metavar="PATH",
        nargs="+",
        default=[],
        help="recordings, or folders of them, to compare both models on (default: "
        f"{compare.BUNDLED} of the bundled ones)",
    )
    add(
        "--max-difference",
        metavar="D",
        type=difference,
        default=0.05,
        help="maximum difference of a score (default %(default)s)",
    )
    return result


def output(text: str) -> Path:
    """Returns a path that ends in .tflite, for argparse."""
    if Path(text).suffix != ENDING:
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {ENDING}")
    return Path(text)


def difference(text: str) -> float:
    """Returns a number of at least 0, for argparse."""
    value = number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number of at least 0")
    return value


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command and returns its exit code."""
    options = parser(prog).parse_args(argv)
    try:
        for path in (options.output, options.output.with_suffix(".json")):
            if reason := why_not_writable(path):
                raise ModelError(f"{path} cannot be written: {reason}")
        return run(options)
    except (ModelError, compare.CheckError) as error:
        print(f"error: {visible_lines(error)}", file=sys.stderr)
    except OSError as error:
        print(
            f"error: --output {visible(options.output)}: {error.strerror or error}", file=sys.stderr
        )
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return FAILED


def run(options: argparse.Namespace) -> int:
    """Converts, compares, writes, and returns the exit code."""
    model = read_model(find_model(options.model))
    # First, so that a missing or damaged recording is reported immediately.
    clips = list(compare.clips(compare.recordings(options.check), model))
    scorer = Scorer(model)
    with quiet_stderr():
        scoring = graph.waveform_scorer(
            scorer.signature, model.clip_samples, quantize=options.quantize
        )
        content = lite.convert(scoring, options.quantize)
        runner = lite.Lite(content, threads=len(os.sched_getaffinity(0)))
    found = compare.compare(clips, scorer, runner)
    print(summary(found, model, len(content)))
    if not found.largest <= options.max_difference:
        print(
            f"error: nothing written: scores differ by up to {found.largest:.4f}, and "
            f"--max-difference is {options.max_difference:g}. Scores are natural-log likelihood "
            "ratios: decide what is too much by where your threshold lies",
            file=sys.stderr,
        )
        return REFUSED
    # The model is written last and marks a complete output.
    beside = options.output.with_suffix(".json")
    with replacing(beside) as part:
        part.write_text(json.dumps(about(model, content, options.quantize, found), indent=2) + "\n")
    with replacing(options.output) as part:
        part.write_bytes(content)
    print(f"written: {visible(options.output)}, {visible(beside)}")
    return OK


def summary(found: compare.Comparison, model: Model, size: int) -> str:
    """Returns the comparison as text."""
    source = sum(path.stat().st_size for path in serving_files(model.folder))
    return (
        f"{found.clips} clips, one at a time          {model.folder.name:>12} {'LiteRT':>12}\n"
        f"  size                            {source / 1e6:>9.2f} MB {size / 1e6:>9.2f} MB\n"
        f"  median time                     {found.source_milliseconds:>9.1f} ms "
        f"{found.lite_milliseconds:>9.1f} ms\n"
        f"  difference of scores: largest {found.largest:.6f}, mean {found.mean:.6f}"
    )


def serving_files(folder: Path) -> list[Path]:
    """Returns the files of a version that a server loads: graph and variables."""
    found = [folder / "saved_model.pb", *(folder / "variables").glob("*")]
    return [path for path in found if path.is_file()]


def about(model: Model, content: bytes, quantize: str, found: compare.Comparison) -> dict[str, Any]:
    """Returns the metadata that a program needs to run the file, and its provenance."""
    return {
        "input": {"name": graph.INPUT, "shape": [1, model.clip_samples], "type": "float32"},
        "output": {"name": graph.OUTPUT, "shape": [1], "type": "float32"},
        "sample_rate": model.sample_rate,
        "clip_samples": model.clip_samples,
        "thresholds": model.thresholds,
        "calibration": model.facts.get("calibration"),
        "quantize": quantize,
        "sha256": hashlib.sha256(content).hexdigest(),
        "version": model.folder.resolve().name,
        "source_sha256": sha256(model.folder),
        "check": dataclasses.asdict(found),
    }
