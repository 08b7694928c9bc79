"""The settings of tuning, in a module that imports no framework."""

from __future__ import annotations

import dataclasses
import difflib

from bonafide.checks import Checks
from models.tuning.search_space import DEFAULT_SPACE, SEARCHABLE

_TRIALS_LIMIT = 10_000
_COUNT_LIMIT = 1_000_000
# The training of a trial takes the seed as an int32.
_SEED_LIMIT = 2**31


@dataclasses.dataclass(frozen=True, kw_only=True)
class TunerConfig:
    """Search for better settings before training; off by default.

    Attributes:
        trials: Trainings that are compared; the first has the settings as they are, the others
            random ones. 0 leaves the Tuner out.
        epochs: Epochs of each of them, in place of `trainer.epochs`.
        holdout_attacks: Attacks that trials do not train on and that dev is reduced to while
            tuning, as `trainer.holdout_attacks`, so that what is compared is the EER on attacks
            that are new. Empty: as `trainer.holdout_attacks` says.
        seed: Of the values that are drawn, and of every trial in place of `trainer.seed`.
        space: Names of the settings that are searched, in ranges of their own.
    """

    trials: int = 0
    epochs: int = 10
    holdout_attacks: tuple[str, ...] = ()
    seed: int = 0
    space: tuple[str, ...] = DEFAULT_SPACE

    def __post_init__(self) -> None:
        """Refuses what cannot be searched.

        Raises:
            ValueError: A field is out of its range; the message names it.
        """
        # JSON has no tuples, and a list would make the settings unhashable.
        for name in ("holdout_attacks", "space"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        checks = Checks(self, "tuner")
        checks.whole("trials", "seed", least=0)
        checks.whole("epochs", least=1)
        checks.require(["trials"], lambda count: count <= _TRIALS_LIMIT, "at most 10,000")
        checks.require(["epochs"], lambda count: count < _COUNT_LIMIT, "below a million")
        checks.require(["seed"], lambda seed: seed < _SEED_LIMIT, "below 2**31")
        checks.require(["space"], bool, "at least one setting")
        for name in self.space:
            if name not in SEARCHABLE:
                near = difflib.get_close_matches(name, SEARCHABLE, n=1)
                hint = f"did you mean {near[0]}? " if near else ""
                raise ValueError(
                    f"tuner.space: {name!r} cannot be searched; {hint}There are "
                    f"{', '.join(SEARCHABLE)}"
                )
        checks.require(["space"], lambda names: len({*names}) == len(names), "each name once")
