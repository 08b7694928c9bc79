"""The detector: a Conformer encoder, attentive-statistics pooling and one logit.

`Conformer`, at the end, is the whole model, `ConformerBlock` one block of it, and the layers before
them are the parts of a block, in the order of the paper (Gulati et al. 2020, arXiv 2005.08100).
"""

import dataclasses
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from models.kernels import dropout, layers
from models.network import attention
from models.network.masking import MASKED_SCORE, TakesMask, zero_padding
from models.settings.conformer import ConformerConfig

_VARIANCE_FLOOR = 1e-6


class Subsampling(TakesMask, keras.layers.Layer):
    """Two 3x3 convolutions that shorten the clip, and a projection to the model width.

    Each convolution is padded by one zero on every side explicitly: TensorFlow's `same` pads an
    even length only at its end, so that a frame's context would depend on the batch. Frame t of
    a convolution with stride s is centred on input frame s t and real if that frame is.
    """

    def __init__(self, config: ConformerConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        time, frequency = config.time_reduction, config.frequency_reduction
        self.strides = [
            (min(time, 2), min(frequency, 2)),
            (max(time // 2, 1), max(frequency // 2, 1)),
        ]
        # Not the explicit padding of the convolution, for which oneDNN has no gradients; those of
        # TensorFlow are many times slower.
        self.pad = keras.layers.ZeroPadding2D(1)
        self.convolutions = [
            keras.layers.Conv2D(
                config.subsampling_channels, 3, strides, activation="relu", name=f"convolution_{i}"
            )
            for i, strides in enumerate(self.strides)
        ]
        self.projection = layers.Dense(config.width, name="projection")
        self.dropout = dropout.ByteDropout(config.dropout)

    def call(
        self, features: tf.Tensor, mask: tf.Tensor | None = None, training: bool | None = None
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """[B, T, F] to ([B, T', D], mask [B, T'])."""
        x = features[..., None]  # [B, T, F, 1]
        for (stride, _), convolution in zip(self.strides, self.convolutions, strict=True):
            x = convolution(self.pad(zero_padding(x, mask)))
            mask = None if mask is None else mask[:, ::stride]
        x = ops.reshape(x, [ops.shape(x)[0], ops.shape(x)[1], x.shape[2] * x.shape[3]])
        return self.dropout(self.projection(x), training=training), mask


class FeedForward(keras.layers.Layer):
    """Position-wise feed-forward module: LayerNorm, D -> m D, swish, m D -> D."""

    def __init__(self, config: ConformerConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.norm = layers.LayerNorm(epsilon=1e-5, name="norm")
        self.expand = layers.Dense(
            config.ff_multiplier * config.width, activation=layers.swish, name="expand"
        )
        self.contract = layers.Dense(config.width, name="contract")
        self.dropout = dropout.ByteDropout(config.dropout)

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """[B, T, D] to [B, T, D]."""
        x = self.dropout(self.expand(self.norm(x)), training=training)
        return self.dropout(self.contract(x), training=training)


class ConvolutionModule(TakesMask, keras.layers.Layer):
    """Convolution module of the Conformer.

    LayerNorm, pointwise D -> 2 D, GLU, depthwise convolution over time, norm, swish, pointwise.
    The norm inside is LayerNorm where the paper has BatchNorm: a clip's score must depend neither
    on its neighbours in the batch nor on padding.
    """

    def __init__(self, config: ConformerConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.norm = layers.LayerNorm(epsilon=1e-5, name="norm")
        self.expand = layers.Dense(2 * config.width, name="expand")
        # On 2 cores with AVX512, forward and back at [32, 100, 96] with kernel 15: this layer (a
        # depthwise 2-D convolution of height 1 in oneDNN) 3.4 ms, turned to width 1 4.3 ms, a sum
        # of 15 shifted products 12.5 ms.
        self.depthwise = keras.layers.DepthwiseConv1D(
            config.kernel_size, padding="same", name="depthwise"
        )
        self.inner_norm = layers.LayerNorm(epsilon=1e-5, name="inner_norm")
        self.contract = layers.Dense(config.width, name="contract")
        self.dropout = dropout.ByteDropout(config.dropout)

    def call(
        self, x: tf.Tensor, mask: tf.Tensor | None = None, training: bool | None = None
    ) -> tf.Tensor:
        """[B, T, D] to [B, T, D]; `mask` is bool [B, T]."""
        x = layers.gated(self.expand(self.norm(x)))
        x = self.depthwise(zero_padding(x, mask))
        x = self.contract(layers.swish(self.inner_norm(x)))
        return self.dropout(x, training=training)


class ConformerBlock(TakesMask, keras.layers.Layer):
    """One Conformer block (Gulati et al. 2020, section 2.4).

    x1 = x  + 1/2 FeedForward(x)
    x2 = x1 + SelfAttention(x1)
    x3 = x2 + Convolution(x2)
    y  = LayerNorm(x3 + 1/2 FeedForward(x3))

    In training, each branch of a clip is dropped at the rate `branch_dropout`.
    """

    def __init__(self, config: ConformerConfig, branch_dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.branch_dropout = dropout.BranchDropout(branch_dropout)
        self.first_feed_forward = FeedForward(config, name="first_feed_forward")
        self.attention = attention.RelativeSelfAttention(
            width=config.width,
            num_heads=config.num_heads,
            dropout=config.dropout,
            attention_dropout=config.attention_dropout,
            name="attention",
        )
        self.convolution = ConvolutionModule(config, name="convolution")
        self.second_feed_forward = FeedForward(config, name="second_feed_forward")
        self.norm = layers.LayerNorm(epsilon=1e-5, name="norm")

    def call(
        self, x: tf.Tensor, mask: tf.Tensor | None = None, training: bool | None = None
    ) -> tf.Tensor:
        """[B, T, D] to [B, T, D]; `mask` is bool [B, T]."""

        def kept(branch: tf.Tensor) -> tf.Tensor:
            return self.branch_dropout(branch, training=training)

        x = x + 0.5 * kept(self.first_feed_forward(x, training=training))
        x = x + kept(self.attention(x, mask=mask, training=training))
        x = x + kept(self.convolution(x, mask=mask, training=training))
        x = x + 0.5 * kept(self.second_feed_forward(x, training=training))
        return self.norm(x)


class AttentiveStatisticsPooling(TakesMask, keras.layers.Layer):
    """Attention-weighted mean and standard deviation over time (Okabe et al. 2018).

    e_t = w . tanh(W h_t + b);  a = softmax(e);  m = sum a_t h_t;  s^2 = sum a_t (h_t - m)^2

    Computed in float32; padded frames have weight 0.
    """

    def __init__(self, config: ConformerConfig, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.hidden = keras.layers.Dense(
            config.pooling_width, activation="tanh", dtype="float32", name="hidden"
        )
        self.energy = keras.layers.Dense(1, use_bias=False, dtype="float32", name="energy")

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """[B, T, D] to [B, 2 D]; `mask` is bool [B, T]."""
        energy = self.energy(self.hidden(x))  # [B, T, 1]
        if mask is not None:
            energy = ops.where(mask[..., None], energy, MASKED_SCORE)
        weights = ops.softmax(energy, axis=1)
        mean = ops.sum(weights * x, axis=1)  # [B, D]
        variance = ops.sum(weights * ops.square(x - mean[:, None]), axis=1)
        # The floor keeps the gradient of the root finite for constant channels.
        return ops.concatenate([mean, ops.sqrt(variance + _VARIANCE_FLOOR)], axis=-1)


class ClassToken(TakesMask, keras.layers.Layer):
    """A learnt frame in front of every clip; the blocks turn it into the embedding of the clip."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the token for inputs [B, T, D]."""
        self.token = self.add_weight(
            name="token",
            shape=(1, 1, input_shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def call(
        self, x: tf.Tensor, mask: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """[B, T, D] and mask [B, T] to [B, 1 + T, D] and [B, 1 + T]; the token is always real."""
        token = ops.cast(self.token, x.dtype)
        tokens = ops.broadcast_to(token, (ops.shape(x)[0], 1, x.shape[2]))
        x = ops.concatenate([tokens, x], axis=1)
        if mask is not None:
            mask = ops.pad(mask, [[0, 0], [1, 0]], constant_values=True)
        return x, mask


def halve(
    x: tf.Tensor, mask: tf.Tensor | None, *, tokens: int = 0
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Returns means of pairs of frames, as between the stages of HM-Conformer (arXiv 2309.08208).

    Args:
        x: [B, T, D].
        mask: bool [B, T], or None. A pair with one real frame becomes that frame.
        tokens: Number of leading frames that are kept unchanged.

    Returns:
        [B, tokens + ceil((T - tokens) / 2), D] and its mask.
    """
    if mask is None:
        mask = ops.ones(ops.shape(x)[:2], "bool")
    front, frames = x[:, :tokens], x[:, tokens:]
    front_mask, real = mask[:, :tokens], mask[:, tokens:]
    odd = ops.shape(frames)[1] % 2
    frames = ops.pad(frames, [[0, 0], [0, odd], [0, 0]])
    real = ops.pad(real, [[0, 0], [0, odd]], constant_values=False)
    batch, length, width = ops.shape(frames)[0], ops.shape(frames)[1], x.shape[2]
    pairs = ops.reshape(frames, (batch, length // 2, 2, width))
    weights = ops.cast(ops.reshape(real, (batch, length // 2, 2, 1)), x.dtype)
    count = ops.maximum(ops.sum(weights, axis=2), 1)
    means = ops.sum(pairs * weights, axis=2) / count  # [B, T / 2, D]
    kept = ops.any(ops.reshape(real, (batch, length // 2, 2)), axis=2)
    return ops.concatenate([front, means], axis=1), ops.concatenate([front_mask, kept], axis=1)


class CosineHead(keras.layers.Layer):
    """An embedding, and its cosine with a learnt direction, or the difference of two such cosines.

    c_k = <W h + b, v_k> / (|W h + b| |v_k|);  the result is c_0, or c_0 - c_1

    Computed in float32.
    """

    def __init__(self, width: int, directions: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.directions = directions
        self.embedding = keras.layers.Dense(width, dtype="float32", name="embedding")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the directions."""
        self.embedding.build(input_shape)
        self.kernel = self.add_weight(
            name="directions", shape=(self.embedding.units, self.directions)
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[B, E] to [B, 1]."""
        unit = ops.normalize(self.embedding(x), axis=-1)
        cosines = ops.matmul(unit, ops.normalize(self.kernel, axis=0))  # [B, directions]
        return cosines[:, :1] if self.directions == 1 else cosines[:, :1] - cosines[:, 1:]


@keras.saving.register_keras_serializable(package="bonafide")
class Conformer(TakesMask, keras.Model):
    """Scores clips: higher logits mean bona fide.

    features -> convolution subsampling -> Conformer blocks -> pooling -> one logit (or cosine)

    The frame rate may be halved between blocks, and a class token may replace pooling.

    Padding (frames where `mask` is False) does not change a clip's logit, and neither do the other
    clips of the batch.

    Example:
        model = Conformer(ConformerConfig())
        logits = model(features)  # [B, T, F] -> [B]
    """

    def __init__(self, config: ConformerConfig | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config or ConformerConfig()
        self.subsampling = Subsampling(self.config, name="subsampling")
        self.token = ClassToken(name="token") if self.config.pooling == "token" else None
        count = self.config.num_blocks
        # All later blocks depend on early ones, which are therefore dropped less often.
        self.blocks = [
            ConformerBlock(
                self.config, self.config.stochastic_depth * (i + 1) / count, name=f"block_{i}"
            )
            for i in range(count)
        ]
        self.poolings = (
            []
            if self.token
            else [
                AttentiveStatisticsPooling(self.config, name=f"pooling_{i}" if i else "pooling")
                for i in range(self.config.pooled_blocks)
            ]
        )
        self.dropout = dropout.ByteDropout(self.config.dropout, dtype="float32")
        if self.config.head == "logit":
            self.logit = keras.layers.Dense(1, dtype="float32", name="logit")
        else:
            directions = 2 if self.config.head == "cosine_pair" else 1
            self.logit = CosineHead(self.config.embedding_width, directions, name="logit")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates all weights for features [B, T, F]; B and T may be None."""
        # No weight depends on B and T, and tracing is faster with known sizes.
        self.compute_output_spec(keras.KerasTensor((1, 16, input_shape[-1])))

    def call(
        self, features: tf.Tensor, mask: tf.Tensor | None = None, training: bool | None = None
    ) -> tf.Tensor:
        """Computes the logits.

        Args:
            features: [B, T, F].
            mask: True where a frame is real, bool [B, T]; None if every frame is.
            training: Whether dropout is on.

        Returns:
            [B] float32.
        """
        x, mask = self.subsampling(features, mask=mask, training=training)  # [B, T', D]
        if self.token:
            x, mask = self.token(x, mask=mask)  # [B, 1 + T', D]
        depths = []
        for number, block in enumerate(self.blocks, start=1):
            x = block(x, mask=mask, training=training)
            depths.append((x, mask))
            if number in self.config.halved_after:
                x, mask = halve(x, mask, tokens=1 if self.token else 0)
        # The deepest first; each depth has its own pooling weights.
        deepest = depths[: -self.config.pooled_blocks - 1 : -1]
        if self.token:
            pooled = [ops.cast(x[:, 0], "float32") for x, _ in deepest]  # each [B, D]
        else:
            pooled = [
                pool(x, mask=mask) for pool, (x, mask) in zip(self.poolings, deepest, strict=True)
            ]  # each [B, 2 D]
        x = ops.concatenate(pooled, axis=-1)
        return ops.squeeze(self.logit(self.dropout(x, training=training)), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of `from_config`."""
        return {**super().get_config(), "config": dataclasses.asdict(self.config)}

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        custom_objects: Any = None,  # noqa: ARG003 (Keras' signature)
    ) -> "Conformer":
        """Creates an untrained model from the result of `get_config`."""
        config = dict(config)
        return cls(ConformerConfig(**config.pop("config")), **config)
