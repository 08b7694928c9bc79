"""Scores recordings with a pushed model: is it a person, or a machine that sounds like one?

    python score.py call.wav                          the newest model below output/
    python score.py --recursive recordings/ --csv scores.csv
    ffmpeg -i talk.m4a -f wav - | python score.py - --segments
    python score.py --plot talk.png talk.mp3          score over time above the spectrogram
    python score.py --model output/sample/serving/sample --threshold far1 --explain call.flac
    python score.py --serve                           a page on this machine to drop recordings on

A score is a natural-log likelihood ratio, higher = more bona fide; --explain says what that means
for this model. Only speech is scored: it is cut into overlapping segments of the model's clip, and
the score is the mean of theirs. Channels that are alike are averaged, others are scored apart and
the lowest decides. Any sampling rate is converted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console

from bonafide.command_line import CommandParser
from bonafide.scoring import (
    arguments,
    engine,
    inputs,
    output,
    own_test,
    plot,
    progress,
    serve,
    thresholds,
)
from bonafide.scoring.ahead import Decoder
from bonafide.scoring.explain import explain
from bonafide.scoring.model import Model, ModelError, Scorer, find_model, read_model
from bonafide.scoring.reading import STDIN, Track, read_tracks
from bonafide.scoring.rows import COLUMNS, SEGMENT_COLUMNS, Reading
from bonafide.storage.files import printable
from bonafide.text import visible_lines

OK = 0
FAILED = 1
NOT_ALL = 4
INTERRUPTED = 130

EPILOG = f"""columns:
  {", ".join(COLUMNS)}
  with --segments: {", ".join(SEGMENT_COLUMNS)}
On a terminal they are shown as a table; into a pipe or a file they go as TSV with a header, each
row as soon as it is there. docs/scoring.md describes each.

exit codes:
  {OK}    every recording has a score
  {FAILED}    there is no model or nothing to score, or an output cannot be written
  2    the command line is wrong
  {NOT_ALL}    some recordings have no score, for they cannot be used or hold too little speech
       (their rows say why); the others have one
  {INTERRUPTED}  interrupted; --csv and --json have written nothing"""


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """Returns the command line; `prog` is the command's name in messages."""
    result = CommandParser(
        prog=prog,
        description=__doc__,
        epilog=EPILOG,
    )
    add = result.add_argument
    add("paths", metavar="PATH", nargs="*", help="recordings; - is standard input")
    arguments.add_model(result)
    add("--recursive", action="store_true", help="score what is in folders, and in theirs")
    add("--list", metavar="FILE", help="a file with a path on each line, besides PATH")
    to = result.add_mutually_exclusive_group()
    to.add_argument("--csv", metavar="OUT", help="write a CSV file; - is standard output")
    to.add_argument("--json", metavar="OUT", help="write a JSON file; - is standard output")
    to.add_argument(
        "--jsonl",
        action="store_true",
        help="an object on a line for each recording, as soon as it is scored",
    )
    add(
        "--plot",
        metavar="OUT",
        help="draw the recording, a single one: score over time above its spectrogram "
        "(.png, .svg or .html)",
    )
    add("--segments", action="store_true", help="rows for segments in place of whole recordings")
    arguments.add_channel(result)
    arguments.add_decision(result)
    add(
        "--serve",
        action="store_true",
        help="show a page at http://127.0.0.1:PORT/ that scores what is dropped on it or recorded",
    )
    add(
        "--port",
        type=serve.port,
        default=serve.DEFAULT_PORT,
        help="of --serve (default %(default)s)",
    )
    add("--explain", action="store_true", help="say what the numbers mean, and what they do not")
    return result


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command and returns its exit code."""
    command_line = parser(prog)
    options = command_line.parse_intermixed_args(argv)
    if options.serve:
        written = options.csv or options.json or options.plot or options.jsonl
        if options.paths or options.list or written:
            command_line.error("--serve takes no recordings and writes no files")
        return serve.serve(options.model, options.port)
    if not (options.paths or options.list or options.explain):
        command_line.error("name a recording, a folder with --recursive, or a --list")
    try:
        return _answer(command_line, options)
    except (
        inputs.InputError,
        output.OutputError,
        plot.PlotError,
        thresholds.ThresholdError,
        ModelError,
    ) as error:
        return failed(str(error))
    except BrokenPipeError:
        # The reader has closed the pipe (`| head`): nothing may be flushed into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:  # a full disk behind standard output
        return failed(f"cannot write the rows: {error.strerror or error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _answer(command_line: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Checks what was asked for, before any work is done, and does it; returns the exit code."""
    paths = list(recordings(options))
    _refuse_impossible(command_line, options, paths)
    model = read_model(find_model(options.model))
    decide = thresholds.choose(
        options.threshold, model.thresholds, prior=options.prior, cost_ratio=options.cost_ratio
    )
    if not paths and (options.paths or options.list):
        return failed("nothing to score: no recording in what was named")
    explanation = ""
    if options.explain:
        explanation = explain(model, decide, options.prior, options.cost_ratio)
    if not paths:
        print(explanation, end="")
        return OK
    code = run(paths, model, decide, options)
    # Not among the rows that another program reads.
    on_stdout = output.STDOUT in (options.csv, options.json)
    aside = sys.stdout if sys.stdout.isatty() and not on_stdout else sys.stderr
    for line in own_test.limits(decide, model.evaluation, options.threshold):
        print(line, file=aside)
    if model.training is None:
        print(own_test.unlike_training(None), file=aside)
    if explanation:
        print(f"\n{explanation}", end="", file=aside)
    return code


