"""Attacks held out of training, so that the best epoch is chosen on unseen attacks.

If dev has the attacks of training, as in ASVspoof 2019 LA, an error rate near 0 on dev says nothing
about other attacks, and eval is reserved for the gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ids:
    """Speakers and attacks of the utterances of a split.

    Attributes:
        systems: [N] attack ids, `-` for bona fide.
        speakers: [N] speaker ids.
    """

    systems: npt.NDArray[np.str_]
    speakers: npt.NDArray[np.str_]


def hold_out(train: Ids, dev: Ids, attacks: Sequence[str]) -> tuple[Mask, Mask]:
    """Returns masks of the utterances to keep.

    Dev keeps its bona fide speech and the held-out attacks. Training loses these attacks, and all
    utterances of speakers that remain in dev.

    Args:
        train: The training split.
        dev: The development split.
        attacks: Ids of the attacks to hold out.

    Returns:
        Masks [N] of train and [M] of dev.

    Raises:
        ValueError: An attack is not in dev, or a class is left without utterances.
    """
    bonafide = "-"
    known = set(dev.systems) - {bonafide}
    if missing := sorted(set(attacks) - known):
        raise ValueError(
            f"trainer.holdout_attacks: expected attacks of the dev split "
            f"({', '.join(sorted(known)) or 'it has none'}), got {', '.join(missing)}"
        )
    dev_kept = (dev.systems == bonafide) | np.isin(dev.systems, attacks)
    train_kept = ~np.isin(train.systems, attacks)
    train_kept &= ~np.isin(train.speakers, dev.speakers[dev_kept])
    for name, systems in (("dev", dev.systems[dev_kept]), ("train", train.systems[train_kept])):
        is_bonafide = systems == bonafide
        if not is_bonafide.any() or is_bonafide.all():
            raise ValueError(
                f"trainer.holdout_attacks={','.join(attacks)} leaves the {name} split with "
                f"{int(is_bonafide.sum())} bona fide and {int((~is_bonafide).sum())} spoofed "
                "utterances; hold out fewer attacks"
            )
    return train_kept, dev_kept
