"""Sizes of the model, in a module that imports no framework."""

import dataclasses

from bonafide.checks import Checks

_REDUCTIONS = (1, 2, 4)
HEADS = ("logit", "cosine", "cosine_pair")
POOLINGS = ("statistics", "token")


@dataclasses.dataclass(frozen=True)
class ConformerConfig:
    """Sizes of the model; primitives only, so they travel as JSON.

    The defaults have about 0.7 million parameters for 80 bands.

    Attributes:
        width: Model width D; a multiple of `num_heads` and even.
        num_blocks: Conformer blocks.
        num_heads: Attention heads.
        kernel_size: Width of the depthwise convolution, in subsampled frames; odd.
        ff_multiplier: Hidden width of the feed-forward modules, in multiples of `width`.
        dropout: Rate after every module.
        attention_dropout: Rate on the attention weights.
        stochastic_depth: Rate at which the last block's residual branches are left out while
            training; it rises linearly from the first block to there.
        pooling: What makes one vector of all frames: attentive `statistics`, or a `token`, a learnt
            frame in front of the clip that attends to all others.
        pooled_blocks: How many of the last blocks are pooled, each by itself, and joined.
        halved_after: After which blocks, counted from 1, the frames are halved by means of pairs.
        subsampling_channels: Channels of the two convolutions in front of the blocks.
        time_reduction: Input frames per subsampled frame: 1, 2 or 4.
        frequency_reduction: Input bands per band after the convolutions: 1, 2 or 4.
        pooling_width: Hidden width of the pooling's attention.
        head: What the model gives: one `logit`; the `cosine` of an embedding and one direction
            (for OC-Softmax); or the difference of its cosines with two (`cosine_pair`, for
            AM-Softmax).
        embedding_width: Width of that embedding.
    """

    width: int = 96
    num_blocks: int = 4
    num_heads: int = 4
    kernel_size: int = 15
    ff_multiplier: int = 2
    dropout: float = 0.1
    attention_dropout: float = 0.0
    stochastic_depth: float = 0.0
    pooling: str = "statistics"
    pooled_blocks: int = 1
    halved_after: tuple[int, ...] = ()
    subsampling_channels: int = 32
    time_reduction: int = 4
    frequency_reduction: int = 4
    pooling_width: int = 64
    head: str = "logit"
    embedding_width: int = 64

    def __post_init__(self) -> None:
        """Checks ranges.

        Raises:
            ValueError: A setting is out of range; the message names it.
        """
        # JSON has no tuples, and a list would make the settings unhashable.
        object.__setattr__(self, "halved_after", tuple(self.halved_after))
        checks = Checks(self, "conformer")
        checks.finite()
        checks.whole(
            "width",
            "num_blocks",
            "num_heads",
            "kernel_size",
            "ff_multiplier",
            "subsampling_channels",
            "pooling_width",
            "embedding_width",
            "pooled_blocks",
            least=1,
        )
        if self.width % self.num_heads or self.width % 2:
            raise ValueError(
                f"conformer.width must be even and a multiple of conformer.num_heads "
                f"({self.num_heads}), got {self.width}"
            )
        checks.require(["kernel_size"], lambda size: size % 2 == 1, "odd")
        checks.require(
            ("dropout", "attention_dropout", "stochastic_depth"),
            lambda rate: 0.0 <= rate < 1.0,
            "in [0, 1)",
        )
        checks.require(
            ["pooled_blocks"],
            lambda count: count <= self.num_blocks,
            "at most conformer.num_blocks",
        )
        checks.one_of("time_reduction", _REDUCTIONS)
        checks.one_of("frequency_reduction", _REDUCTIONS)
        checks.one_of("head", HEADS)
        checks.one_of("pooling", POOLINGS)
        checks.require(
            ["halved_after"],
            lambda blocks: (
                list(blocks) == sorted(set(blocks))
                and all(1 <= block < self.num_blocks for block in blocks)
            ),
            f"growing numbers from 1 to {self.num_blocks - 1} (conformer.num_blocks - 1)",
        )


# Those of the paper (Gulati et al. 2020, table 1), with kernels of 31 where it has 32: a centred
# kernel is odd.
SIZES = {
    "S": ConformerConfig(width=144, num_blocks=16, num_heads=4, kernel_size=31, ff_multiplier=4),
    "M": ConformerConfig(width=256, num_blocks=16, num_heads=4, kernel_size=31, ff_multiplier=4),
    "L": ConformerConfig(width=512, num_blocks=17, num_heads=8, kernel_size=31, ff_multiplier=4),
}
