"""The EvalConfig of TFMA, with the thresholds of the gate that TFMA can check.

The verdict comes from `bonafide.metrics.gate`. TFMA compares the value of a metric in a slice with
a threshold; it has no intervals by speakers, no degraded recordings and no listing of train. For
`max_eer` and `max_regression` its thresholds are on the measured value, which is never above the
upper end of the interval: TFMA fails them only if the gate does. `tfma_validation` adds the rules
that TFMA cannot check to its result.
"""

from __future__ import annotations

import json
from typing import Any

# Not `tfma.EvalConfig`, which TFMA 0.52 defines only after TFX has been imported.
from tensorflow_model_analysis.proto import config_pb2

from bonafide.metrics.costs import AsvErrorRates
from bonafide.metrics.gate import GateConfig

METRICS_MODULE = "components.model_evaluator.tfma_metrics"
SCORE, PROBABILITY = "score", "probability"
# Rules of the gate that TFMA checks exactly. Others are added to its result afterwards.
RULE_OF_METRIC = {
    "calibration_loss": "max_calibration_loss",
    "bonafide_count": "min_bonafide",
    "spoof_count": "min_spoof",
}
TFMA_RULES = frozenset({"max_worst_attack_eer", *RULE_OF_METRIC.values()})
_OVERALL = config_pb2.SlicingSpec()
_BY_ATTACK = config_pb2.SlicingSpec(feature_keys=["attack_pool"])


def make_eval_config(
    asv: AsvErrorRates | None = None,
    gate: GateConfig | None = None,
    *,
    has_champion: bool = False,
) -> config_pb2.EvalConfig:
    """Returns the EvalConfig for a model, overall and by attack.

    The metrics read the output `score`; TFMA's plots, which require values from 0 to 1, read
    `probability`.

    `ModelSpec.inference_batch_size` is not set: TFMA does not read it for models of this type.
    Batches are tfx_bsl's, at most 1,000 utterances and fewer where one takes longer than a second.

    Args:
        asv: Error rates of the speaker verifier on the split, for the t-DCF; None omits the t-DCF.
        gate: Rules of the gate; None sets no thresholds (dev has no verdict).
        has_champion: Whether there is a champion: TFMA refuses change thresholds without one.
    """
    thresholds = {} if gate is None else thresholds_of(gate, has_champion=has_champion)
    # One ModelSpec without a name: TFMA adds that of the baseline.
    model = config_pb2.ModelSpec(
        model_type="tf_generic",
        signature_name="serving_default",
        label_keys={SCORE: "label", PROBABILITY: "label"},
    )
    metrics = [
        _metric(METRICS_MODULE, name, **settings) for name, settings in _detection_metrics(asv)
    ]
    for metric, (_, settings) in zip(metrics, _detection_metrics(asv), strict=True):
        metric.per_slice_thresholds.extend(thresholds.get(settings["name"], ()))
    plots = [
        _metric("", "ConfusionMatrixPlot", name="confusion_matrix_plot"),
        _metric("", "CalibrationPlot", name="calibration_plot"),
    ]
    return config_pb2.EvalConfig(
        model_specs=[model],
        # A bona fide utterance has every attack id of its split in `attack_pool`, a spoof only its
        # own: a slice has the spoofs of one attack and all bona fide utterances.
        slicing_specs=[_OVERALL, _BY_ATTACK],
        metrics_specs=[
            config_pb2.MetricsSpec(output_names=[SCORE], metrics=metrics),
            config_pb2.MetricsSpec(output_names=[PROBABILITY], metrics=plots),
        ],
    )


def thresholds_of(
    gate: GateConfig, *, has_champion: bool
) -> dict[str, list[config_pb2.PerSliceMetricThreshold]]:
    """Returns metric -> thresholds of the gate.

    Each names its slices: a threshold without slices would apply to every slice, and the number of
    trials of one attack must not be compared with the minimum of all.
    """
    change = [_change(_OVERALL, gate.max_regression)] if has_champion else []
    by_attack = []
    if gate.max_worst_attack_eer < 1:  # at 1, only the NaN of a slice without bona fide would fail
        by_attack = [_threshold(_BY_ATTACK, upper=gate.max_worst_attack_eer)]
    return {
        "eer": [
            _threshold(_OVERALL, upper=gate.max_eer),
            *change,
            *by_attack,
        ],
        "calibration_loss": [_threshold(_OVERALL, upper=gate.max_calibration_loss)],
        "bonafide_count": [_threshold(_OVERALL, lower=gate.min_bonafide)],
        "spoof_count": [_threshold(_OVERALL, lower=gate.min_spoof)],
    }


def _threshold(
    where: config_pb2.SlicingSpec, *, upper: float | None = None, lower: float | None = None
) -> config_pb2.PerSliceMetricThreshold:
    limits = config_pb2.GenericValueThreshold()
    if upper is not None:
        limits.upper_bound.value = upper
    if lower is not None:
        limits.lower_bound.value = lower
    return config_pb2.PerSliceMetricThreshold(
        slicing_specs=[where], threshold=config_pb2.MetricThreshold(value_threshold=limits)
    )


def _change(where: config_pb2.SlicingSpec, most: float) -> config_pb2.PerSliceMetricThreshold:
    limits = config_pb2.GenericChangeThreshold(direction=config_pb2.LOWER_IS_BETTER)
    limits.absolute.value = most
    return config_pb2.PerSliceMetricThreshold(
        slicing_specs=[where], threshold=config_pb2.MetricThreshold(change_threshold=limits)
    )


def _detection_metrics(asv: AsvErrorRates | None) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = [
        ("EqualErrorRate", {"name": "eer"}),
        ("MinDcf", {"name": "min_dcf"}),
        ("ActDcf", {"name": "act_dcf"}),
        ("Cllr", {"name": "cllr"}),
        ("CalibrationLoss", {"name": "calibration_loss"}),
        ("BonafideCount", {"name": "bonafide_count"}),
        ("SpoofCount", {"name": "spoof_count"}),
    ]
    if asv is not None:
        rates = {
            "false_accept": asv.false_accept,
            "miss": asv.miss,
            "spoof_miss": asv.spoof_miss,
        }
        found += [
            ("MinTdcf", {"name": f"min_tdcf_{kind}", "revised": kind == "revised", **rates})
            for kind in ("legacy", "revised")
        ]
    return found


def _metric(module: str, class_name: str, **settings: Any) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(
        class_name=class_name, module=module, config=json.dumps(settings)
    )
