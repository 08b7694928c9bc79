"""AdamW in few operations."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from models.kernels import switch


class AdamW(keras.optimizers.AdamW):
    """Keras' AdamW with few operations per variable.

    Keras uses about fifty operations for an update, and thirty more of the schedule for the decay
    of every variable. This is most of the graph of a step: it takes longer to trace and to optimise
    than the model, and 100 MiB of memory.
    """

    def _apply_weight_decay(self, variables: Sequence[keras.Variable]) -> None:
        """Does nothing with the fused kernels: `update_step` applies the decay with its rate."""
        if not switch.fused():
            super()._apply_weight_decay(variables)

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates a variable with the same result as Keras."""
        if not switch.fused():
            super().update_step(gradient, variable, learning_rate)
            return
        rate = tf.cast(learning_rate, variable.dtype)
        if self._use_weight_decay(variable):
            variable.assign_sub(variable * tf.cast(self.weight_decay, variable.dtype) * rate)
        index = self._get_variable_index(variable)
        beta_1, beta_2 = (tf.constant(beta, variable.dtype) for beta in (self.beta_1, self.beta_2))
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.constant(self.epsilon, variable.dtype),
            grad=gradient,
        )
