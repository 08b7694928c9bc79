"""The trials of an evaluation: one score an utterance, with what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bonafide.trials.arrays import Floats, checked
from bonafide.trials.keys import NO_ATTACK

LEAST_DISTINCT = 3
LARGEST = 1e100  # beyond it means overflow; no detector is that sure


class TrialsError(ValueError):
    """Trials that cannot be evaluated; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Scored utterances, in any order.

    Attributes:
        utterances: [N] utterance ids.
        scores: [N] scores within +-1e100, higher = more bona fide; at least three different ones.
        is_bonafide: [N].
        attacks: [N] attack id of each spoof, `-` of a bona fide trial.
        speakers: [N] speaker ids; None where they are not known.
    """

    utterances: npt.NDArray[np.str_]
    scores: Floats
    is_bonafide: npt.NDArray[np.bool_]
    attacks: npt.NDArray[np.str_]
    speakers: npt.NDArray[np.str_] | None

    def __len__(self) -> int:
        return self.scores.size

    @property
    def n_bonafide(self) -> int:
        """Number of bona fide trials."""
        return int(np.count_nonzero(self.is_bonafide))

    @property
    def n_spoof(self) -> int:
        """Number of spoofed trials."""
        return len(self) - self.n_bonafide

    def part(self, keep: npt.NDArray[np.bool_]) -> Trials:
        """Returns the trials where `keep` [N] is true; they may be all of one class."""
        return replace(
            self,
            utterances=self.utterances[keep],
            scores=self.scores[keep],
            is_bonafide=self.is_bonafide[keep],
            attacks=self.attacks[keep],
            speakers=None if self.speakers is None else self.speakers[keep],
        )

    @property
    def attack_ids(self) -> list[str]:
        """Sorted ids of the attacks that have a trial."""
        return [str(attack) for attack in np.unique(self.attacks[~self.is_bonafide])]


def make_trials(
    *,
    utterances: Sequence[str],
    scores: npt.ArrayLike,
    is_bonafide: npt.ArrayLike,
    attacks: Sequence[str],
    speakers: Sequence[str] | None,
) -> Trials:
    """Checks and returns trials.

    Raises:
        TrialsError: Lengths differ, a score is NaN, infinite or beyond 1e100, a label is neither 0
            nor 1, a class is missing, or there are fewer than three different scores: those are
            decisions, from which no curve can be drawn.
    """
    try:
        values, flags = checked(scores, is_bonafide)
    except ValueError as error:
        raise TrialsError(str(error)) from error
    for name, ids in (("utterance", utterances), ("attack", attacks), ("speaker", speakers)):
        if ids is not None and np.shape(ids) != values.shape:
            raise TrialsError(
                f"There are {np.size(ids)} {name} ids for {values.size} scores; one a trial is "
                "needed."
            )
    if flags.all() or not flags.any():
        missing = "spoof" if flags.any() else "bona fide"
        raise TrialsError(
            f"There is no {missing} trial among {flags.size}: an evaluation needs both classes."
        )
    refuse_unusable(values)
    names = np.where(flags, NO_ATTACK, np.asarray(attacks, dtype=np.str_))
    return Trials(
        utterances=np.asarray(utterances, dtype=np.str_),
        scores=values,
        is_bonafide=flags,
        attacks=names,
        speakers=None if speakers is None else np.asarray(speakers, dtype=np.str_),
    )


def refuse_unusable(scores: Floats) -> None:
    """Raises TrialsError if finite scores are too large to reckon with, or decisions."""
    largest = float(np.max(np.abs(scores)))
    if largest > LARGEST:
        raise TrialsError(
            f"A score is {largest:g} in size: nothing that large can be averaged. A model that "
            "gives such scores has diverged; look at its training loss."
        )
    refuse_decisions(scores)


def refuse_decisions(scores: Floats) -> None:
    """Raises TrialsError if the numbers are decisions or a constant, not scores."""
    distinct = np.unique(scores)
    if distinct.size < LEAST_DISTINCT:
        shown = ", ".join(f"{value:g}" for value in distinct)
        raise TrialsError(
            f"All {scores.size} scores are among {distinct.size} different values ({shown}). Those "
            "are decisions, not scores: no threshold can be moved. Give the detector's own output "
            "before it is cut at a threshold."
        )
