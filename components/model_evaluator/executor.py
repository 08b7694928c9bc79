"""Executor of ModelEvaluator."""

from __future__ import annotations

import logging
from typing import Any

import tensorflow as tf
from google.protobuf import message
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as evaluator_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import path_utils, proto_utils

from components.champion import finder
from components.model_evaluator import forced_blessing, summary
from components.model_pusher import store

_LOG = logging.getLogger("bonafide")
_CHAMPION = standard_component_specs.BASELINE_MODEL_KEY


class ChampionError(Exception):
    """The champion cannot be compared with; the message says which one it is and what to do."""


class Executor(evaluator_executor.Executor):
    """TFX's Evaluator, for a champion that may not be there and a blessing that may be forced."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates, applies the gate and writes the blessing.

        Args:
            input_dict: `examples`, `model`, `baseline_model` (an output of Champion).
            output_dict: `evaluation` and `blessing`.
            exec_properties: Those of TFX's Evaluator, and `force_blessing_reason`.

        Raises:
            ChampionError: The champion lacks the signature or does not load.
        """
        champion_uri = artifact_utils.get_single_uri(input_dict[_CHAMPION])
        champion_path = finder.champion_model_path(champion_uri)
        if champion_path is None:
            # Without this key the stock executor drops the comparison and keeps the bound.
            input_dict = {key: value for key, value in input_dict.items() if key != _CHAMPION}
            super().Do(input_dict, output_dict, exec_properties)
        else:
            champion = finder.describe_champion(champion_uri)
            _check_signature(champion, champion_path, _model_spec(exec_properties))
            _check_sample_rate(
                champion,
                champion_path,
                path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict["model"])),
            )
            try:
                super().Do(input_dict, output_dict, exec_properties)
            except Exception as error:
                _check_loads(champion, champion_path)
                error.add_note(f"The new model was being compared with {champion}.")
                raise
        result = summary.read_evaluation(
            artifact_utils.get_single_uri(output_dict[constants.EVALUATION_KEY])
        )
        _LOG.info("%s", _line(result))
        reason = exec_properties.get("force_blessing_reason", "").strip()
        if reason and result.passed:
            _LOG.info("the gate passed: a forced blessing was asked for and not needed")
        elif reason:
            forced_blessing.force_blessing(
                artifact_utils.get_single_instance(
                    output_dict[standard_component_specs.BLESSING_KEY]
                ),
                reason=reason,
                failures=result.failures,
            )


def _model_spec(exec_properties: dict[str, Any]) -> config_pb2.ModelSpec:
    config = config_pb2.EvalConfig()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.EVAL_CONFIG_KEY], config)
    return config.model_specs[0]


def _check_signature(champion: str, path: str, spec: config_pb2.ModelSpec) -> None:
    """Raises ChampionError unless the champion has the signature and output that are compared.

    Reads the graph's description only: no variables are loaded.
    """
    saved = saved_model_pb2.SavedModel()
    try:
        with fileio.open(f"{path}/{store.MODEL_FILE}", "rb") as stream:
            saved.ParseFromString(stream.read())
    except message.DecodeError as error:
        raise ChampionError(_advice(champion, "is damaged", str(error))) from error
    signatures = {
        name: sorted(signature.outputs)
        for graph in saved.meta_graphs
        for name, signature in graph.signature_def.items()
        if not name.startswith("__")
    }
    if spec.prediction_key not in signatures.get(spec.signature_name, []):
        raise ChampionError(
            _advice(
                champion,
                f"has no output {spec.prediction_key!r} in a signature {spec.signature_name!r}",
                f"its signatures are {signatures}",
            )
        )


def _check_sample_rate(champion: str, champion_path: str, model_path: str) -> None:
    """Raises ChampionError if the models say that they want audio at different rates.

    The examples are at one rate; a model made for another would be heard at the wrong speed.
    """
    theirs, ours = (finder.sample_rate(path) for path in (champion_path, model_path))
    if None not in (theirs, ours) and theirs != ours:
        raise ChampionError(
            _advice(champion, "hears another sample rate", f"{theirs} Hz, the new model {ours} Hz")
        )


def _check_loads(champion: str, path: str) -> None:
    """Raises ChampionError if the champion does not load; called once something has failed."""
    try:
        tf.saved_model.load(path)
    except Exception as error:
        raise ChampionError(_advice(champion, "does not load", str(error))) from error


def _advice(champion: str, what: str, detail: str) -> str:
    return (
        f"The new model cannot be compared: {champion}, {what} ({detail}). Move that version out "
        "of the serving folder, so that the one before it becomes the champion, and run again."
    )


def _line(result: summary.EvaluationSummary) -> str:
    champion = "" if result.champion_eer is None else f", champion {result.champion_eer:.2%}"
    gate = "gate passed" if result.passed else f"gate refused: {'; '.join(result.failures)}"
    return f"eval EER {result.eer:.2%}{champion}; {gate}"
