"""A trained network as a graph of constants, for inference.

With constant weights, TensorFlow folds subgraphs that depend on weights only (positions times their
projection, in every block): they are computed once and not for every request.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from models.network.conformer import Conformer


class Network(Protocol):
    """A trained network, frozen or not."""

    def __call__(self, features: tf.Tensor, /) -> tf.Tensor:
        """[B, T, F] to [B]."""


class Frozen(NamedTuple):
    """A network without variables.

    Attributes:
        graph: The computation.
        features: Name of the input tensor, float32 [B, T, F].
        logits: Name of the output tensor, float32 [B].
    """

    graph: tf.compat.v1.GraphDef
    features: str
    logits: str

    def __call__(self, features: tf.Tensor) -> tf.Tensor:
        """Adds the network to the current graph: [B, T, F] to [B]."""
        [logits] = tf.graph_util.import_graph_def(
            self.graph,
            input_map={self.features: features},
            return_elements=[self.logits],
            name="network",
        )
        return logits


def freeze(model: Conformer, num_frames: int, num_features: int) -> Frozen:
    """Converts a model's weights to constants.

    Args:
        model: Built.
        num_frames: T.
        num_features: F.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, num_frames, num_features], name="features")])
    def network(features: tf.Tensor) -> tf.Tensor:
        return model(features, training=False)

    constant = convert_variables_to_constants_v2(network.get_concrete_function())
    graph = constant.graph.as_graph_def()
    _drop_gradients(graph)
    [features], [logits] = constant.inputs, constant.outputs
    return Frozen(graph, features.name, logits.name)


def _drop_gradients(graph: tf.compat.v1.GraphDef) -> None:
    """Removes the identity operations of our custom gradients, which only training needs.

    They keep the inputs of their functions alive, which prevents in-place computation.
    """
    removed = {node.name: list(node.input) for node in graph.node if node.op == "IdentityN"}

    def source(name: str) -> str:
        node, _, output = name.partition(":")
        return source(removed[node][int(output or 0)]) if node in removed else name

    kept = [node for node in graph.node if node.name not in removed]
    for node in kept:
        # Control dependencies that remain after inlining have no effect.
        inputs = [source(name) for name in node.input if not name.startswith("^")]
        del node.input[:]
        node.input.extend(inputs)
    del graph.node[:]
    graph.node.extend(kept)
