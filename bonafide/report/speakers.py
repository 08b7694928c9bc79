"""Speakers with rejected bona fide trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bonafide.metrics import intervals
from bonafide.report.contents import ReportContents

WORST_SPEAKERS = 10


@dataclass(frozen=True)
class SpeakerErrors:
    """Rejected bona fide trials of a speaker at the threshold `eer`.

    Attributes:
        speaker: Id.
        rejected: Number of rejected trials.
        total: Number of bona fide trials of the speaker.
        frr: Share of rejected trials.
        ci95: Its interval for this speaker, by trials.
        share: Share of the rejected trials of all speakers.
    """

    speaker: str
    rejected: int
    total: int
    frr: float
    ci95: tuple[float, float]
    share: float


def worst_speakers(contents: ReportContents) -> tuple[SpeakerErrors, ...]:
    """Returns the speakers with rejections, the highest lower end of the interval first.

    At most `WORST_SPEAKERS`; empty if speakers are unknown or nobody is rejected.
    """
    trials = contents.trials
    if trials.speakers is None:
        return ()
    rejected = trials.is_bonafide & ~(trials.scores > contents.threshold)
    names, totals = np.unique(trials.speakers[trials.is_bonafide], return_counts=True)
    found = []
    for name, total in zip(names.tolist(), totals.tolist(), strict=True):
        hits = int(np.count_nonzero(rejected & (trials.speakers == name)))
        if hits:
            ends = intervals.of_trials(hits, total)
            share = hits / int(np.count_nonzero(rejected))
            found.append(SpeakerErrors(name, hits, total, hits / total, ends, share))
    found.sort(key=lambda one: (-one.ci95[0], one.speaker))
    return tuple(found[:WORST_SPEAKERS])
