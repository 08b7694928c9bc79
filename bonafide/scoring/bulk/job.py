"""A job from its plan to its summary."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from bonafide import cells
from bonafide.scoring import thresholds
from bonafide.scoring.bulk import model_archive
from bonafide.scoring.bulk.log import JobError
from bonafide.scoring.bulk.plan import Plan
from bonafide.scoring.bulk.shard_writer import ScoreShard
from bonafide.scoring.bulk.watching import watching
from bonafide.scoring.bulk.workspace import ShardResult, Workspace
from bonafide.storage import beam_files
from bonafide.storage.files import printable

_RAISED = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception)(?:: .*)?")


def run(
    plan: Plan,
    workspace: Workspace,
    model: Path,
    beam_args: Sequence[str],
    engine: dict[str, Any],
    *,
    screen: TextIO,
) -> dict[str, Any]:
    """Writes the missing shards, `rejected.tsv` and `summary.json`.

    Args:
        plan: The plan, which must own the output (`plan.begin`).
        workspace: Files of the job.
        model: Folder of the model's version.
        beam_args: Options for Beam.
        engine: Description of the engine, for the summary.
        screen: Stream for the progress.

    Returns:
        The summary.

    Raises:
        JobError: Shards could not be written.
        KeyboardInterrupt: Interrupted; finished shards are kept.
    """
    before = workspace.done(plan.shards)
    missing = sorted(set(plan.shards) - set(before))
    started = time.monotonic()
    if missing:
        model_archive.pack(model, workspace.model, scratch=workspace.scratch)
        for name in missing:
            members = json.dumps(plan.members(name)).encode()
            uri = beam_files.join(workspace.lists, name)
            beam_files.write_bytes(uri, members, scratch=workspace.scratch)
        # A result without its shard would count as progress.
        for name in workspace.finished().intersection(missing):
            beam_files.remove_file(beam_files.join(workspace.results, name))
        with watching(workspace, len(plan.shards), screen):
            _write_shards(missing, plan, workspace, beam_args)
    seconds = time.monotonic() - started
    results = {name: workspace.result(name) for name in plan.shards}
    summary = summarise(plan, results.values()) | {
        "this_attempt": _attempt([results[name] for name in missing], seconds) | engine
    }
    for name, text in (
        (workspace.REJECTED, rejected_tsv(results.values())),
        (workspace.SUMMARY, json.dumps(summary, indent=2) + "\n"),
    ):
        uri = beam_files.join(workspace.output, name)
        beam_files.write_bytes(uri, text.encode(), scratch=workspace.scratch)
    workspace.close()
    return summary


def _write_shards(
    names: Sequence[str], plan: Plan, workspace: Workspace, beam_args: Sequence[str]
) -> None:
    try:
        with beam.Pipeline(options=PipelineOptions(list(beam_args))) as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(names)
                | "Spread" >> beam.Reshuffle()
                | "ScoreShard" >> beam.ParDo(ScoreShard(workspace, plan))
            )
    except Exception as error:
        reason = cause(error)
        # Beam converts an interrupt inside a step to an error.
        if reason.startswith("KeyboardInterrupt"):
            raise KeyboardInterrupt from error
        raise JobError(f"the Beam job failed: {reason}") from error


def cause(error: Exception) -> str:
    """Returns the cause of an engine's error, which may be a long traceback."""
    lines = [line.strip() for line in str(error).splitlines()]
    raised = [line for line in lines if _RAISED.fullmatch(line)]
    return (raised or [line for line in lines if line] or [type(error).__name__])[-1]


def summarise(plan: Plan, results: Iterable[ShardResult]) -> dict[str, Any]:
    """Returns the summary of all shards, for `summary.json`."""
    results = tuple(results)
    recordings = sum(result.recordings for result in results)
    rejected = sum(len(result.rejected) for result in results)
    bonafide = sum(result.bonafide for result in results)
    not_sure = sum(result.not_sure for result in results)
    return {
        "model_version": plan.model_version,
        "model_sha256": plan.model_sha256,
        "threshold": thresholds.facts(plan.reading.threshold),
        "prior": plan.reading.prior,
        "shards": len(results),
        "recordings": recordings,
        "scored": recordings - rejected,
        "rejected": rejected,
        "no_speech": sum(result.no_speech for result in results),
        "bonafide": bonafide,
        "not_sure": not_sure,
        "spoof": recordings - rejected - bonafide - not_sure,
        "clips": sum(result.clips for result in results),
        "audio_seconds": round(
            sum(result.samples for result in results) / plan.reading.sample_rate, 3
        ),
    }


def _attempt(results: Sequence[ShardResult], seconds: float) -> dict[str, Any]:
    """Returns the work of this attempt up to its last shard; no throughput if there was none."""
    clips = sum(result.clips for result in results)
    return {
        "shards": len(results),
        "clips": clips,
        "seconds": round(seconds, 3),
        "clips_per_second": round(clips / seconds, 3) if results else None,
    }


def rejected_tsv(results: Iterable[ShardResult]) -> str:
    """Returns a table of the recordings that have no score, with the reasons."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(("path", "reason"))
    for result in results:
        writer.writerows(
            (cells.safe(printable(path)), cells.safe(reason)) for path, reason in result.rejected
        )
    return text.getvalue()
