"""Reads TFMA's results as plain rows. Importing this module imports TensorFlow and TFMA."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma

from bonafide.metrics.evaluation_json import from_json
from bonafide.metrics.intervals import Interval
from bonafide.metrics.results import Evaluation, Figure
from bonafide.registry.names import EVALUATION_FILE
from bonafide.report.evaluation_files import read_json
from bonafide.report.review.rows import (
    CHAMPION,
    NEW,
    OVERALL,
    CalibrationBin,
    Matrix,
    MetricRow,
    TfmaResults,
)

_SCORE, _PROBABILITY = "score", "probability"
_TITLES = {tfma.CANDIDATE_KEY: NEW, tfma.BASELINE_KEY: CHAMPION}
_BINS = 20  # of calibration; TFMA has a thousand
_MOST_POINTS = 160  # of a curve
_DIFFERENCE = "_diff"


def load(evaluation: str) -> TfmaResults:
    """Reads an output `evaluation` of ModelEvaluator.

    Args:
        evaluation: Its folder or URI.
    """
    tf.get_logger().setLevel("ERROR")  # of TFMA's own old calls
    found = from_json(read_json(f"{evaluation}/{EVALUATION_FILE}"))
    # With a champion, TFMA names both models; alone, a model has no name.
    names = list(_TITLES) if found.comparison is not None else [""]
    results = {
        _TITLES.get(name, NEW): tfma.load_eval_result(evaluation, model_name=name or None)
        for name in names
    }
    limits = _limits(next(iter(results.values())).config)
    metrics: list[MetricRow] = []
    matrices: list[Matrix] = []
    bins: list[CalibrationBin] = []
    for model, result in results.items():
        for key, values in result.slicing_metrics:
            metrics += _metric_rows(_slice_name(key), model, values[_SCORE][""], found, limits)
        for key, plots in result.plots:
            where, plot = _slice_name(key), plots[_PROBABILITY][""]
            matrices += _matrices(where, model, plot["confusionMatrixAtThresholds"]["matrices"])
            bins += _bins(where, model, plot["calibrationHistogramBuckets"]["buckets"])
    slices = sorted({row.slice for row in metrics} - {OVERALL})
    validation = tfma.load_validation_result(evaluation)
    return TfmaResults(
        models=tuple(results),
        slices=(OVERALL, *slices),
        metrics=tuple(metrics),
        matrices=tuple(matrices),
        calibration=tuple(bins),
        validation_ok=None if validation.missing_thresholds else validation.validation_ok,
    )


def _slice_name(key: tuple[tuple[str, Any], ...]) -> str:
    return " ".join(str(value) for _, value in key) or OVERALL


def _number(value: Any) -> float | None:
    """A number of TFMA's JSON, which has `NaN` and `Infinity` as text; None if it is not finite."""
    number = float(value)
    return number if math.isfinite(number) else None


def _limits(config: Any) -> dict[tuple[bool, str], tuple[float | None, float | None]]:
    """Returns (of all trials, metric) -> bounds of the EvalConfig's value thresholds."""
    found: dict[tuple[bool, str], tuple[float | None, float | None]] = {}
    for spec in config.metrics_specs:
        for metric in spec.metrics:
            name = json.loads(metric.config or "{}").get("name", "")
            for each in metric.per_slice_thresholds:
                if not each.threshold.HasField("value_threshold"):
                    continue
                bounds = each.threshold.value_threshold
                low, high = (
                    getattr(bounds, end).value if bounds.HasField(end) else None
                    for end in ("lower_bound", "upper_bound")
                )
                for where in each.slicing_specs:
                    found[not where.feature_keys, name] = (low, high)
    return found


def _metric_rows(
    where: str,
    model: str,
    values: Mapping[str, Mapping[str, Any]],
    found: Evaluation,
    limits: Mapping[tuple[bool, str], tuple[float | None, float | None]],
) -> Iterator[MetricRow]:
    numbers = {name: _number(value.get("doubleValue", math.nan)) for name, value in values.items()}
    for name, value in numbers.items():
        if name.endswith(_DIFFERENCE):
            continue
        yield MetricRow(
            slice=where,
            model=model,
            metric=name,
            value=value,
            ci95=_interval(found, where, model, name),
            difference=numbers.get(f"{name}{_DIFFERENCE}") if model == NEW else None,
            limits=limits.get((where == OVERALL, name), (None, None)),
        )


def _interval(found: Evaluation, where: str, model: str, metric: str) -> Interval | None:
    """The interval by speakers of the same figure in our own evaluation."""
    against = found.comparison
    source = found if model == NEW or against is None else against
    if where == OVERALL:
        figure: Figure | None = source.figures.get(metric)
        return figure.ci95 if figure else None
    attack = source.per_attack.get(where) if metric == "eer" else None
    return attack.ci95 if attack else None


def _matrices(where: str, model: str, matrices: Iterable[Mapping[str, Any]]) -> list[Matrix]:
    found: list[Matrix] = []
    for each in matrices:
        count = [
            float(each.get(name, 0.0))
            for name in ("truePositives", "falsePositives", "falseNegatives", "trueNegatives")
        ]
        threshold = min(1.0, max(0.0, float(each.get("threshold", 0.0))))
        matrix = Matrix(where, model, threshold, *count)
        if not found or count != _counts(found[-1]):
            found.append(matrix)
    if len(found) <= _MOST_POINTS:
        return found
    step = (len(found) - 1) / (_MOST_POINTS - 1)
    return [found[round(number * step)] for number in range(_MOST_POINTS)]


def _counts(matrix: Matrix) -> list[float]:
    return [
        matrix.accepted_bonafide,
        matrix.accepted_spoof,
        matrix.rejected_bonafide,
        matrix.rejected_spoof,
    ]


def _bins(where: str, model: str, buckets: Iterable[Mapping[str, Any]]) -> list[CalibrationBin]:
    sums = [[0.0, 0.0, 0.0] for _ in range(_BINS)]
    for bucket in buckets:
        count = float(bucket.get("numWeightedExamples", 0.0))
        if not count:
            continue
        predicted = float(bucket["totalWeightedRefinedPrediction"])
        place = min(_BINS - 1, int(predicted / count * _BINS))
        for index, value in enumerate((count, predicted, float(bucket["totalWeightedLabel"]))):
            sums[place][index] += value
    return [
        CalibrationBin(where, model, predicted / count, labels / count, count)
        for count, predicted, labels in sums
        if count
    ]
