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
    """How better settings are searched for before training; off by default.

    Attributes:
        trials: Number of trainings that are compared: the first with the settings as they are, the
            others with random ones. 0 leaves the Tuner out.
        epochs: Epochs of a trial, in place of `trainer.epochs`.
        holdout_attacks: Attacks that trials are not trained on and that dev is reduced to while
            tuning, so that trials are compared by the EER on unseen attacks. Empty: as
            `trainer.holdout_attacks`.
        seed: Seed of the values that are drawn, and of every trial in place of `trainer.seed`.
        space: Settings that are searched, each in a range of its own.
    """

    trials: Annotated[int, Bounds(ge=0, le=10_000, unit="trainings")] = 0
    epochs: Annotated[int, Bounds(ge=1, le=999_999, unit="epochs")] = 10
    holdout_attacks: tuple[str, ...] = ()
    seed: Seed = 0
    space: SearchableNames = DEFAULT_SPACE
