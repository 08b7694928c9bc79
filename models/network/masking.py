"""Padding in the model's layers: a bool mask [B, T], True where a frame is real."""

from typing import Any

import tensorflow as tf
from keras import ops

# Large enough to vanish in a softmax, small enough to stay finite: a clip that is all padding gets
# equal weights, not NaN.
MASKED_SCORE = -1e9


class TakesMask:
    """Base of layers that take `mask` as an argument and return it explicitly.

    Keras would otherwise warn that such a layer destroys the mask or, if the layer declares that it
    supports masking, attach the mask of the input to an output of another length.
    """

    supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Attaches no mask to the output."""


def zero_padding(inputs: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """Sets padded frames to zero.

    Args:
        inputs: [B, T, ...].
        mask: True where a frame is real, bool [B, T]; None if every frame is.

    Returns:
        [B, T, ...].
    """
    if mask is None:
        return inputs
    trailing = [1] * (len(inputs.shape) - 2)
    shape = ops.shape(mask)
    return ops.where(ops.reshape(mask, [*shape, *trailing]), inputs, ops.zeros_like(inputs))
