"""The trials that are furthest on the wrong side of the threshold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bonafide.metrics.detection import Floats
from bonafide.report.contents import ReportContents
from bonafide.trials.trials import Trials

HARDEST = 15


@dataclass(frozen=True)
class HardTrial:
    """A trial with an error far from the threshold.

    Attributes:
        utterance: Id.
        attack: Id; `-` of a bona fide trial.
        speaker: Id; None where speakers are not known.
        score: Of the detector.
        audio: URI that a browser can play; None if there is none.
    """

    utterance: str
    attack: str
    speaker: str | None
    score: float
    audio: str | None


@dataclass(frozen=True)
class Hardest:
    """The worst errors at the threshold of the operating point `eer`.

    Attributes:
        threshold: A trial is accepted when its score is above it.
        accepted_total: Spoofs accepted.
        accepted: Those with the highest scores.
        rejected_total: Bona fide trials rejected.
        rejected: Those with the lowest scores.
    """

    threshold: float
    accepted_total: int
    accepted: tuple[HardTrial, ...]
    rejected_total: int
    rejected: tuple[HardTrial, ...]


def hardest(contents: ReportContents) -> Hardest:
    """Finds the errors that are furthest from the threshold; equal scores are sorted by id."""
    trials = contents.trials
    threshold = contents.threshold
    above = trials.scores > threshold
    accepted = np.flatnonzero(above & ~trials.is_bonafide)
    rejected = np.flatnonzero(~above & trials.is_bonafide)
    return Hardest(
        threshold=threshold,
        accepted_total=accepted.size,
        accepted=_hard(contents, _furthest(trials, accepted, -trials.scores)),
        rejected_total=rejected.size,
        rejected=_hard(contents, _furthest(trials, rejected, trials.scores)),
    )


def _furthest(
    trials: Trials, places: npt.NDArray[np.int64], distance: Floats
) -> npt.NDArray[np.int64]:
    order = np.lexsort((trials.utterances[places], distance[places]))
    return places[order[:HARDEST]]


def _hard(contents: ReportContents, places: Iterable[int]) -> tuple[HardTrial, ...]:
    trials = contents.trials
    return tuple(
        HardTrial(
            utterance=str(trials.utterances[place]),
            attack=str(trials.attacks[place]),
            speaker=None if trials.speakers is None else str(trials.speakers[place]),
            score=float(trials.scores[place]),
            audio=playable(contents.audio(str(trials.utterances[place]))),
        )
        for place in places
    )


def playable(uri: str | None) -> str | None:
    """Returns the URI if a page may name it as audio: a file, http(s) or relative one.

    What is not printable is refused with it: browsers drop tabs and line breaks inside a URI, and
    what is left may be another scheme.
    """
    if not uri or not uri.isprintable() or uri != uri.strip():
        return None
    scheme = re.match(r"[^/?#]*?:", uri)
    return uri if scheme is None or scheme[0].lower() in ("file:", "http:", "https:") else None
