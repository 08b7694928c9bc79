"""Input of the rules: a row for each utterance, from the listing and the measures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from bonafide.audio import measures
from bonafide.corpora import NO_ATTACK, SPLITS, UNKNOWN_SPEAKER
from bonafide.dataset.listing import CONDITIONS, Listed


class TableError(ValueError):
    """Listing and measures do not match."""


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """N utterances of all splits.

    Attributes:
        splits: str [N].
        shards: int64 [N], index of the utterance's shard among those of all splits.
        speakers: str [N], `-` if unknown.
        systems: str [N], `-` of bona fide speech.
        measured: Measures of the same N utterances, in the same order.
        metadata: Condition (`listing.CONDITIONS`) -> str [N], empty if the corpus lacks it;
            only conditions that some utterance has.
    """

    splits: np.ndarray
    shards: np.ndarray
    speakers: np.ndarray
    systems: np.ndarray
    measured: measures.Measures
    metadata: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def utterances(self) -> np.ndarray:
        """Ids, str [N]."""
        return self.measured.utterances

    @property
    def is_bonafide(self) -> np.ndarray:
        """Bool [N]."""
        return self.systems == NO_ATTACK

    @property
    def has_speaker(self) -> np.ndarray:
        """Bool [N]."""
        return self.speakers != UNKNOWN_SPEAKER

    def split_names(self) -> list[str]:
        """The splits that have an utterance, in their usual order."""
        held = set(np.unique(self.splits).tolist())
        return [split for split in SPLITS if split in held]

    def number(self, name: str) -> np.ndarray:
        """A column of the measures, float32 [N]."""
        return self.measured.numbers[:, measures.NUMBERS.index(name)]

    def split_rows(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yields each split and the indices of its rows."""
        for split in self.split_names():
            yield split, np.flatnonzero(self.splits == split)


def make_table(rows: Iterable[Listed], parts: Iterable[measures.Measures]) -> Table:
    """Joins the listing and the measures.

    Args:
        rows: The listing, in any order.
        parts: The measures, shard by shard.

    Raises:
        TableError: An utterance is missing in one of them.
    """
    by_shard = list(parts)
    measured = measures.join(by_shard)
    by_id = {row.utterance: row for row in rows}
    ids = measured.utterances.tolist()
    if len(by_id) != len(ids) or not all(name in by_id for name in ids):
        missing = sorted(by_id.keys() ^ set(ids))
        raise TableError(
            f"the listing has {len(by_id)} utterances and the measures {len(ids)}, and they differ "
            f"in {', '.join(missing[:5])}: the examples are incomplete. Run UtteranceGen again."
        )
    listed = [by_id[name] for name in ids]
    extra = [dict(row.extra) for row in listed]
    return Table(
        splits=np.array([row.split for row in listed], np.str_),
        shards=np.repeat(np.arange(len(by_shard)), [len(part) for part in by_shard]),
        speakers=np.array([row.speaker for row in listed], np.str_),
        systems=np.array([row.system for row in listed], np.str_),
        measured=measured,
        metadata={
            name: np.array(values, np.str_)
            for name in CONDITIONS
            if any(values := [of.get(name, "") for of in extra])
        },
    )
