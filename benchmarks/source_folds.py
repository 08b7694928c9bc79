"""Folds of clips by source: a source is held out as a whole, the others are training and dev."""

from __future__ import annotations

import collections
import dataclasses
import typing
from collections.abc import Sequence
from typing import Literal

import numpy as np

from benchmarks import generalise
from benchmarks.generalise import BONAFIDE, RATE, Clip, split_folds, thinned
from bonafide.audio import measures
from bonafide.audio.facts import FileFacts
from components.data_gate.config import DataGateConfig
from components.data_gate.one_sided import find_one_sided_codecs
from components.data_gate.table import Table

FactoryUse = Literal["spoofs", "all", "alone"]
FACTORY_USES: tuple[FactoryUse, ...] = typing.get_args(FactoryUse)
LEAST_OF_A_CLASS, LEAST_DEV_SYSTEMS = 20, 3


@dataclasses.dataclass(frozen=True)
class Fold:
    """One held-out source.

    Attributes:
        source: Its name.
        train: Clips of other sources.
        dev: Clips of other sources, of other systems and speakers.
        test: Clips of this source.
    """

    source: str
    train: list[Clip]
    dev: list[Clip]
    test: list[Clip]


def split_dev(
    clips: Sequence[Clip], dev_fold: int | None, *, keep_one_sided: bool = False
) -> tuple[list[Clip], list[Clip]]:
    """Returns training clips and dev clips, which share no system and no speaker.

    Args:
        clips: Of the sources that are not held out.
        dev_fold: Which fold is dev; None for the first with spoofs of at least LEAST_DEV_SYSTEMS
            systems. A large system can be a fold alone, and a threshold frozen on one system says
            little of others.
        keep_one_sided: Whether to keep the spoofs of sources that `one_sided_sources` finds.
    """
    folds = split_folds(clips, generalise.FOLDS)
    several = (
        place
        for place, (_, dev) in enumerate(folds)
        if len({clip.system for clip in dev} - {BONAFIDE}) >= LEAST_DEV_SYSTEMS
    )
    train, dev = folds[next(several, 0) if dev_fold is None else dev_fold]
    return (train, dev) if keep_one_sided else leave_out_one_sided(train, dev)


def make_folds(
    clips: Sequence[Clip],
    most_tested: int,
    dev_fold: int | None = None,
    *,
    keep_one_sided: bool = False,
) -> list[Fold]:
    """Returns a fold for each source with enough clips of both classes; see `split_dev`."""
    counts = collections.Counter((clip.source, clip.system == BONAFIDE) for clip in clips)
    folds = []
    for source in sorted({clip.source for clip in clips}):
        if min(counts[source, True], counts[source, False]) < LEAST_OF_A_CLASS:
            continue
        others = [clip for clip in clips if clip.source != source]
        train, dev = split_dev(others, dev_fold, keep_one_sided=keep_one_sided)
        own = [clip for clip in clips if clip.source == source]
        folds.append(Fold(source, train, dev, thinned(own, most_tested)))
    return folds


def leave_out_one_sided(
    train: Sequence[Clip], dev: Sequence[Clip]
) -> tuple[list[Clip], list[Clip]]:
    """Returns both without the spoofs of sources that `one_sided_sources` finds in them."""
    sources = one_sided_sources([*train, *dev])
    kept = [
        [clip for clip in part if clip.system == BONAFIDE or clip.source not in sources]
        for part in (train, dev)
    ]
    return kept[0], kept[1]


def one_sided_sources(clips: Sequence[Clip]) -> set[str]:
    """Returns the sources that DataGate's rule `one_sided_codec` finds."""
    if not clips:
        return set()
    facts = FileFacts(rate_hz=RATE, channels=1, encoding="", size_bytes=0)
    parts = [
        measures.measure([measures.Clip(str(place), clip.samples, facts)], RATE)
        for place, clip in enumerate(clips)
    ]
    found = find_one_sided_codecs(
        Table(
            splits=np.array(["train"] * len(clips)),
            shards=np.zeros(len(clips), np.int64),
            speakers=np.array([clip.speaker for clip in clips]),
            systems=np.array([clip.system for clip in clips]),
            measured=measures.join(parts),
            metadata={"source": np.array([clip.source for clip in clips])},
        ),
        DataGateConfig(),
    )
    return {finding.subject.removeprefix("source ") for finding in found}


def with_factory(folds: Sequence[Fold], made: Sequence[Clip], use: FactoryUse) -> list[Fold]:
    """Adds a corpus of the factory to the training clips.

    Without what is made of the held-out source or of bona fide speakers of dev.

    Args:
        folds: With collected clips.
        made: What the factory made of all sources.
        use: `spoofs` adds its spoofs to the collected clips, `all` its real recordings as well,
            which went through the channel of their spoofs, and `alone` takes the collected clips
            out.
    """
    result = []
    for fold in folds:
        kept_out = {clip.speaker for clip in fold.dev if clip.system == BONAFIDE}
        others = [
            clip for clip in made if clip.source != fold.source and clip.speaker not in kept_out
        ]
        if use == "spoofs":
            others = [clip for clip in others if clip.system != BONAFIDE]
        train = others if use == "alone" else [*fold.train, *others]
        result.append(dataclasses.replace(fold, train=train))
    return result
