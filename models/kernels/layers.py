"""Layers and functions of Keras with fewer passes over memory.

On a CPU, a model of this size spends a third of a step (in bfloat16 more than half) on memory
traffic between the matrix products. These layers have the same mathematics, weights and weight
names; handwritten gradients compute and store less. They compute in float32 internally: bfloat16 is
the storage format, and CPUs are slow at computing with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from models.kernels import switch

Gradient = Callable[..., Any]


class Dense(keras.layers.Dense):
    """A dense layer that reshapes [B, T, D] to [B T, D].

    TensorFlow fuses a product with the following bias, but Keras has a reshape between them.
    """

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = None,  # noqa: ARG002 (Keras' signature)
    ) -> tf.Tensor:
        """[..., D] to [..., units]."""
        if not switch.fused():
            return super().call(inputs)
        shape = ops.shape(inputs)
        flat = super().call(ops.reshape(inputs, (-1, shape[-1])))
        return ops.reshape(flat, (*shape[:-1], self.units))


class LayerNorm(keras.layers.LayerNormalization):
    """Layer normalisation over the last axis (Ba et al. 2016)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """A tensor of any shape."""
        if not switch.fused():
            return super().call(inputs)
        gain, shift = (tf.convert_to_tensor(v, tf.float32) for v in (self.gamma, self.beta))
        return layer_norm(inputs, gain, shift, self.epsilon)


def layer_norm(x: tf.Tensor, gain: tf.Tensor, shift: tf.Tensor, epsilon: float) -> tf.Tensor:
    """`gain h + shift` with `h = (x - mean) / sqrt(variance + epsilon)` over the last axis.

    Args:
        x: [..., D].
        gain: [D] float32.
        shift: [D] float32.
        epsilon: Keeps the root away from 0.
    """

    @tf.custom_gradient
    def normalise(x: tf.Tensor, gain: tf.Tensor, shift: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        wide = tf.cast(x, tf.float32)
        centred = wide - tf.reduce_mean(wide, -1, keepdims=True)
        scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), -1, keepdims=True) + epsilon)
        h = centred * scale

        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            dy = tf.cast(dy, tf.float32)
            leading = list(range(len(x.shape) - 1))
            dgain, dshift = tf.reduce_sum(dy * h, leading), tf.reduce_sum(dy, leading)
            dh = dy * gain
            along_h = tf.reduce_mean(dh * h, -1, keepdims=True)
            dx = scale * (dh - tf.reduce_mean(dh, -1, keepdims=True) - h * along_h)
            return tf.cast(dx, x.dtype), dgain, dshift

        return tf.cast(gain * h + shift, x.dtype), gradient

    return normalise(x, gain, shift)


def swish(x: tf.Tensor) -> tf.Tensor:
    """`x sigmoid(x)`."""
    return _swish(x) if switch.fused() else keras.activations.silu(x)


def gated(x: tf.Tensor) -> tf.Tensor:
    """Gated linear unit (Dauphin et al. 2017): `value sigmoid(gate)`, [..., 2 D] to [..., D]."""
    return _gated(x) if switch.fused() else keras.activations.glu(x)


@tf.custom_gradient
def _swish(x: tf.Tensor) -> tuple[tf.Tensor, Gradient]:

    def gradient(dy: tf.Tensor) -> tf.Tensor:
        wide = tf.cast(x, tf.float32)
        gate = tf.sigmoid(wide)
        # gate + x gate (1 - gate); the second term is the gradient of sigmoid.
        slope = gate + tf.raw_ops.SigmoidGrad(y=gate, dy=wide)
        return tf.cast(tf.cast(dy, tf.float32) * slope, x.dtype)

    return x * tf.sigmoid(x), gradient  # one operation in oneDNN


@tf.custom_gradient
def _gated(x: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    value, gate = tf.split(x, 2, axis=-1)
    gate = tf.sigmoid(tf.cast(gate, tf.float32))

    def gradient(dy: tf.Tensor) -> tf.Tensor:
        dy, wide = tf.cast(dy, tf.float32), tf.cast(value, tf.float32)
        dgate = tf.raw_ops.SigmoidGrad(y=gate, dy=dy * wide)
        return tf.cast(tf.concat([dy * gate, dgate], axis=-1), x.dtype)

    return tf.cast(tf.cast(value, tf.float32) * gate, x.dtype), gradient
