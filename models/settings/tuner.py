"""The settings of tuning, in a module that imports no framework."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from bonafide.settings import Bounds, Choices, Items, Section
from bonafide.settings.types import Seed
from models.settings.search_space import DEFAULT_SPACE, SEARCHABLE

SearchableNames = Annotated[
    tuple[str, ...], Choices(SEARCHABLE, "a searchable setting"), Items(least=1, unique=True)
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TunerConfig(Section, section="tuner"):
    """Settings of the search for better settings before training; off by default.

    Attributes:
        trials: Number of trainings to compare: the first with the configured settings, the
            others with random ones. 0 disables the Tuner.
        epochs: Epochs of a trial, in place of `trainer.epochs`.
        holdout_attacks: Attacks that are excluded from the training of trials and become the only
            attacks of dev during tuning, so that trials are compared by the EER on unseen attacks.
            Empty: as `trainer.holdout_attacks`.
        seed: Seed of the drawn values, and of every trial in place of `trainer.seed`.
        space: Settings to search, each with its own range.
    """

    trials: Annotated[int, Bounds(ge=0, le=10_000, unit="trainings")] = 0
    epochs: Annotated[int, Bounds(ge=1, le=999_999, unit="epochs")] = 10
    holdout_attacks: tuple[str, ...] = ()
    seed: Seed = 0
    space: SearchableNames = DEFAULT_SPACE
