"""Settings of augmentation, in a module that imports no framework."""

import dataclasses

from bonafide.checks import Checks

FILLS = ("zero", "mean")
CUTMIX_AXES = ("time", "frequency", "both")


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Which augmentations run, how often and how strongly; a probability of 0 turns one off.

    Probabilities are per clip and independent.

    Attributes:
        spec_augment_probability: Share of clips that get time and frequency masks.
        num_time_masks: Time masks in such a clip.
        max_time_mask_frames: Longest time mask; the length is uniform from 0 to this.
        num_frequency_masks: Frequency masks in such a clip.
        max_frequency_mask_bands: Widest frequency mask; the width is uniform from 0 to this.
        mask_fill: `zero`, or `mean` for the mean of the clip.
        mixup_probability: Share of clips that are blended with another clip.
        mixup_alpha: Parameter of the symmetric Beta distribution of the blend.
        cutmix_probability: Share of clips in which a box is replaced by that of another clip.
        cutmix_alpha: Parameter of the symmetric Beta distribution of the kept area.
        cutmix_axes: The box spans some `time`, some `frequency`, or some of `both`.
    """

    spec_augment_probability: float = 0.8
    num_time_masks: int = 2
    max_time_mask_frames: int = 40
    num_frequency_masks: int = 2
    max_frequency_mask_bands: int = 12
    mask_fill: str = "zero"
    mixup_probability: float = 0.3
    mixup_alpha: float = 0.4
    cutmix_probability: float = 0.2
    cutmix_alpha: float = 1.0
    cutmix_axes: str = "both"

    def __post_init__(self) -> None:
        """Checks ranges.

        Raises:
            ValueError: A setting is out of range; the message names it.
        """
        checks = Checks(self, "augment")
        checks.finite()
        checks.require(
            ("spec_augment_probability", "mixup_probability", "cutmix_probability"),
            lambda probability: 0.0 <= probability <= 1.0,
            "in [0, 1]",
        )
        checks.whole(
            "num_time_masks",
            "max_time_mask_frames",
            "num_frequency_masks",
            "max_frequency_mask_bands",
            least=0,
        )
        checks.require(("mixup_alpha", "cutmix_alpha"), lambda alpha: alpha > 0.0, "above 0")
        checks.one_of("mask_fill", FILLS)
        checks.one_of("cutmix_axes", CUTMIX_AXES)
