"""Scores lists of any length with a pushed model, on any engine and filesystem of Beam.

    bonafide bulk recordings.txt --output scores/
    bonafide bulk calls/manifest.csv --output scores/ --workers 8 --format tfrecord
    bonafide bulk gs://calls/list.txt --root gs://calls/2026 --output gs://calls/scores

Recordings, scores and decisions are those of `bonafide score`. The output is written in shards,
each of them atomically; a repeated command writes the missing shards.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import posixpath
import sys
from collections.abc import Sequence
from typing import Any

from bonafide.command_line import CommandParser
from bonafide.engines import RUNNERS, BeamConfig, beam_args, choose_workers, describe
from bonafide.scoring import arguments, own_test, thresholds
from bonafide.scoring.bulk import job, listing, plan
from bonafide.scoring.bulk.log import JobError, log_aside
from bonafide.scoring.bulk.workspace import Workspace
from bonafide.scoring.model import ModelError, find_model, read_model, sha256
from bonafide.scoring.rows import Reading
from bonafide.settings import SettingsError
from bonafide.settings.overrides import Change, override
from bonafide.storage import beam_files
from bonafide.text import visible, visible_lines
from bonafide.trials import tables
from bonafide.version import REPOSITORY

OK = 0
FAILED = 1
NOT_ALL = 4
INTERRUPTED = 130

EPILOG = f"""exit codes:
  {OK}    every recording has a score
  {FAILED}    no model, no list, an output of another plan, or the engine failed
  2    the command line is wrong
  {NOT_ALL}    some recordings have no score (see rejected.tsv), the others have one
  {INTERRUPTED}  interrupted; the same command resumes with the missing shards"""


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """Returns the command line; `prog` is the command's name in messages."""
    result = CommandParser(
        prog=prog,
        description=__doc__,
        epilog=EPILOG,
    )
    add = result.add_argument
    add(
        "list",
        metavar="LIST",
        help=f"a manifest ({', '.join(tables.SUFFIXES)}; its column of paths is enough), or a file "
        "with a path on each line; a path or a URI",
    )
    add("--output", metavar="DIR", required=True, help="folder or URI of the scores")
    add(
        "--root",
        metavar="DIR",
        help="folder or URI that the paths are relative to (default: the folder of the list)",
    )
    arguments.add_model(result)
    add(
        "--format",
        choices=plan.FORMATS,
        default="csv",
        help="csv has the columns of bonafide score, tfrecord also the scores of segments "
        "(default %(default)s)",
    )
    add(
        "--shard-recordings",
        metavar="N",
        type=positive,
        default=2000,
        help="recordings per shard, the unit of work of a worker, which is lost if "
        "the worker is killed (default %(default)s)",
    )
    arguments.add_channel(result)
    arguments.add_decision(result)
    add(
        "--workers",
        metavar="N",
        type=positive,
        help="Beam worker processes, or the parallelism of an engine (default: by the length of "
        "the list, as local_runner.py)",
    )
    add("--beam-runner", choices=RUNNERS, help="the engine (default: direct, this machine)")
    add(
        "--set",
        metavar="beam.FIELD=VALUE",
        action="append",
        default=[],
        dest="assignments",
        help="a setting of the engine; local_runner.py --help-settings beam lists them",
    )
    add(
        "--verbose",
        action="store_true",
        help="show the log of Beam and its workers",
    )
    return result


@dataclasses.dataclass(frozen=True)
class _EngineSettings:
    beam: BeamConfig = dataclasses.field(default_factory=BeamConfig)


def positive(text: str) -> int:
    """Returns a whole number above 0, for argparse."""
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def engine_settings(options: argparse.Namespace) -> BeamConfig:
    """Returns the engine settings.

    Raises:
        SettingsError: A setting is not one of `beam.*`, or has an invalid value.
    """
    for assignment in options.assignments:
        if not assignment.strip().startswith("beam."):
            raise SettingsError("a setting beam.*", repr(assignment), place="--set")
    short = [
        Change("beam.workers", options.workers, "--workers"),
        Change("beam.runner", options.beam_runner, "--beam-runner"),
    ]
    given = [change for change in short if change.value is not None]
    return override(_EngineSettings(), [*given, *options.assignments]).beam


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command and returns its exit code."""
    command_line = parser(prog)
    options = command_line.parse_args(argv)
    try:
        engine = engine_settings(options)
    except SettingsError as error:
        command_line.error(str(error))
    try:
        summary = run(options, engine)
    except (
        listing.ListError,
        plan.PlanError,
        thresholds.ThresholdError,
        ModelError,
        JobError,
    ) as error:
        print(f"error: {visible_lines(error)}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"error: {visible(options.output)}: {error.strerror or error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("interrupted; the same command resumes", file=sys.stderr)
        return INTERRUPTED
    return OK if not summary["rejected"] else NOT_ALL


def run(options: argparse.Namespace, engine: BeamConfig) -> dict[str, Any]:
    """Scores the recordings of the command line, and returns the summary.

    Raises:
        ListError: The list cannot be used.
        ModelError: There is no model.
        ThresholdError: The model has no such threshold.
        PlanError: The output belongs to another plan.
        JobError: The engine failed.
        OSError: The output cannot be written.
    """
    # Beam starts its workers as plain Python processes in any folder.
    before = filter(None, [os.environ.get("PYTHONPATH")])
    os.environ["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), *before])
    beam_files.use_options(beam_args(engine))
    folder = find_model(options.model)
    model = read_model(folder)
    decide = thresholds.choose(
        options.threshold, model.thresholds, prior=options.prior, cost_ratio=options.cost_ratio
    )
    prior = thresholds.EVEN_PRIOR if options.prior is None else options.prior
    where = listing.absolute(options.list)
    recordings = listing.read(where)
    wanted = plan.Plan(
        recordings=recordings,
        root=listing.absolute(options.root or posixpath.dirname(where)),
        model_sha256=sha256(folder),
        model_version=folder.resolve().name,
        reading=Reading(model.sample_rate, model.clip_samples, decide, prior, model.training),
        form=options.format,
        shard_recordings=options.shard_recordings,
        channel=options.channel,
    )
    workspace = Workspace(listing.absolute(options.output), options.format)
    plan.begin(wanted, workspace)
    workers = choose_workers(engine, len(recordings))
    chosen = describe(engine, workers, len(recordings))
    there = len(workspace.done(wanted.shards))
    print(
        f"{len(recordings):,} recordings in {len(wanted.shards):,} shards, {there:,} of them there "
        f"already; {chosen}",
        file=sys.stderr,
    )
    about = {"runner": engine.runner, "workers": workers}
    with log_aside() if not options.verbose else contextlib.nullcontext(sys.stderr) as screen:
        summary = job.run(
            wanted, workspace, folder, beam_args(engine, workers), about, screen=screen
        )
    print(_in_short(summary), file=sys.stderr)
    for line in own_test.limits(decide, model.evaluation, options.threshold):
        print(line, file=sys.stderr)
    if model.training is None:
        print(own_test.unlike_training(None), file=sys.stderr)
    return summary


def _in_short(summary: dict[str, Any]) -> str:
    speed = summary["this_attempt"]["clips_per_second"]
    text = f"{summary['scored']:,} of {summary['recordings']:,} recordings scored"
    if speed is not None:
        text += f", {speed:,.1f} clips a second"
    if summary["rejected"]:
        text += f", {summary['rejected']:,} rejected (see {Workspace.REJECTED})"
    return text
