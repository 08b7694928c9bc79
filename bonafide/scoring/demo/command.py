"""Shows the detector at work, with a small model that comes with the library: nothing to train.

    bonafide demo                     four recordings that come with it, then the page
    bonafide demo call.wav            your own recording
    bonafide demo --no-page

The model is a demonstration. It is trained on the small corpus of the repository, and is wrong too
often to decide anything with it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bonafide.command_line import CommandParser
from bonafide.scoring import engine, inputs, own_test, progress, serve, thresholds
from bonafide.scoring.ahead import Decoder
from bonafide.scoring.demo.package import EXAMPLES, MODEL, Example, demo_model
from bonafide.scoring.model import Model, ModelError, Scorer
from bonafide.scoring.reading import read_tracks
from bonafide.scoring.rows import Reading
from bonafide.text import interval, rate, visible

OK = 0
FAILED = 1
NOT_ALL = 4
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command and returns its exit code: 4 if a recording has no score."""
    command_line = CommandParser(prog=prog, description=__doc__)
    command_line.add_argument("paths", metavar="PATH", nargs="*", help="recordings of your own")
    command_line.add_argument("--no-page", action="store_true", help="end after the verdicts")
    command_line.add_argument(
        "--port",
        type=serve.port,
        default=serve.DEFAULT_PORT,
        help="of the page at 127.0.0.1 (default %(default)s)",
    )
    options = command_line.parse_args(argv)
    try:
        model = demo_model()
        print(warning(model), flush=True)
        examples = EXAMPLES
        if options.paths:
            paths = inputs.expand(options.paths, recursive=False)
            examples = tuple(Example(Path(path), "") for path in paths)
        code = _show(examples, model)
    except (ModelError, inputs.InputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    if options.no_page:
        return code
    print(
        f"\nThe page, with the same model. Drop a recording of your own on it, or one of "
        f"{EXAMPLES[0].path.parent}:",
        flush=True,
    )
    return serve.serve(str(MODEL), options.port) or code


def warning(model: Model) -> str:
    """Returns what the model is, with its error rate on its own test."""
    evaluation = model.evaluation
    eer, ends = evaluation["eer"], evaluation["eer_ci95"]
    trials = evaluation["n_bonafide"] + evaluation["n_spoof"]
    return (
        "DEMONSTRATION. The model shows how the tool works; do not decide anything with it.\n"
        f"Its equal error rate on its own test is {rate(eer)} (95 % interval: "
        f"{interval(tuple(ends), 'rate')}; {trials} clips):\n"
        f"with a single threshold, about {round(10 * eer)} of 10 recordings are judged wrongly, "
        "and more of other recordings.\n"
        "With the two thresholds that are used here, its answer is often `not sure`.\n"
    ).replace("\u00a0", " ")


def _show(examples: Sequence[Example], model: Model) -> int:
    """Scores recordings, prints a line for each, and returns the exit code."""
    decide = thresholds.choose(None, model.thresholds)
    reading = Reading(
        model.sample_rate, model.clip_samples, decide, thresholds.EVEN_PRIOR, model.training
    )
    paths = [str(example.path) for example in examples]
    read = functools.partial(read_tracks, sample_rate=model.sample_rate)
    # Decodes while TensorFlow is imported.
    decoder = Decoder(
        paths, read, model.sample_rate, model.clip_samples, qualities=model.training is not None
    )
    bad = 0
    try:
        with progress.loading(hidden=False):
            scorer = Scorer(model)
        width = max(len(visible(example.path.name)) for example in examples)
        for example, recording in zip(
            examples, engine.score_recordings(paths, decoder, scorer), strict=True
        ):
            bad += not recording.has_score
            for line in _lines(example, reading.row(recording), width):
                print(line, flush=True)
    finally:
        decoder.stop()
    for line in own_test.limits(decide, model.evaluation, None):
        print(f"\n{line}")
    return NOT_ALL if bad else OK


def _lines(example: Example, row: dict[str, object], width: int) -> Iterator[str]:
    name = f"{visible(example.path.name):<{width}}"
    if row["error"]:
        yield f"{name}  no verdict: {row['error']}"
        return
    truth = f"   it is {example.truth}" if example.truth else ""
    yield (
        f"{name}  {row['decision']:<9}  score {row['score']:+.2f}  probability of a person "
        f"{row['probability']:.2f}{truth}"
    )
    if row["unlike_training"]:
        yield f"{'':<{width}}  unlike the training data: {row['unlike_training']}"
