"""The figures of an evaluation that people want first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfx.dsl.io import fileio

from bonafide.metrics.evaluation import Figure, from_json
from bonafide.registry import names
from bonafide.report import evaluation_files


@dataclass(frozen=True, kw_only=True)
class EvaluationSummary:
    """What an evaluation found. Rates are fractions.

    Attributes:
        eer: EER of the new model on all trials, with its interval.
        per_attack: Attack id -> EER of its spoofs against all bona fide trials, sorted by id.
        passed: Whether the gate accepted the model (a forced blessing does not change this).
        failures: What the gate found wrong, one sentence each.
        champion_eer: EER of the champion on the same trials, None where there was none.
        difference: In EER from the champion, with its paired interval; None where there was none.
        n_bonafide: Bona fide trials.
        n_spoof: Spoofed trials.
        warnings: What a reader must know.
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
        FileNotFoundError: There is no finished evaluation in that folder.
    """
    if not fileio.exists(f"{evaluation_uri}/{names.VERDICT_FILE}"):
        raise FileNotFoundError(f"{evaluation_uri} holds no finished evaluation.")
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
