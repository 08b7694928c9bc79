"""Makes a corpus: all files, the manifest, the list of failures, a summary."""

from __future__ import annotations

import collections
import concurrent.futures
import csv
import dataclasses
import functools
import io
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from bonafide.storage.files import replacing
from bonafide.synthesis.making import Failure, Making, Result, make, remove_leftovers
from bonafide.synthesis.planning import Task
from bonafide.text import listed, plural

MANIFEST, FAILURES, SUMMARY = "manifest.csv", "failures.tsv", "summary.json"
README = "README.md"
RESULTS = ".results-"  # Folders of a Beam job, left where it was killed.
_FIRST = ("path", "key", "speaker", "system", "split", "id")
_LAST = (
    *(
        "kind",
        "source_file",
        "source_begin",
        "seconds",
        "channel",
        "parameters",
        "seed",
        "spoken_text",
    ),
    *("segments", "engine_licence"),
)
_TASKS_AT_ONCE = 4
Show = Callable[[int, int], None]


class CorpusFailedError(RuntimeError):
    """The corpus was not finished; the message states why and what to do."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A finished corpus.

    Attributes:
        rows: Rows of the manifest, in the order of the recordings.
        failures: What could not be made.
        summary: Content of `summary.json`.
    """

    rows: tuple[Mapping[str, str], ...]
    failures: tuple[Failure, ...]
    summary: Mapping[str, Any]


def in_processes(
    tasks: Sequence[Task], making: Making, workers: int, show: Show | None = None
) -> list[Result]:
    """Makes the files of all tasks in processes of this machine.

    Args:
        tasks: The tasks.
        making: What is the same for all.
        workers: Number of processes; 1 makes them in this one.
        show: Called with the numbers of finished tasks and of all.

    Returns:
        A result for each task, in their order.

    Raises:
        CorpusFailedError: A process was killed.
        OSError: A file cannot be written.
    """
    results: list[Result] = []
    for result in _results(tasks, making, workers):
        results.append(result)
        if show is not None:
            show(len(results), len(tasks))
    return results


