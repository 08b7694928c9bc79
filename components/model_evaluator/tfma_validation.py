"""TFMA's validation result, completed with the rules of the gate that TFMA cannot compute.

TFMA compares metrics of slices with the thresholds of the EvalConfig (`eval_config.thresholds_of`).
Intervals by speakers, paired intervals, degraded recordings and the listing of train are outside
its reach. ModelEvaluator adds a failure for each such rule that the gate refused, so that
`tfma.load_validation_result(evaluation).validation_ok` equals the gate's verdict.
"""

from __future__ import annotations

import os

import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import validation_result_pb2

from bonafide.metrics.gate import Rule, Verdict
from components.model_evaluator.eval_config import SCORE, TFMA_RULES

VALIDATIONS_FILE = "validations.tfrecord"
# Of the metric keys of added failures: `gate/max_eer`.
GATE_PREFIX = "gate/"


def complete(evaluation_uri: str, verdict: Verdict, model_name: str = "") -> None:
    """Adds the gate's other failures to TFMA's validation result, and writes it again.

    Args:
        evaluation_uri: Output folder of TFMA.
        verdict: Verdict of the gate.
        model_name: Name of the new model in the EvalConfig; empty without a champion.
    """
    result = tfma.load_validation_result(evaluation_uri)
    failures = [
        _failure(rule, model_name)
        for rule in verdict.rules
        if not rule.passed and rule.name not in TFMA_RULES
    ]
    if failures:
        overall = _overall(result)
        overall.failures.extend(failures)
        result.validation_ok = False
    path = os.path.join(evaluation_uri, VALIDATIONS_FILE)  # noqa: PTH118 (URI)
    hidden = os.path.join(evaluation_uri, f".{VALIDATIONS_FILE}")  # noqa: PTH118 (URI)
    with tf.io.TFRecordWriter(hidden) as writer:
        writer.write(result.SerializeToString())
    tf.io.gfile.rename(hidden, path, overwrite=True)


def _overall(
    result: validation_result_pb2.ValidationResult,
) -> validation_result_pb2.MetricsValidationForSlice:
    """Returns the failures of the overall slice; appends an empty entry if there is none."""
    for found in result.metric_validations_per_slice:
        if not found.slice_key.single_slice_keys:
            return found
    return result.metric_validations_per_slice.add()


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
