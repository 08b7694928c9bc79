"""The detection metrics as TensorFlow Model Analysis metrics: thin adapters, no arithmetic.

TFMA has no equal error rate, and its grid of thresholds on [0, 1] cannot give one for unbounded
scores, so these gather the scores themselves: 8 bytes a trial and slice, sorted once at the end.
All metrics of one slice share one gathering (TFMA removes duplicate computations).

Named in an EvalConfig as `MetricConfig(class_name='EqualErrorRate',
module='metrics.tfma_metrics', config='{"name": "eer"}')`.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

from metrics import detection

# A leading underscore makes TFMA keep the value for derived metrics and leave it out of its files.
_SCORES_NAME = "_detection_scores"


class GatheredScores(NamedTuple):
    """Scores of one slice by class; growable arrays of float64 that pickle as raw bytes."""

    bonafide: array.array
    spoof: array.array

    def __deepcopy__(self, memo: dict[int, Any]) -> GatheredScores:
        """Copies as bytes: `copy.deepcopy` of a named tuple would visit every field generically."""
        return GatheredScores(self.bonafide[:], self.spoof[:])


def eer_of(gathered: GatheredScores) -> float:
    """Returns the slice's EER, NaN where it has only one class (never a misleading number)."""
    bonafide, spoof = np.asarray(gathered.bonafide), np.asarray(gathered.spoof)
    if not bonafide.size or not spoof.size:
        return float("nan")
    labels = np.repeat([detection.BONAFIDE, detection.SPOOF], [bonafide.size, spoof.size])
    return detection.equal_error_rate(np.concatenate([bonafide, spoof]), labels).eer


def bonafide_count_of(gathered: GatheredScores) -> float:
    """Returns the number of bona fide trials in the slice."""
    return float(len(gathered.bonafide))


def spoof_count_of(gathered: GatheredScores) -> float:
    """Returns the number of spoofed trials in the slice."""
    return float(len(gathered.spoof))


class _DetectionMetric(metric_types.Metric):
    """A number computed from all scores of a slice."""

    value_of: Callable[[GatheredScores], float]

    def __init__(self, name: str) -> None:
        super().__init__(metric_util.merge_per_key_computations(self._computations), name=name)

    @property
    def compute_confidence_interval(self) -> bool:
        """Off: TFMA resamples trials, and trials of one speaker are not independent."""
        return False

    def _computations(
        self,
        name: str,
        eval_config: config_pb2.EvalConfig | None = None,
        model_name: str = "",
        output_name: str = "",
    ) -> metric_types.MetricComputations:
        gathering = _gathering(eval_config, model_name, output_name)
        [scores_key] = gathering.keys
        key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
        value_of = type(self).value_of

        def result(values: dict[metric_types.MetricKey, Any]) -> dict[Any, float]:
            return {key: value_of(values[scores_key])}

        return [gathering, metric_types.DerivedMetricComputation(keys=[key], result=result)]


class EqualErrorRate(_DetectionMetric):
    """Exact equal error rate by the official ASVspoof estimator, a fraction."""

    value_of = staticmethod(eer_of)

    def __init__(self, name: str = "eer") -> None:
        super().__init__(name)


class BonafideCount(_DetectionMetric):
    """Number of bona fide trials in the slice."""

    value_of = staticmethod(bonafide_count_of)

    def __init__(self, name: str = "bonafide_count") -> None:
        super().__init__(name)


class SpoofCount(_DetectionMetric):
    """Number of spoofed trials in the slice."""

    value_of = staticmethod(spoof_count_of)

    def __init__(self, name: str = "spoof_count") -> None:
        super().__init__(name)


def _gathering(
    eval_config: config_pb2.EvalConfig | None, model_name: str, output_name: str
) -> metric_types.MetricComputation:
    key = metric_types.MetricKey(name=_SCORES_NAME, model_name=model_name, output_name=output_name)
    return metric_types.MetricComputation(
        keys=[key], preprocessors=None, combiner=_GatherScores(key, eval_config)
    )


class _GatherScores(beam.CombineFn):
    """Gathers the scores of a slice by class."""

    def __init__(
        self, key: metric_types.MetricKey, eval_config: config_pb2.EvalConfig | None
    ) -> None:
        self._key = key
        self._eval_config = eval_config

    def create_accumulator(self) -> GatheredScores:
        return GatheredScores(array.array("d"), array.array("d"))

    def add_input(
        self, accumulator: GatheredScores, element: metric_types.StandardMetricInputs
    ) -> GatheredScores:
        for label, score, _ in metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self._key.model_name,
            output_name=self._key.output_name,
        ):
            value = metric_util.safe_to_scalar(label)
            if value == detection.BONAFIDE:
                accumulator.bonafide.append(metric_util.safe_to_scalar(score))
            elif value == detection.SPOOF:
                accumulator.spoof.append(metric_util.safe_to_scalar(score))
            else:
                raise ValueError(f"Labels must be 1 (bona fide) or 0 (spoof), not {value!r}.")
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[GatheredScores]) -> GatheredScores:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.bonafide.extend(accumulator.bonafide)
            merged.spoof.extend(accumulator.spoof)
        return merged

    def extract_output(
        self, accumulator: GatheredScores
    ) -> dict[metric_types.MetricKey, GatheredScores]:
        return {self._key: accumulator}
