"""Finds the evaluations of the runs in output folders, the newest first. Local disks only."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from bonafide.registry.names import CONTEXT_FILE, EVALUATION_FILE, VERDICT_FILE

_EVALUATIONS = "artifacts/ModelEvaluator/evaluation"
_REPORTS = "artifacts/EvalReport/report"
_PAGE = "report.html"


class RunError(Exception):
    """There is no finished evaluation; the message names the folder and the remedy."""


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished evaluation.

    Attributes:
        output: Output folder of the runs, `output/<preset>`.
        evaluation: Output `evaluation` of ModelEvaluator.
        date: Of the evaluation, ISO 8601; empty if it is not recorded.
        eer: Fraction on eval.
        passed: Verdict of the gate, regardless of a forced blessing.
        champion: Version of the champion; empty without one.
    """

    output: Path
    evaluation: Path
    date: str
    eer: float
    passed: bool
    champion: str

    @property
    def name(self) -> str:
        """Preset and number of the execution, `sample/9`."""
        return f"{self.output.name}/{self.evaluation.name}"

    @property
    def page(self) -> Path | None:
        """The newest page of EvalReport in this output folder that was made after the evaluation.

        Executions are numbered upwards: EvalReport's number is the next after ModelEvaluator's.
        """
        number = int(self.evaluation.name)
        pages = [
            (int(path.parent.name), path)
            for path in (self.output / _REPORTS).glob(f"*/{_PAGE}")
            if path.parent.name.isdecimal() and int(path.parent.name) > number
        ]
        return min(pages)[1] if pages else None

    @property
    def serving(self) -> list[Path]:
        """Folders of pushed versions below the output folder."""
        return sorted(path for path in (self.output / "serving").glob("*") if path.is_dir())


def find_runs(folder: str | Path) -> list[Run]:
    """Returns the evaluations below a folder, the newest first.

    Args:
        folder: `output`, an output folder `output/<preset>`, or an evaluation itself.

    Raises:
        RunError: There is none.
    """
    top = Path(folder).absolute()
    verdicts = {
        *top.glob(VERDICT_FILE),
        *top.glob(f"{_EVALUATIONS}/*/{VERDICT_FILE}"),
        *top.glob(f"*/{_EVALUATIONS}/*/{VERDICT_FILE}"),
    }
    runs = [_read(path.parent) for path in verdicts if path.parent.name.isdecimal()]
    if not runs:
        raise RunError(
            f"expected a finished evaluation, got none in {top}. Run the pipeline (`make run`), or "
            "name its output folder, output/<preset>."
        )
    return sorted(runs, key=lambda run: (run.date, int(run.evaluation.name)), reverse=True)


def _read(evaluation: Path) -> Run:
    context = _json(evaluation / CONTEXT_FILE)
    figures = _json(evaluation / EVALUATION_FILE)
    return Run(
        output=evaluation.parents[3],
        evaluation=evaluation,
        date=context.get("date", ""),
        eer=figures["eer"],
        passed=_json(evaluation / VERDICT_FILE)["passed"],
        champion=(context.get("champion") or {}).get("version", ""),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"expected JSON, got {error} ({path}). Run the pipeline again.") from error
    return found
