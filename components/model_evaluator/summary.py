"""The figures of an evaluation that people want first, read from TFMA's files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

_ATTACK_FEATURE = "attack_pool"
_EER = "eer"


@dataclass(frozen=True, kw_only=True)
class EvaluationSummary:
    """What an evaluation found. Rates are fractions.

    Attributes:
        eer: EER of the new model on all trials.
        per_attack: Attack id -> EER of its spoofs against all bona fide trials, sorted by id.
        passed: Whether the gate accepted the model (a forced blessing does not change this).
        failures: What the gate found wrong, one sentence each.
        champion_eer: EER of the champion on the same trials, None where there was none.
        n_bonafide: Bona fide trials.
        n_spoof: Spoofed trials.
    """

    eer: float
    per_attack: Mapping[str, float]
    passed: bool
    failures: tuple[str, ...]
    champion_eer: float | None
    n_bonafide: int
    n_spoof: int


def read_evaluation(evaluation_uri: str) -> EvaluationSummary:
    """Reads the output `evaluation` of ModelEvaluator.

    Args:
        evaluation_uri: Folder of the `ModelEvaluation` artifact.

    Raises:
        FileNotFoundError: There is no evaluation with an EER in that folder.
    """
    overall: dict[str, dict[str, float]] = {}
    per_attack: dict[str, float] = {}
    for sliced in tfma.load_metrics(evaluation_uri):
        values = _values_by_model(sliced)
        key = sliced.slice_key.single_slice_keys
        if not key:
            overall = values
        elif len(key) == 1 and key[0].column == _ATTACK_FEATURE:
            per_attack[key[0].bytes_value.decode()] = _of_candidate(values).get(_EER, math.nan)
    new = _of_candidate(overall)
    if _EER not in new:
        raise FileNotFoundError(f"{evaluation_uri} holds no evaluation with an EER.")
    baseline = overall.get(tfma.BASELINE_KEY, {})
    validation = tfma.load_validation_result(evaluation_uri)
    return EvaluationSummary(
        eer=new[_EER],
        per_attack=dict(sorted(per_attack.items())),
        passed=validation.validation_ok,
        failures=_failures(validation, baseline.get(_EER)),
        champion_eer=baseline.get(_EER),
        n_bonafide=int(new.get("bonafide_count", 0)),
        n_spoof=int(new.get("spoof_count", 0)),
    )


def _values_by_model(
    sliced: metrics_for_slice_pb2.MetricsForSlice,
) -> dict[str, dict[str, float]]:
    """Returns model name -> metric name -> value, without differences between models."""
    values: dict[str, dict[str, float]] = {}
    for item in sliced.metric_keys_and_values:
        if not item.key.is_diff and item.value.HasField("double_value"):
            by_name = values.setdefault(item.key.model_name, {})
            by_name[item.key.name] = item.value.double_value.value
    return values


def _of_candidate(values: Mapping[str, Mapping[str, float]]) -> Mapping[str, float]:
    """Returns the new model's values: TFMA names it only where there is a baseline beside it."""
    return values.get(tfma.CANDIDATE_KEY) or values.get("", {})


def _failures(
    validation: validation_result_pb2.ValidationResult, champion_eer: float | None
) -> tuple[str, ...]:
    found = [
        _sentence(failure, champion_eer)
        for sliced in validation.metric_validations_per_slice
        for failure in sliced.failures
    ]
    if validation.missing_slices:
        found.append("A slice that the gate looks at has no trials.")
    if not found and not validation.validation_ok:
        found.append("The gate refused the model without saying why.")
    return tuple(found)


def _sentence(failure: validation_result_pb2.ValidationFailure, champion_eer: float | None) -> str:
    name = failure.metric_key.name
    if failure.message:
        return f"{name}: {' '.join(failure.message.split())}"
    value = failure.metric_value.double_value.value
    threshold = failure.metric_threshold
    if threshold.HasField("change_threshold"):
        allowed = threshold.change_threshold.absolute.value
        champion = "" if champion_eer is None else f" {champion_eer:.2%}"
        return (
            f"{name} is {100 * value:.2f} points above the champion's{champion}; "
            f"{100 * allowed:.2f} points are allowed"
        )
    return (
        f"{name} is {value:.2%}; at most {threshold.value_threshold.upper_bound.value:.2%} passes"
    )
