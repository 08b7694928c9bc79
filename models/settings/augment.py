"""Settings of augmentation, in a module that imports no framework."""

from __future__ import annotations

import dataclasses
import typing
from typing import Annotated, Literal

from bonafide.settings import Bounds, Section
from bonafide.settings.types import Probability

CutmixAxes = Literal["time", "frequency", "both"]
CUTMIX_AXES: tuple[CutmixAxes, ...] = typing.get_args(CutmixAxes)


@dataclasses.dataclass(frozen=True)
class AugmentConfig(Section, section="augment"):
    """Spectrogram augmentation in training; probability 0 disables a method.

    Probabilities are per clip and independent.

    Attributes:
        spec_augment_probability: Share of clips that get time and frequency masks (SpecAugment).
        num_time_masks: Time masks in a clip that gets masks.
        max_time_mask_frames: Longest time mask; the length is uniform from 0 to this.
        num_frequency_masks: Frequency masks in a clip that gets masks.
        max_frequency_mask_bands: Widest frequency mask; the width is uniform from 0 to this.
        mask_fill: Value inside masks: `zero`, or `mean` for the mean of the clip.
        mixup_probability: Share of clips that are blended with another clip (mixup).
        mixup_alpha: Parameter of the symmetric Beta distribution of the blend.
        cutmix_probability: Share of clips in which a box is replaced by that of another clip
            (CutMix).
        cutmix_alpha: Parameter of the symmetric Beta distribution of the kept area.
        cutmix_axes: Extent of the box: part of the `time`, of the `frequency` axis, or of `both`.
    """

    spec_augment_probability: Probability = 0.8
    num_time_masks: Annotated[int, Bounds(ge=0, unit="masks")] = 2
    max_time_mask_frames: Annotated[int, Bounds(ge=0, unit="frames")] = 40
    num_frequency_masks: Annotated[int, Bounds(ge=0, unit="masks")] = 2
    max_frequency_mask_bands: Annotated[int, Bounds(ge=0, unit="bands")] = 12
    mask_fill: Literal["zero", "mean"] = "zero"
    mixup_probability: Probability = 0.3
    mixup_alpha: Annotated[float, Bounds(gt=0)] = 0.4
    cutmix_probability: Probability = 0.2
    cutmix_alpha: Annotated[float, Bounds(gt=0)] = 1.0
    cutmix_axes: CutmixAxes = "both"
