"""The gate between training and pushing, written as a TFMA EvalConfig.

A model passes when its EER on the evaluation split is at most a bound, and no worse than the
champion's (the model pushed last) by more than a tolerance. Per-attack EERs are computed for the
report and gate nothing.
"""

from __future__ import annotations

import json
from typing import Any

# Not `tfma.EvalConfig`: TFMA 0.52 has that name only once TFX has been imported.
from tensorflow_model_analysis.proto import config_pb2

from pipeline.config import GateConfig

METRICS_MODULE = "metrics.tfma_metrics"


def make_eval_config(gate: GateConfig) -> config_pb2.EvalConfig:
    """Returns the EvalConfig that measures a model and applies the gate.

    `ModelSpec.inference_batch_size` is not set: TFMA does not read it for models of this type.
    Batches are tfx_bsl's, at most 1,000 utterances and fewer where one takes longer than a second.

    Args:
        gate: The bounds.
    """
    # One ModelSpec without a name: Evaluator adds the baseline's itself, and drops the change
    # threshold where there is no baseline.
    model = config_pb2.ModelSpec(
        model_type="tf_generic",
        signature_name="serving_default",
        label_key="label",
        prediction_key="score",
    )
    overall = config_pb2.SlicingSpec()
    # A bona fide utterance carries every attack id of its split in `attack_pool`, a spoof its own:
    # slicing on it gives each attack's spoofs together with all bona fide utterances.
    by_attack = config_pb2.SlicingSpec(feature_keys=["attack_pool"])
    return config_pb2.EvalConfig(
        model_specs=[model],
        slicing_specs=[overall, by_attack],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    _metric(
                        "EqualErrorRate",
                        name="eer",
                        # Not `threshold`: that would gate every slice, and a NaN in one (a slice
                        # without one of the classes) would refuse every model.
                        per_slice_thresholds=[
                            config_pb2.PerSliceMetricThreshold(
                                slicing_specs=[overall], threshold=_threshold(gate)
                            )
                        ],
                    ),
                    _metric("BonafideCount", name="bonafide_count"),
                    _metric("SpoofCount", name="spoof_count"),
                ]
            )
        ],
    )


def _metric(class_name: str, *, name: str, **fields: Any) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(
        class_name=class_name, module=METRICS_MODULE, config=json.dumps({"name": name}), **fields
    )


def _threshold(gate: GateConfig) -> config_pb2.MetricThreshold:
    return config_pb2.MetricThreshold(
        value_threshold=config_pb2.GenericValueThreshold(upper_bound={"value": gate.max_eer}),
        change_threshold=config_pb2.GenericChangeThreshold(
            direction=config_pb2.MetricDirection.LOWER_IS_BETTER,
            absolute={"value": gate.max_regression},
        ),
    )
