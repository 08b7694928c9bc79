"""The detection metrics as TensorFlow Model Analysis metrics: thin adapters, no arithmetic.

TFMA has no equal error rate, and its grid of thresholds on [0, 1] cannot compute one for unbounded
scores. These metrics therefore collect the scores: 8 bytes per trial and slice, sorted once at the
end. All metrics of a slice share one computation (TFMA removes duplicates).

In an EvalConfig: `MetricConfig(class_name='EqualErrorRate',
module='components.model_evaluator.tfma_metrics', config='{"name": "eer"}')`.

The gate does not use these values. Its figures (intervals by speakers, a paired comparison) come
from `bonafide.metrics.evaluation`, with the same functions. TFMA compares these with the gate's
limits in its own validation result (`eval_config.thresholds_of`).
"""

from __future__ import annotations

import array
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

from bonafide.metrics import calibration, costs, detection

# With a leading underscore, TFMA keeps the value for derived metrics but does not write it.
_SCORES_NAME = "_detection_scores"


class GatheredScores(NamedTuple):
    """Scores of one slice by class; growable arrays of float64 that pickle as raw bytes."""

    bonafide: array.array
    spoof: array.array

    def __deepcopy__(self, memo: dict[int, Any]) -> GatheredScores:
        """Copies as bytes: `copy.deepcopy` of a named tuple would visit every field generically."""
        return GatheredScores(self.bonafide[:], self.spoof[:])


def scores_and_labels(gathered: GatheredScores) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns scores and labels [N] of a slice; None if it has only one class."""
    bonafide, spoof = np.asarray(gathered.bonafide), np.asarray(gathered.spoof)
    if not bonafide.size or not spoof.size:
        return None
    labels = np.repeat([detection.BONAFIDE, detection.SPOOF], [bonafide.size, spoof.size])
    return np.concatenate([bonafide, spoof]), labels


class _DetectionMetric(metric_types.Metric):
    """A number computed from all scores of a slice."""

    def __init__(self, name: str, **settings: Any) -> None:
        # TFMA writes the settings into its results and requires primitive types.
        super().__init__(
            metric_util.merge_per_key_computations(self._computations), name=name, **settings
        )

    def value_of(self, gathered: GatheredScores) -> float:
        """Returns the value of a slice; NaN if it has only one class."""
        found = scores_and_labels(gathered)
        return math.nan if found is None else self.of_trials(*found)

    def of_trials(self, scores: np.ndarray, labels: np.ndarray) -> float:
        """Returns the value for scores [N] and labels [N] of both classes."""
        raise NotImplementedError

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
        **settings: Any,  # noqa: ARG002 (TFMA passes further arguments)
    ) -> metric_types.MetricComputations:
        gathering = _gathering(eval_config, model_name, output_name)
        [scores_key] = gathering.keys
        key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
        value_of = self.value_of

        def result(values: dict[metric_types.MetricKey, Any]) -> dict[Any, float]:
            return {key: value_of(values[scores_key])}

        return [gathering, metric_types.DerivedMetricComputation(keys=[key], result=result)]


class EqualErrorRate(_DetectionMetric):
    """Exact equal error rate by the official ASVspoof estimator, a fraction."""

    def __init__(self, name: str = "eer") -> None:
        super().__init__(name)

    def of_trials(self, scores: np.ndarray, labels: np.ndarray) -> float:
        """See the base class."""
        return detection.equal_error_rate(scores, labels).eer


class MinDcf(_DetectionMetric):
    """Normalised detection cost of ASVspoof 5 at the best threshold."""

    def __init__(self, name: str = "min_dcf") -> None:
        super().__init__(name)

    def of_trials(self, scores: np.ndarray, labels: np.ndarray) -> float:
        """See the base class."""
        return costs.min_dcf(detection.error_curve(scores, labels))


class ActDcf(_DetectionMetric):
    """Normalised detection cost of ASVspoof 5 at the Bayes threshold."""

    def __init__(self, name: str = "act_dcf") -> None:
        super().__init__(name)

    def of_trials(self, scores: np.ndarray, labels: np.ndarray) -> float:
        """See the base class."""
        return costs.act_dcf(scores, labels)


class Cllr(_DetectionMetric):
    """Cost of the scores as log-likelihood ratios, in bits."""

    def __init__(self, name: str = "cllr") -> None:
        super().__init__(name)

    def of_trials(self, scores: np.ndarray, labels: np.ndarray) -> float:
        """See the base class."""
        return calibration.cllr(scores, labels)


class CalibrationLoss(_DetectionMetric):
    """Cllr - min Cllr: what the scores lose for lack of calibration, in bits."""

    def __init__(self, name: str = "calibration_loss") -> None:
        super().__init__(name)

    def of_trials(self, scores: np.ndarray, labels: np.ndarray) -> float:
        """See the base class."""
        return calibration.cllr(scores, labels) - calibration.min_cllr(scores, labels)


class MinTdcf(_DetectionMetric):
    """Normalised min t-DCF at the error rates of a speaker verifier (`bonafide.metrics.costs`)."""

    def __init__(
        self,
        name: str = "min_tdcf_legacy",
        *,
        revised: bool,
        false_accept: float,
        miss: float,
        spoof_miss: float,
    ) -> None:
        asv = costs.AsvErrorRates(false_accept, miss, spoof_miss)
        self._weights = costs.revised_tdcf(asv) if revised else costs.legacy_tdcf(asv)
        super().__init__(
            name, revised=revised, false_accept=false_accept, miss=miss, spoof_miss=spoof_miss
        )

    def of_trials(self, scores: np.ndarray, labels: np.ndarray) -> float:
        """See the base class."""
        return self._weights.lowest(detection.error_curve(scores, labels))


class BonafideCount(_DetectionMetric):
    """Number of bona fide trials in the slice."""

    def __init__(self, name: str = "bonafide_count") -> None:
        super().__init__(name)

    def value_of(self, gathered: GatheredScores) -> float:
        """Returns the count, also for a single class."""
        return float(len(gathered.bonafide))


class SpoofCount(_DetectionMetric):
    """Number of spoofed trials in the slice."""

    def __init__(self, name: str = "spoof_count") -> None:
        super().__init__(name)

    def value_of(self, gathered: GatheredScores) -> float:
        """Returns the count, also for a single class."""
        return float(len(gathered.spoof))


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
                raise ValueError(f"expected the label 1 (bona fide) or 0 (spoof), got {value!r}")
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
