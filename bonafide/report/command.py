r"""Evaluates the scores of any detector: every figure with its 95 % interval, by attack.

    bonafide evaluate --scores scores.txt --protocol ASVspoof2019.LA.cm.eval.trl.txt
    bonafide evaluate --scores new.txt --baseline old.txt --protocol eval.txt --html report.html
    bonafide evaluate --scores eval.txt --protocol eval.trl.txt \
        --dev-scores dev.txt --dev-protocol dev.trl.txt --asv-scores asv.eval.txt --json out.json
    bonafide evaluate --scores new.txt --protocol eval.txt --max-eer 0.05
    bonafide evaluate --scores eval.txt --protocol eval.trl.txt --dev-scores dev.txt \
        --dev-protocol dev.trl.txt --condition mp3:64k=eval.mp3.txt --condition phone=eval.8k.txt

Higher scores mean more bona fide (otherwise see --lower-is-bonafide).
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib.util
import json
import os
import pathlib
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bonafide.metrics import asv_scores
from bonafide.metrics.costs import AsvErrorRates, DetectionCosts
from bonafide.report import limits
from bonafide.report.arguments import FAILED, OK, REFUSED, parser
from bonafide.report.console import show, show_verdict
from bonafide.report.inputs import Files, in_common
from bonafide.settings import SettingsError
from bonafide.storage import files as output_files
from bonafide.storage.files import printable
from bonafide.storage.text_files import FileError
from bonafide.trials.trials import TrialsError
from bonafide.version import described_version

# Imported where it is needed: it takes two seconds, and errors in the input are reported first.
if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bonafide.metrics.detection import Floats
    from bonafide.metrics.gate import Verdict
    from bonafide.trials.trials import Trials


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command and returns its exit code."""
    command_line = parser(__doc__, prog)
    arguments = sys.argv[1:] if arguments is None else arguments
    options = command_line.parse_args(arguments)
    if (options.dev_scores is None) != (options.dev_protocol is None):
        command_line.error("expected --dev-scores and --dev-protocol together")
    names = [name for name, _ in options.condition]
    if len({*names}) < len(names):
        command_line.error("expected another name for each --condition")
    inputs = {os.path.realpath(path) for path in Files.given(options)}
    outputs = [os.path.realpath(path) for path in (options.json, options.html) if path is not None]
    if inputs & set(outputs) or len(set(outputs)) < len(outputs):
        command_line.error("expected different files for --json, --html and each input")
    try:
        for path in outputs:
            refuse_unwritable(path)
        if options.html is not None:
            require_the_extra()
        named = limits.limits_of(options)
        verdict = run(options, shlex.join([*(prog or "evaluate.py").split(), *arguments]), named)
    except (TrialsError, FileError, SettingsError) as error:
        return failed(str(error))
    return OK if verdict is None or verdict.passed else REFUSED


def failed(message: str) -> int:
    """Prints the error, and returns the exit code."""
    print(f"error: {message}", file=sys.stderr)
    return FAILED


@dataclasses.dataclass(frozen=True)
class _Inputs:
    """The trials that all systems have scored, and what else was given."""

    trials: Trials
    dev: Trials | None
    asv: AsvErrorRates | None
    baseline: Floats | None
    reference: Floats | None
    degraded: dict[str, Floats]
    groups: dict[str, npt.NDArray[np.str_]]


