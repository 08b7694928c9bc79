"""Cost of a model."""

from __future__ import annotations

import keras
import tensorflow as tf


def count_flops(model: keras.Model, frames: int, features: int) -> int:
    """Returns the floating-point operations of a forward pass of one clip, counted by TensorFlow.

    A multiply-add is two operations. The front end is not counted.

    Args:
        model: A built model on features [B, T, F].
        frames: T.
        features: F.
    """
    graph = (
        tf.function(lambda x: model(x, training=False))
        .get_concrete_function(tf.TensorSpec([1, frames, features], tf.float32))
        .graph
    )
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    return tf.compat.v1.profiler.profile(graph=graph, options=options).total_float_ops
