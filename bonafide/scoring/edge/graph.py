"""Extracts the part of a pushed model from samples to score, without strings.

The signature `score_pcm16` takes bytes, which small runtimes cannot decode. The part of the graph
after the bytes is numeric and used unchanged: nothing is rebuilt, so models with other features or
another network are extracted in the same way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bonafide.scoring.model import ModelError

INPUT = "waveform"
OUTPUT = "score"
_FULL_SCALE = 32768.0
_PARTS_APART = 2.0**11  # so that the second part has as many digits in 16 bits as the first
_LEAST_POWER = -14  # of two, that is a normal number in 16 bits


def waveform_scorer(signature: Any, clip_samples: int, *, quantize: str) -> Any:
    """Returns a module whose `score` maps one clip [1, clip_samples] to {"score": [1]}.

    Samples are float32 of full scale 1. They are rounded to 16 bit first, as the signature
    `score_waveform` does, so that the same recording has the same score.

    Args:
        signature: `score_pcm16` of a loaded SavedModel.
        clip_samples: Length of the model's clip.
        quantize: One of `lite.QUANTIZE`. Except for `none`, the constants of the features
            are excluded. Power spectra span many orders of magnitude: in products of 8 bits
            most bands would be zero, and with transforms of 16 bits the quiet ones would be noise.

    Raises:
        ModelError: The model does not have the structure of this project's detectors.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen = convert_variables_to_constants_v2(signature)
    names = sorted(signature.structured_outputs)  # the order of the outputs
    samples, score = _ends(frozen.outputs[names.index(OUTPUT)])
    part = _between(frozen.graph.as_graph_def(), samples, score)
    constants = {} if quantize == "none" else _constants_of_features(score, samples)
    kept = hidden if quantize == "float16" else (lambda value, zero: tf.constant(value) + zero)

    def score_waveform(waveform: tf.Tensor) -> dict[str, tf.Tensor]:
        rounded = tf.round(waveform * _FULL_SCALE)
        given = {samples.name: tf.clip_by_value(rounded, -_FULL_SCALE, _FULL_SCALE - 1)}
        # Zero, but only known at run time: sums with it are not constants for the converter.
        zero = tf.minimum(tf.abs(waveform[0, 0]), 0.0)
        given |= {name: kept(value, zero) for name, value in constants.items()}
        [found] = tf.graph_util.import_graph_def(
            part, input_map=given, return_elements=[score.name], name="detector"
        )
        return {OUTPUT: tf.ensure_shape(found, [1])}

    edge = tf.Module(name="edge")
    specification = tf.TensorSpec([1, clip_samples], tf.float32, name=INPUT)
    edge.score = tf.function(score_waveform, input_signature=[specification])
    return edge


def hidden(value: np.ndarray, zero: Any) -> Any:
    """Returns a constant that keeps its precision when it is stored in 16 bits.

    It keeps 22 bits of its largest element, as the sum of two parts; the second is the remainder
    of the first in 16 bits, times a power of two.

    Args:
        value: float32, of any shape, finite.
        zero: A scalar 0 that the converter cannot fold.
    """
    import tensorflow as tf

    exponent = int(np.frexp(np.abs(value).max(initial=0.0))[1])
    scaled = value * np.float32(2.0**-exponent)
    first = scaled.astype(np.float16).astype(np.float32)
    rest = (scaled - first) * np.float32(_PARTS_APART)
    result = (tf.constant(rest) + zero) / _PARTS_APART + tf.constant(first)
    # In steps, because smaller powers are not normal numbers in 16 bits.
    step = _LEAST_POWER if exponent < 0 else -_LEAST_POWER
    while abs(exponent) > abs(step):
        result, exponent = result * (2.0**step + zero), exponent - step
    return result * 2.0**exponent


def _ends(output: Any) -> tuple[Any, Any]:
    """Returns the decoded samples, float32 [B, N] of int16 scale, and the unmasked score [B].

    The output is NaN for empty recordings, so it is not the score itself. A slice takes out the row
    that stands in for an empty batch.
    """
    choice = output.op
    while choice.type in ("Identity", "StridedSlice"):
        choice = choice.inputs[0].op
    if choice.type != "SelectV2":
        raise _not_ours(f"its score comes from {choice.type}")
    score = choice.inputs[1]
    decoded = [
        operation.outputs[0]
        for operation in _ancestors(score.op)
        if operation.type == "Cast"
        and operation.inputs[0].dtype == "int16"
        and operation.outputs[0].dtype == "float32"
    ]
    if len(decoded) != 1:
        raise _not_ours(f"samples of 16 bit become numbers in {len(decoded)} places")
    return decoded[0], score


def _between(graph: Any, samples: Any, score: Any) -> Any:
    """Returns the part of a graph from samples to score.

    Raises:
        ModelError: The score depends on other inputs.
    """
    needed = {operation.name: operation for operation in _ancestors(score.op, until=samples.op)}
    if others := [name for name, found in needed.items() if found.type == "Placeholder"]:
        raise _not_ours(f"its score needs more than samples: {', '.join(sorted(others))}")
    kept = [node for node in graph.node if node.name in needed]
    del graph.node[:]
    graph.node.extend(kept)
    for node in graph.node:
        # There are no side effects; control dependencies remain from inlining.
        inputs = [name for name in node.input if not name.startswith("^")]
        del node.input[:]
        node.input.extend(inputs)
        # Refers to functions of the training graph.
        node.attr.pop("_gradient_op_type", None)
    return graph


def _constants_of_features(score: Any, samples: Any) -> dict[str, np.ndarray]:
    """Returns the constants of the features: name of the tensor -> value.

    The features are the part before the network's first convolution.
    """
    import tensorflow as tf

    convolutions = [found for found in _ancestors(score.op) if found.type == "Conv2D"]
    before = {found.name: _ancestors(found, until=samples.op) for found in convolutions}
    result = {}
    for name, operations in before.items():
        if any(found.name in before and found.name != name for found in operations):
            continue
        for operation in operations:
            # Neither the convolution's filter nor identities of constants.
            if operation.type == "Identity" or operation.name == name:
                continue
            for operand in operation.inputs:
                value = tf.get_static_value(operand) if operand.dtype == "float32" else None
                if value is not None:
                    result[operand.name] = value
    return result


def _ancestors(operation: Any, until: Any = None) -> list[Any]:
    """Returns an operation and its ancestors, up to `until`, exclusive."""
    found, waiting = {}, [operation]
    while waiting:
        current = waiting.pop()
        if current.name not in found and current != until:
            found[current.name] = current
            waiting += [tensor.op for tensor in current.inputs]
    return list(found.values())


def _not_ours(reason: str) -> ModelError:
    return ModelError(
        f"the model is not built as this version builds detectors ({reason}): push it again, or "
        "use the version that pushed it"
    )