def run(
    options: argparse.Namespace, command: str, named: limits.Limits | None = None
) -> Verdict | None:
    """Reads, evaluates, shows and writes; returns the verdict of the limits, if there are any."""
    files = Files(
        lower_is_bonafide=options.lower_is_bonafide,
        columns=options.columns,
        protocol_columns=options.protocol_columns,
        key_words=options.keys,
    )
    given = _read(options, files)

    from bonafide.metrics import evaluation, results, slices, treated

    found = evaluation.evaluate(
        given.trials,
        asv=given.asv,
        dev=given.dev,
        baseline_scores=given.baseline,
        reference_scores=given.reference,
        detection_costs=DetectionCosts(
            spoof_prior=options.spoof_prior,
            miss=options.miss_cost,
            false_accept=options.false_accept_cost,
        ),
        resamples=evaluation.RESAMPLES if options.resamples is None else options.resamples,
        seed=evaluation.SEED if options.seed is None else options.seed,
    )
    found = dataclasses.replace(found, warnings=(*found.warnings, *files.warnings))
    conditions = None
    if given.degraded:
        conditions = treated.compare(
            given.trials,
            given.degraded,
            threshold=results.frozen_threshold(found),
            resamples=found.bootstrap.resamples,
            seed=found.bootstrap.seed,
        )
    point = results.point_of(found, "eer")
    verdict = named.decide(found, conditions) if named else None
    contents = {
        "title": printable(options.title or pathlib.Path(options.scores).name),
        "evaluation": found,
        "trials": given.trials,
        "dev": given.dev,
        "baseline_name": printable(pathlib.Path(options.baseline or "").name),
        "baseline_scores": given.baseline,
        "conditions": conditions,
        "verdict": verdict,
        "limits_of": named.source if named else "",
        "attack_share": options.attack_share,
        "slices": slices.slice_trials(
            given.trials,
            given.groups,
            threshold=point.threshold if point else None,
            resamples=min(found.bootstrap.resamples, slices.RESAMPLES),
            seed=found.bootstrap.seed,
        ),
        "crossed": slices.cross_attacks(given.trials, given.groups),
    }
    provenance = {
        "sha256": {printable(path): digest for path, digest in files.sha256.items()},
        "version": described_version(),
        "command": printable(command),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    if options.json is not None:
        write(options.json, _json(contents, provenance))
    if options.html is not None:
        write(options.html, html(provenance, **contents))
    # Last, so that a reader of the tables who stops early (`| head`) does not stop the files.
    console = Console(highlight=False, markup=False, soft_wrap=False)
    show(found, contents["title"], console, conditions, contents["slices"])
    show_verdict(verdict, named, console)
    return verdict


def _read(options: argparse.Namespace, files: Files) -> _Inputs:
    """Reads all files, and keeps the trials that all systems have scored."""
    protocol = files.protocol(options.protocol, options.subset)
    trials = files.trials(options.scores, protocol)
    asv = dev = None
    if options.asv_scores is not None:
        asv = asv_scores.parse_asv_scores(files.text(options.asv_scores), where=options.asv_scores)
    if options.dev_scores is not None:
        dev = files.trials(
            options.dev_scores, files.protocol(options.dev_protocol, options.dev_subset)
        )
    paths = {
        name: path
        for name in ("baseline", "reference")
        if (path := getattr(options, name)) is not None
    }
    systems = {name: files.trials(path, protocol) for name, path in paths.items()}
    degraded = {name: files.trials(path, protocol) for name, path in options.condition}
    trials, *others = in_common([trials, *systems.values(), *degraded.values()])
    scores = [other.scores for other in others]
    of_systems = dict(zip(systems, scores[: len(systems)], strict=True))
    return _Inputs(
        trials=trials,
        dev=dev,
        asv=asv,
        baseline=of_systems.get("baseline"),
        reference=of_systems.get("reference"),
        degraded=dict(zip(degraded, scores[len(systems) :], strict=True)),
        groups=protocol.groups_of(trials.utterances),
    )


def _json(contents: dict[str, Any], provenance: dict[str, Any]) -> str:
    """Returns all figures, as the page has them, and their provenance."""
    from bonafide.report.contents import ReportContents
    from bonafide.report.page_json import figures_json

    data = figures_json(
        ReportContents(date=provenance["date"], version=provenance["version"], **contents)
    )
    data["provenance"] = provenance
    verdict = contents["verdict"]
    if verdict is not None:
        data["gate"] = verdict.to_json() | {"source": printable(contents["limits_of"])}
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def html(provenance: dict[str, Any], **contents: Any) -> str:
    """Returns the report page; `contents` are fields of `ReportContents`."""
    from bonafide.report.contents import ReportContents
    from bonafide.report.page import render_page

    return render_page(
        ReportContents(
            date=provenance["date"],
            version=provenance["version"],
            provenance={
                "Command": {"command": provenance["command"]},
                "Input files (SHA-256)": provenance["sha256"],
            },
            **contents,
        )
    )


def require_the_extra() -> None:
    """Raises FileError if the packages of the page are not installed, before any work is done."""
    missing = [
        name
        for name in ("altair", "jinja2", "vl_convert")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise FileError(
            f"--html needs {', '.join(missing)}. Install the extra: pip install 'bonafide[report]'"
        )


def refuse_unwritable(path: str) -> None:
    """Raises FileError if an output cannot be written, before any work is done."""
    try:
        reason = output_files.why_not_writable(path)
    except OSError as error:  # a name that is too long
        reason = error.strerror
    if reason:
        raise FileError(f"cannot write {path}: {reason}")


def write(path: str, content: str) -> None:
    """Writes a file atomically."""
    try:
        with output_files.replacing(path) as part:
            part.write_text(content, encoding="utf-8")
    except OSError as error:  # a full disk does not say which file it was
        raise FileError(f"cannot write {path}: {error.strerror}") from error