def _results(tasks: Sequence[Task], making: Making, workers: int) -> Iterator[Result]:
    work = functools.partial(make, making=making)
    if workers == 1 or len(tasks) < 2:
        yield from map(work, tasks)
        return
    # Not by fork: a library's threads may hold locks.
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, context, initializer=_prepare_worker)
    try:
        yield from pool.map(work, tasks, chunksize=_TASKS_AT_ONCE)
    except BrokenProcessPool as error:
        raise CorpusFailedError(
            "a worker process was killed, perhaps for lack of memory. Repeat the command, with "
            "fewer --workers; finished files are kept"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare_worker() -> None:
    """Ignores interrupts, which are for the process that writes the manifest, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def on_beam(tasks: Sequence[Task], making: Making, beam_args: Sequence[str]) -> list[Result]:
    """Makes the files of all tasks by Beam; workers share the filesystem of the output.

    Returns:
        A result for each task, in their order; the same as those of `in_processes`.
    """
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    with tempfile.TemporaryDirectory(dir=making.output, prefix=RESULTS) as folder:

        def write(numbered: tuple[int, Task]) -> None:
            number, task = numbered
            result = make(task, making)
            text = json.dumps(dataclasses.asdict(result))
            pathlib.Path(folder, f"{number}.json").write_text(text, encoding="utf-8")

        with beam.Pipeline(options=PipelineOptions(list(beam_args))) as pipeline:
            _ = (
                pipeline
                | "Tasks" >> beam.Create(list(enumerate(tasks)))
                | "Spread" >> beam.Reshuffle()
                | "Make" >> beam.Map(write)
            )
        return [_read_result(pathlib.Path(folder, f"{place}.json")) for place in range(len(tasks))]


def _read_result(path: pathlib.Path) -> Result:
    content = json.loads(path.read_text(encoding="utf-8"))
    failures = tuple(Failure(**each) for each in content["failures"])
    return Result(tuple(content["rows"]), failures, content["kept"], content["seconds"])


def finish(
    results: Sequence[Result],
    output: pathlib.Path,
    *,
    named_speakers: bool,
    most_failed: float,
    facts: Mapping[str, Any],
    started: float,
) -> Outcome:
    """Writes the manifest and what belongs to it.

    Args:
        results: Of all tasks, in the order of the recordings.
        output: Folder of the corpus.
        named_speakers: Whether the manifest has a column of speakers.
        most_failed: Greatest share of failures; above it there is no manifest.
        facts: Further content of the summary.
        started: `time.monotonic()` at the start.

    Raises:
        CorpusFailedError: Too much failed.
        OSError: A file cannot be written.
    """
    rows = tuple(row for result in results for row in result.rows)
    failures = tuple(each for result in results for each in result.failures)
    _write(output / FAILURES, _failures_tsv(failures))
    share = len(failures) / max(1, len(rows) + len(failures))
    summary = _summary(rows, failures, results, facts, time.monotonic() - started)
    _write(output / SUMMARY, json.dumps(summary, indent=2, sort_keys=True) + "\n")
    if not rows or share > most_failed:
        (output / MANIFEST).unlink(missing_ok=True)
        reasons = collections.Counter(f"{each.engine}: {each.reason}" for each in failures)
        raise CorpusFailedError(
            f"expected at most {100 * most_failed:g} % of the files to fail, got "
            f"{plural(len(failures), 'failure')} of {len(rows) + len(failures):,}: "
            f"{listed([reason for reason, _ in reasons.most_common()], most=3)}. See "
            f"{output / FAILURES}; leave out an engine with --engines auto,-NAME, or allow more "
            "with --max-failures"
        )
    removed = remove_leftovers(rows, output)
    for folder in output.glob(f"{RESULTS}*"):
        shutil.rmtree(folder, ignore_errors=True)
    summary |= {"removed_files": removed}
    _write(output / SUMMARY, json.dumps(summary, indent=2, sort_keys=True) + "\n")
    _write(output / README, _readme(summary))
    # Last: a corpus with a manifest is complete.
    _write(output / MANIFEST, _manifest(rows, named_speakers=named_speakers))
    return Outcome(rows, failures, summary)


def _manifest(rows: Iterable[Mapping[str, str]], *, named_speakers: bool) -> str:
    rows = list(rows)
    present = {name for row in rows for name, value in row.items() if value}
    middle = sorted(present - set(_FIRST) - set(_LAST))
    names = [name for name in _FIRST if name != "speaker" or named_speakers]
    names += [*middle, *(name for name in _LAST if name in present)]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, extrasaction="ignore", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _failures_tsv(failures: Iterable[Failure]) -> str:
    lines = ["utterance\tsource_file\tengine\treason"]
    for each in failures:
        cells = (each.utterance_id, each.source_file, each.engine, each.reason)
        lines.append("\t".join(" ".join(cell.split()) for cell in cells))
    return "\n".join(lines) + "\n"


def _summary(
    rows: Sequence[Mapping[str, str]],
    failures: Sequence[Failure],
    results: Sequence[Result],
    facts: Mapping[str, Any],
    seconds: float,
) -> dict[str, Any]:
    engines: dict[str, Any] = {}
    for row in rows:
        if row["key"] == "spoof":
            own = engines.setdefault(row["system"], {"made": 0, "failed": 0, "splits": {}})
            own["made"] += 1
            own["splits"][row["split"]] = own["splits"].get(row["split"], 0) + 1
    for each in failures:
        if each.engine != "-":
            own = engines.setdefault(each.engine, {"made": 0, "failed": 0, "splits": {}})
            own["failed"] += 1
    real = sum(row["key"] == "bonafide" for row in rows)
    audio_seconds = sum(float(row["seconds"]) for row in rows)
    return {
        **facts,
        "bonafide": real,
        "spoof": len(rows) - real,
        "unusable_recordings": sum(each.engine == "-" for each in failures),
        "failures": len(failures),
        "engines": engines,
        "audio_seconds": round(audio_seconds, 3),
        "kept_files": sum(result.kept for result in results),
        "seconds": round(seconds, 3),
    }


def _readme(summary: Mapping[str, Any]) -> str:
    engines = "\n".join(
        f"| {name} | {own['made']:,} | {', '.join(sorted(own['splits']))} |"
        for name, own in sorted(summary["engines"].items())
    )
    return f"""# A corpus of real and synthetic speech

Made by `bonafide synthesize` to train and test detectors of synthetic speech. The spoofed
recordings are **synthetic**, and their files say so in their comments. Real and synthetic
recordings were both edited; do not use the real ones as evidence of what was said.

{summary["bonafide"]:,} bona fide recordings, {summary["spoof"]:,} spoofed ones, in `manifest.csv`.
Recordings of people are personal data: whoever may not have the originals may not have this folder.

| engine | copies | splits |
|---|---|---|
{engines}

`{summary["command"]}`
"""


def _write(path: pathlib.Path, text: str) -> None:
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
