"""Opens the report of a run, or writes the review page: TFMA's views and versions over time.

    bonafide report                                 the newest run below output/
    bonafide report output/sample                   the report of its newest evaluation
    bonafide report output/sample --list            its evaluations
    bonafide report output/sample --html review.html
    bonafide report output/sample/serving/sample --html versions.html --last 5

The report is `report.html` of EvalReport. --html writes another page, which needs no network:
TFMA's metrics by slice, ROC, DET, calibration and errors over thresholds, the new model beside the
champion, and the last pushed versions side by side (error rates, conditions, thresholds, data, who
forced what). Of a serving folder, it has the versions only. `notebooks/review.ipynb` (`make
review`) has the same views.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from bonafide.command_line import CommandParser
from bonafide.registry import names, store
from bonafide.report.command import failed, refuse_unwritable, require_the_extra
from bonafide.report.review.runs import Run, RunError, find_runs
from bonafide.storage import files
from bonafide.storage.text_files import FileError
from bonafide.text import percent

_OUTPUT = "output"
_PAGE = "report.html"
_LAST = 10


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """Returns the command line; `prog` is the command's name in messages."""
    result = CommandParser(prog=prog, description=__doc__)
    add = result.add_argument
    where = "output folder of a run, one evaluation, or a serving folder (default %(default)s)"
    add("run", metavar="RUN", nargs="?", default=_OUTPUT, help=where)
    add("--html", metavar="FILE", help="write the review page to FILE")
    add("--last", metavar="N", type=int, default=_LAST, help="versions (default %(default)s)")
    add("--list", action="store_true", help="list the evaluations, newest first")
    add("--no-open", action="store_true", help="print the path, and open no browser")
    return result


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs the command and returns its exit code: 0, or 1 on failure."""
    from bonafide.registry.versions import VersionError

    command_line = parser(prog)
    options = command_line.parse_args(arguments)
    if options.last < 1:
        command_line.error(f"expected --last of 1 or more, got {options.last}")
    try:
        # In a store there are serving folders only; an output folder has no numbered folders.
        serving = "://" in options.run or bool(store.complete_versions(options.run))
        if options.list and not serving:
            show_runs(find_runs(options.run))
            return 0
        if options.html is not None:
            require_the_extra()
            refuse_unwritable(options.html)
            page = _versions(options) if serving else _review(options)
            with files.replacing(options.html) as path:
                path.write_text(page, encoding="utf-8")
            return _show(Path(options.html), options)
        if serving:
            newest = store.complete_versions(options.run)[-1]
            page_path = Path(store.version_path(options.run, newest), names.EXTRA_DIR, _PAGE)
        else:
            run = find_runs(options.run)[0]
            if run.page is None:
                raise RunError(
                    f"expected a report of {run.evaluation}, got none. Run the pipeline to its end."
                )
            page_path = run.page
        return _show(page_path, options)
    except (RunError, VersionError, FileError, OSError) as error:
        return failed(str(error))


def show_runs(runs: Sequence[Run]) -> None:
    """Prints a line for each evaluation."""
    for run in runs:
        verdict = "passed" if run.passed else "refused"
        print(f"{run.date or '-':25}  {verdict:7}  EER {percent(run.eer):>8}  {run.evaluation}")


def _show(path: Path, options: argparse.Namespace) -> int:
    """Prints the path of a page, and opens it if there is a screen."""
    if not path.exists():
        raise RunError(f"expected a report, got none ({path}). Run the pipeline to its end.")
    print(path)
    on_screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    if on_screen and not options.no_open:
        webbrowser.open(path.absolute().as_uri())
    return 0


def _versions(options: argparse.Namespace) -> str:
    from bonafide.report.review.over_time import versions_view

    return versions_view(options.run, options.last).page()


def _review(options: argparse.Namespace) -> str:
    run = find_runs(options.run)[0]
    if importlib.util.find_spec("tensorflow_model_analysis") is None:
        raise RunError(
            "expected TensorFlow Model Analysis, got no such package. Run the command with the "
            "Python of the pipeline, .venv/bin/bonafide, or name a serving folder: its versions "
            "need no TFMA."
        )
    print("loading TFMA ...", file=sys.stderr)
    from bonafide.report.review import views
    from bonafide.report.review.over_time import versions_view
    from bonafide.report.review.page import joined
    from bonafide.report.review.tfma_results import load

    results = load(str(run.evaluation))
    pushed = [folder for folder in run.serving if store.complete_versions(str(folder))]
    found = [
        views.metrics_view(results),
        views.curves_view(results),
        *(versions_view(str(folder), options.last) for folder in pushed),
    ]
    verdict = "passed" if run.passed else "refused"
    title = f"Review of {run.name}: EER {percent(run.eer)}, the gate {verdict} the model"
    return joined(title, found).page()
