"""Multi-head self-attention with the relative positions of Transformer-XL."""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from models.kernels import dropout as dropout_lib
from models.kernels import layers
from models.network.masking import MASKED_SCORE, TakesMask


class RelativeSelfAttention(TakesMask, keras.layers.Layer):
    """Pre-norm self-attention with relative positions (Dai et al. 2019, section 3.3).

    score(i, j) = [(q_i + u) . k_j + (q_i + v) . W_p r_(i-j)] / sqrt(d)
    output_i    = W_o sum_j softmax_j(score(i, j)) value_j

    where q, k and the values are projections of LayerNorm(x), r is the sinusoid of a distance, u
    and v are learned biases per head, and d is the width of a head. Padded frames are never
    attended to.

    Heads lead the batch ([H, B, T, d]) so that the product with the positions, which all clips
    share, is one matrix product per head and needs no broadcasting.

    Args:
        width: Model width D, even and a multiple of `num_heads`.
        num_heads: Heads, H.
        dropout: Rate on the output.
        attention_dropout: Rate on the attention weights.
        **kwargs: Passed on to the Keras layer.
    """

    def __init__(
        self,
        *,
        width: int,
        num_heads: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.num_heads = num_heads
        self.head_width = width // num_heads
        self.norm = layers.LayerNorm(epsilon=1e-5, name="norm")
        self.query_key_value = layers.Dense(3 * width, name="query_key_value")
        self.position = layers.Dense(width, use_bias=False, name="position")
        self.output_projection = layers.Dense(width, name="output_projection")
        self.attention_dropout = dropout_lib.ByteDropout(attention_dropout)
        self.dropout = dropout_lib.ByteDropout(dropout)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the weights for inputs [B, T, D]."""
        shape = (self.num_heads, 1, 1, self.head_width)
        self.content_bias = self.add_weight(shape=shape, initializer="zeros", name="content_bias")
        self.position_bias = self.add_weight(shape=shape, initializer="zeros", name="position_bias")
        self.norm.build(input_shape)
        self.query_key_value.build(input_shape)
        self.position.build((None, self.width))
        self.output_projection.build(input_shape)

    def call(
        self, x: tf.Tensor, mask: tf.Tensor | None = None, training: bool | None = None
    ) -> tf.Tensor:
        """Attends.

        Args:
            x: [B, T, D].
            mask: True where a frame is real, bool [B, T]; None if every frame is.
            training: Whether dropout is on.

        Returns:
            [B, T, D].
        """
        frames = ops.shape(x)[1]
        split = (-1, frames, 3, self.num_heads, self.head_width)
        joint = ops.reshape(self.query_key_value(self.norm(x)), split)
        query, key, value = ops.unstack(ops.transpose(joint, (2, 3, 0, 1, 4)))  # [H, B, T, d]
        key = key / math.sqrt(self.head_width)  # cheaper than dividing the scores

        scores = tf.matmul(query + self.content_bias, key, transpose_b=True)
        scores += self._position_scores(query + self.position_bias)  # [H, B, T, T]
        weights = self.attention_dropout(masked_softmax(scores, mask), training=training)
        context = ops.transpose(ops.matmul(weights, value), (1, 2, 0, 3))  # [B, T, H, d]
        context = ops.reshape(context, (-1, frames, self.width))
        return self.dropout(self.output_projection(context), training=training)

    def _position_scores(self, query: tf.Tensor) -> tf.Tensor:
        """[H, B, T, d] to [H, B, T, T]: the second term of the score."""
        frames = ops.shape(query)[2]
        sinusoids = ops.cast(relative_sinusoids(frames, self.width), self.compute_dtype)
        position = ops.reshape(self.position(sinusoids), (-1, self.num_heads, self.head_width))
        position = ops.transpose(position, (1, 2, 0)) / math.sqrt(self.head_width)  # [H, d, 2 T]
        flat = ops.reshape(query, (self.num_heads, -1, self.head_width))  # [H, B T, d]
        by_distance = ops.reshape(ops.matmul(flat, position), (-1, frames, 2 * frames))
        return ops.reshape(relative_shift(by_distance), (*ops.shape(query)[:-1], frames))


def masked_softmax(scores: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """Softmax over keys, in float32; padded keys get weight 0.

    Args:
        scores: [H, B, T, T].
        mask: bool [B, T], or None.

    Returns:
        [H, B, T, T] float32. A clip with no real frame gets equal weights, not NaN.
    """
    scores = ops.cast(scores, "float32")
    if mask is not None:
        scores = ops.where(mask[None, :, None, :], scores, MASKED_SCORE)
    return ops.softmax(scores, axis=-1)


def relative_sinusoids(frames: tf.Tensor | int, width: int) -> tf.Tensor:
    """Sinusoids of the distances T, T-1, ..., 0, ..., -(T-1) (Vaswani et al. 2017, section 3.5).

    Args:
        frames: T.
        width: D, even.

    Returns:
        [2 T, D] float32: sines in the first half of the columns, cosines in the second.
    """
    distance = ops.cast(ops.arange(frames, -frames, -1), "float32")[:, None]
    columns = ops.arange(0, width, 2, dtype="float32")
    angle = distance * ops.exp(columns * (-math.log(10000.0) / width))  # [2 T, D / 2]
    return ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)


def relative_shift(scores: tf.Tensor) -> tf.Tensor:
    """Re-indexes scores by distance to scores by key (Dai et al. 2019, appendix B).

    Column c of the input belongs to distance T - c, so key j of query i is in column T - i + j, at
    T + i (2 T - 1) + j when the rows are laid end to end: in rows of 2 T - 1, after the first T
    numbers, it is simply column j. Distance T is never read; it stands where the paper pads a
    column.

    `tf.slice`, not indexing: the gradient of a strided slice is many times slower on a CPU (one
    layer forward and back at [32, 100, 96], 2 cores: 12 ms against 58 ms).

    Args:
        scores: [N, T, 2 T].

    Returns:
        [N, T, T].
    """
    frames = ops.shape(scores)[1]
    scores = ops.reshape(scores, (-1, 2 * frames, frames))
    scores = tf.slice(scores, (0, 1, 0), (-1, -1, -1))
    scores = ops.reshape(scores, (-1, frames, 2 * frames - 1))
    return tf.slice(scores, (0, 0, 0), (-1, -1, frames))
