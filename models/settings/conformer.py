"""Sizes of the model, in a module that imports no framework."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from bonafide.settings import Bounds, Section
from bonafide.settings.types import DropRate

Channels = Annotated[int, Bounds(ge=1, unit="channels")]


@dataclasses.dataclass(frozen=True)
class ConformerConfig(Section, section="conformer"):
    """Sizes, pooling and head of the Conformer.

    The defaults have about 0.7 million parameters for 80 bands.

    Attributes:
        width: Model width D; a multiple of `num_heads`, and even.
        num_blocks: Number of Conformer blocks.
        num_heads: Number of attention heads.
        kernel_size: Width of the depthwise convolution; odd.
        ff_multiplier: Hidden width of the feed-forward modules, as a multiple of `width`.
        dropout: Dropout rate after every module.
        attention_dropout: Dropout rate on the attention weights.
        stochastic_depth: Rate at which training drops the last block's residual branches; the
            rate rises linearly from the first block to the last.
        pooling: How frames become one vector: attentive `statistics`, or a `token`, a learnt frame
            in front of the clip that attends to all others.
        pooled_blocks: Number of last blocks that are pooled separately and concatenated; at
            most `num_blocks`.
        halved_after: Blocks, counted from 1, after which the frame rate is halved by means of
            pairs.
        subsampling_channels: Channels of the two convolutions before the blocks.
        time_reduction: Input frames per subsampled frame.
        frequency_reduction: Input bands per band after the convolutions.
        pooling_width: Hidden width of the pooling's attention.
        head: Output of the model: one `logit`; the `cosine` of an embedding and one direction (for
            OC-Softmax); or the difference of its cosines with two directions (`cosine_pair`, for
            AM-Softmax).
        embedding_width: Width of the embedding of the cosine heads.
    """

    width: Channels = 96
    num_blocks: Annotated[int, Bounds(ge=1, unit="blocks")] = 4
    num_heads: Annotated[int, Bounds(ge=1, unit="heads")] = 4
    kernel_size: Annotated[int, Bounds(ge=1, unit="subsampled frames")] = 15
    ff_multiplier: Annotated[int, Bounds(ge=1)] = 2
    dropout: DropRate = 0.1
    attention_dropout: DropRate = 0.0
    stochastic_depth: DropRate = 0.0
    pooling: Literal["statistics", "token"] = "statistics"
    pooled_blocks: Annotated[int, Bounds(ge=1, unit="blocks")] = 1
    halved_after: Annotated[tuple[int, ...], Bounds(ge=1)] = ()
    subsampling_channels: Channels = 32
    time_reduction: Literal[1, 2, 4] = 4
    frequency_reduction: Literal[1, 2, 4] = 4
    pooling_width: Channels = 64
    head: Literal["logit", "cosine", "cosine_pair"] = "logit"
    embedding_width: Channels = 64

    def __post_init__(self) -> None:
        """Checks ranges, and that sizes fit each other.

        Raises:
            SettingsError: A setting is out of range or does not fit the others.
        """
        super().__post_init__()
        if self.width % self.num_heads or self.width % 2:
            heads = f"conformer.num_heads ({self.num_heads})"
            raise self.refused("width", f"an even multiple of {heads}")
        if self.kernel_size % 2 == 0:
            raise self.refused("kernel_size", "an odd number")
        if self.pooled_blocks > self.num_blocks:
            raise self.refused("pooled_blocks", f"at most conformer.num_blocks ({self.num_blocks})")
        blocks = self.halved_after
        if list(blocks) != sorted(set(blocks)) or any(b >= self.num_blocks for b in blocks):
            last = f"{self.num_blocks - 1} (conformer.num_blocks - 1)"
            raise self.refused("halved_after", f"increasing numbers from 1 to {last}")


# Those of the paper (Gulati et al. 2020, table 1), with kernels of 31 where it has 32: a centred
# kernel is odd.
SIZES = {
    "S": ConformerConfig(width=144, num_blocks=16, num_heads=4, kernel_size=31, ff_multiplier=4),
    "M": ConformerConfig(width=256, num_blocks=16, num_heads=4, kernel_size=31, ff_multiplier=4),
    "L": ConformerConfig(width=512, num_blocks=17, num_heads=8, kernel_size=31, ff_multiplier=4),
}