def _refuse_impossible(
    command_line: argparse.ArgumentParser, options: argparse.Namespace, paths: Sequence[str]
) -> None:
    if paths.count(STDIN) > 1:
        command_line.error("- (standard input) can be read once only")
    written = options.csv or options.json
    for file in filter(None, (written, options.plot)):
        if file == output.STDOUT:
            continue
        if os.path.realpath(file) in map(os.path.realpath, paths):
            command_line.error(f"{file} is one of the recordings")
    if written is not None:
        output.refuse_unwritable(written)
    if options.plot is not None:
        if len(paths) != 1:
            command_line.error(f"--plot draws one recording, not {len(paths)}")
        plot.refuse_impossible(options.plot)


def failed(message: str) -> int:
    """Tells what is wrong, and returns the exit code."""
    print(f"error: {visible_lines(message)}", file=sys.stderr)
    return FAILED


def recordings(options: argparse.Namespace) -> Iterator[str]:
    """Yields the paths of the recordings that were asked for."""
    listed = inputs.read_list(options.list) if options.list is not None else []
    return inputs.expand([*options.paths, *listed], recursive=options.recursive)


def run(
    paths: Sequence[str],
    model: Model,
    decide: thresholds.Threshold,
    options: argparse.Namespace,
) -> int:
    """Scores, writes and returns the exit code."""
    prior = thresholds.EVEN_PRIOR if options.prior is None else options.prior
    reading = Reading(model.sample_rate, model.clip_samples, decide, prior, model.training)
    picture = plot.Plot(reading) if options.plot else None

    watch = progress.Watch(paths)

    def read(path: str) -> Iterable[Track]:
        tracks = watch.tracks(path, read_tracks(path, model.sample_rate, options.channel))
        return map(picture.watch, tracks) if picture else tracks

    # Before TensorFlow is imported, which takes seconds: the first recordings are decoded then.
    decoder = Decoder(
        paths,
        read,
        model.sample_rate,
        model.clip_samples,
        qualities=model.training is not None,
    )
    bad = 0
    # On one terminal, lines and a bar would overwrite each other.
    on_stdout = options.jsonl or output.STDOUT in (options.csv, options.json)
    hidden = on_stdout and sys.stdout.isatty()
    try:
        with progress.loading(hidden=hidden):
            scorer = Scorer(model)
        with (
            destination(model, reading, options) as write,
            progress.shown(watch, hidden=hidden) as watching,
        ):
            items = watch.items(decoder, model.sample_rate)
            for recording in engine.score_recordings(paths, watching(items), scorer):
                write(recording)
                bad += not recording.has_score
        if picture and not bad:
            picture.write(options.plot, recording)  # the only one there is
    finally:
        decoder.stop()
    if bad:
        some = "the recording" if len(paths) == 1 else f"{bad} of {len(paths)} recordings"
        print(f"error: no score for {some}; the column error says why", file=sys.stderr)
    return NOT_ALL if bad else OK


@contextlib.contextmanager
def destination(
    model: Model, reading: Reading, options: argparse.Namespace
) -> Iterator[output.Write]:
    """Opens where the rows go; leaves nothing behind of a file if it ends by an error."""
    segments = options.segments
    with contextlib.ExitStack() as stack:
        if options.csv is not None:
            file = stack.enter_context(output.beside(options.csv))
            to = output.separated(file, reading, segments=segments, delimiter=",")
        elif options.json is not None:
            file = stack.enter_context(output.beside(options.json))
            about = {
                "model": printable(str(model.folder)),
                "threshold": thresholds.facts(reading.threshold),
                "prior": reading.prior,
                "cost_ratio": options.cost_ratio,
                "own_test": own_test.facts(reading.threshold, model.evaluation),
                "training_range": model.training and model.training.to_json(),
            }
            to = output.json_document(file, reading, segments=segments, about=about)
        elif options.jsonl:
            to = output.json_lines(sys.stdout, reading, segments=segments)
        elif sys.stdout.isatty():
            title = f"{model.folder}; {reading.threshold}"
            console = Console(highlight=False, markup=False)
            to = output.table(console, reading, segments=segments, title=title)
        else:
            to = output.separated(sys.stdout, reading, segments=segments, delimiter="\t")
        yield stack.enter_context(to)
