"""The trials of an evaluation: one score per utterance, with its metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bonafide.trials.arrays import Floats, checked
from bonafide.trials.keys import NO_ATTACK

LEAST_DISTINCT = 3
LARGEST = 1e100  # larger scores indicate an overflow


class TrialsError(ValueError):
    """The trials cannot be evaluated; the message states reason and remedy."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Scored utterances, in any order.

    Attributes:
        utterances: [N] utterance ids.
        scores: [N] scores within +-1e100, higher = more bona fide; at least three different ones.
        is_bonafide: [N].
        attacks: [N] attack id of each spoof, `-` for bona fide trials.
        speakers: [N] speaker ids; None if unknown.
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
    """Validates and returns trials.

    Raises:
        TrialsError: Lengths differ, a score is NaN, infinite or beyond 1e100, a label is neither 0
            nor 1, a class is missing, or there are fewer than three different scores: these are
            decisions, which define no error curve.
    """
    try:
        values, flags = checked(scores, is_bonafide)
    except ValueError as error:
        raise TrialsError(str(error)) from error
    for name, ids in (("utterance", utterances), ("attack", attacks), ("speaker", speakers)):
        if ids is not None and np.shape(ids) != values.shape:
            raise TrialsError(
                f"expected one {name} id per score, got {np.size(ids)} for {values.size} scores"
            )
    if flags.all() or not flags.any():
        missing = "spoof" if flags.any() else "bona fide"
        raise TrialsError(
            f"expected trials of both classes, got no {missing} trial among {flags.size}"
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
    """Raises TrialsError if finite scores are too large, or decisions."""
    largest = float(np.max(np.abs(scores)))
    if largest > LARGEST:
        raise TrialsError(
            f"expected scores within {LARGEST:g}, got a magnitude of {largest:g}. A model with "
            "such scores has diverged; check its training loss."
        )
    refuse_decisions(scores)


def refuse_decisions(scores: Floats) -> None:
    """Raises TrialsError if the numbers are decisions or a constant, not scores."""
    distinct = np.unique(scores)
    if distinct.size < LEAST_DISTINCT:
        shown = ", ".join(f"{value:g}" for value in distinct)
        raise TrialsError(
            f"expected at least three different scores, got {distinct.size} ({shown}) in "
            f"{scores.size} trials. These are decisions, not scores. Give the detector's output "
            "before a threshold is applied."
        )
