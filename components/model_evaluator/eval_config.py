"""The EvalConfig of TFMA.

It has no thresholds. The verdict comes from `bonafide.metrics.gate`, which uses intervals by
speakers that TFMA cannot compute; a second gate here could contradict it.
"""

from __future__ import annotations

import json
from typing import Any

# Not `tfma.EvalConfig`, which TFMA 0.52 defines only after TFX has been imported.
from tensorflow_model_analysis.proto import config_pb2

from bonafide.metrics.costs import AsvErrorRates

METRICS_MODULE = "components.model_evaluator.tfma_metrics"
SCORE, PROBABILITY = "score", "probability"


def make_eval_config(asv: AsvErrorRates | None = None) -> config_pb2.EvalConfig:
    """Returns the EvalConfig for a model, overall and by attack.

    The metrics read the output `score`; TFMA's plots, which require values from 0 to 1, read
    `probability`.

    `ModelSpec.inference_batch_size` is not set: TFMA does not read it for models of this type.
    Batches are tfx_bsl's, at most 1,000 utterances and fewer where one takes longer than a second.

    Args:
        asv: Error rates of the speaker verifier on the split, for the t-DCF; None omits the t-DCF.
    """
    # One ModelSpec without a name: TFMA adds that of the baseline.
    model = config_pb2.ModelSpec(
        model_type="tf_generic",
        signature_name="serving_default",
        label_keys={SCORE: "label", PROBABILITY: "label"},
    )
    metrics = [
        _metric(METRICS_MODULE, name, **settings) for name, settings in _detection_metrics(asv)
    ]
    plots = [
        _metric("", "ConfusionMatrixPlot", name="confusion_matrix_plot"),
        _metric("", "CalibrationPlot", name="calibration_plot"),
    ]
    return config_pb2.EvalConfig(
        model_specs=[model],
        # A bona fide utterance has every attack id of its split in `attack_pool`, a spoof only its
        # own: a slice has the spoofs of one attack and all bona fide utterances.
        slicing_specs=[
            config_pb2.SlicingSpec(),
            config_pb2.SlicingSpec(feature_keys=["attack_pool"]),
        ],
        metrics_specs=[
            config_pb2.MetricsSpec(output_names=[SCORE], metrics=metrics),
            config_pb2.MetricsSpec(output_names=[PROBABILITY], metrics=plots),
        ],
    )


def _detection_metrics(asv: AsvErrorRates | None) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = [
        ("EqualErrorRate", {"name": "eer"}),
        ("MinDcf", {"name": "min_dcf"}),
        ("ActDcf", {"name": "act_dcf"}),
        ("Cllr", {"name": "cllr"}),
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
