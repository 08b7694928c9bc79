"""Main figures of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfx.dsl.io import fileio

from bonafide.metrics.evaluation_json import from_json
from bonafide.metrics.results import Figure
from bonafide.registry import names
from bonafide.report import evaluation_files


@dataclass(frozen=True, kw_only=True)
class EvaluationSummary:
    """Main figures of an evaluation. Rates are fractions.

    Attributes:
        eer: EER of the new model on all trials, with its interval.
        per_attack: Attack id -> EER of its spoofs against all bona fide trials, sorted by id.
        passed: Whether the gate accepted the model, regardless of a forced blessing.
        failures: Failures that the gate reported, one sentence each.
        champion_eer: EER of the champion on the same trials; None without a champion.
        difference: Difference of the EERs with its paired interval; None without a champion.
        n_bonafide: Number of bona fide trials.
        n_spoof: Number of spoofed trials.
        warnings: Caveats for the reader.
    """

    eer: Figure
    per_attack: Mapping[str, float]
    passed: bool
    failures: tuple[str, ...]
    champion_eer: float | None
    difference: Figure | None
    n_bonafide: int
    n_spoof: int
    warnings: tuple[str, ...]


def read_evaluation(evaluation_uri: str) -> EvaluationSummary:
    """Reads the output `evaluation` of ModelEvaluator.

    Args:
        evaluation_uri: Folder of the `ModelEvaluation` artifact.

    Raises:
        FileNotFoundError: The folder contains no finished evaluation.
    """
    if not fileio.exists(f"{evaluation_uri}/{names.VERDICT_FILE}"):
        raise FileNotFoundError(f"{evaluation_uri} contains no finished evaluation.")
    found = from_json(evaluation_files.read_json(f"{evaluation_uri}/{names.EVALUATION_FILE}"))
    verdict = evaluation_files.read_verdict(evaluation_uri)
    against = found.comparison
    return EvaluationSummary(
        eer=found.figures["eer"],
        per_attack={name: attack.eer for name, attack in found.per_attack.items()},
        passed=verdict.passed,
        failures=verdict.failures,
        champion_eer=against.figures["eer"].value if against else None,
        difference=against.differences["eer"] if against else None,
        n_bonafide=found.n_bonafide,
        n_spoof=found.n_spoof,
        warnings=found.warnings,
    )
