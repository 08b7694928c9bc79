"""TFMA's validation result, completed with the rules of the gate that TFMA cannot compute.

TFMA compares metrics of slices with the thresholds of the EvalConfig (`eval_config.thresholds_of`).
Intervals by speakers, paired intervals, degraded recordings and the listing of train are outside
its reach. ModelEvaluator adds a failure for each such rule that the gate refused, and removes
TFMA's failures of rules that the gate passed (TFMA checks every attack, the gate may leave out
those with few trials), so that `tfma.load_validation_result(evaluation).validation_ok` equals the
gate's verdict.
"""

from __future__ import annotations

import os

import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from bonafide.metrics.gate import Rule, Verdict
from components.model_evaluator.eval_config import RULE_OF_METRIC, SCORE, TFMA_RULES

VALIDATIONS_FILE = "validations.tfrecord"
# Of the metric keys of added failures: `gate/max_eer`.
GATE_PREFIX = "gate/"


def complete(evaluation_uri: str, verdict: Verdict, model_name: str = "") -> None:
    """Makes TFMA's validation result agree with the gate, and writes it again.

    Args:
        evaluation_uri: Output folder of TFMA.
        verdict: Verdict of the gate.
        model_name: Name of the new model in the EvalConfig; empty without a champion.
    """
    result = tfma.load_validation_result(evaluation_uri)
    refused = [rule for rule in verdict.rules if not rule.passed]
    failed = {rule.name for rule in refused}
    kept = [
        (found.slice_key, [each for each in found.failures if _rule_of(found, each) in failed])
        for found in result.metric_validations_per_slice
    ]
    del result.metric_validations_per_slice[:]
    added = [_failure(rule, model_name) for rule in refused if rule.name not in TFMA_RULES]
    if added and not any(not key.single_slice_keys for key, _ in kept):
        kept.append((metrics_for_slice_pb2.SliceKey(), []))
    for key, failures in kept:
        failures += [] if key.single_slice_keys else added
        if failures:
            result.metric_validations_per_slice.add(slice_key=key, failures=failures)
    result.validation_ok = verdict.passed
    path = os.path.join(evaluation_uri, VALIDATIONS_FILE)  # noqa: PTH118 (URI)
    hidden = os.path.join(evaluation_uri, f".{VALIDATIONS_FILE}")  # noqa: PTH118 (URI)
    with tf.io.TFRecordWriter(hidden) as writer:
        writer.write(result.SerializeToString())
    tf.io.gfile.rename(hidden, path, overwrite=True)


def _rule_of(
    where: validation_result_pb2.MetricsValidationForSlice,
    failure: validation_result_pb2.ValidationFailure,
) -> str:
    """Returns the rule of the gate that a threshold is for; empty for failures added before."""
    name = failure.metric_key.name
    if name != "eer":
        return RULE_OF_METRIC.get(name, "")
    if where.slice_key.single_slice_keys:
        return "max_worst_attack_eer"
    return "max_regression" if failure.metric_key.is_diff else "max_eer"


def _failure(rule: Rule, model_name: str) -> validation_result_pb2.ValidationFailure:
    failure = validation_result_pb2.ValidationFailure(message=rule.sentence)
    failure.metric_key.name = f"{GATE_PREFIX}{rule.name}"
    failure.metric_key.model_name = model_name
    failure.metric_key.output_name = SCORE
    bounds = failure.metric_threshold.value_threshold
    (bounds.upper_bound if rule.at_most else bounds.lower_bound).value = rule.limit
    if rule.value is not None:
        failure.metric_value.double_value.value = rule.value
    return failure
