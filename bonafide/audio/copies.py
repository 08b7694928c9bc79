"""Finds copies of recordings that were re-encoded, trimmed or changed in level.

Two recordings that share a landmark are aligned there. The decision uses the number of coinciding
landmarks and their differing bits: about half of the bits differ between unrelated recordings, and
few between a recording and its copy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from bonafide.audio.landmarks import Landmarks

_BITS = 24
_LEAST_LANDMARKS = 4  # of the shorter recording, and to coincide
_LEAST_SHARE = 0.5  # of the shorter one's landmarks must coincide
_NEAR_FRAMES = 2
# Neighbours in the index that are compared: bounds time and memory where a code is very common.
_MOST_NEIGHBOURS = 16


@dataclasses.dataclass(frozen=True)
class Copy:
    """A recording and its copy.

    Attributes:
        first: Index of one, the lower.
        second: Index of the other.
        bit_errors: Share of differing bits of the coinciding landmarks.
    """

    first: int
    second: int
    bit_errors: float


def find_copies(
    marks: Landmarks, groups: np.ndarray, splits: np.ndarray, *, max_bit_errors: float
) -> list[Copy]:
    """Returns the copies across splits, inside of each group.

    Memory and time grow with the number of landmarks (at most 32 a recording, 12 bytes each and
    several times that during sorting), not with the number of pairs.

    Args:
        marks: Of N recordings.
        groups: int64 [N]; only recordings of the same group are compared.
        splits: int64 [N]; only recordings of different splits are compared.
        max_bit_errors: Highest share of bits that may differ.

    Returns:
        Each pair once, sorted.
    """
    ends = np.cumsum(marks.counts)
    starts = ends - marks.counts
    found = {}
    for one, other, offset in _candidates(marks, groups, splits):
        if (one, other) in found:
            continue
        here, there = slice(starts[one], ends[one]), slice(starts[other], ends[other])
        errors = _bit_errors(
            marks.codes[here],
            marks.places[here].astype(np.int64) - offset,
            marks.codes[there],
            marks.places[there].astype(np.int64),
        )
        if errors is not None and errors <= max_bit_errors:
            found[one, other] = Copy(one, other, errors)
    return [found[pair] for pair in sorted(found)]


def _candidates(
    marks: Landmarks, groups: np.ndarray, splits: np.ndarray
) -> Iterator[tuple[int, int, int]]:
    """Yields two recordings that share a code, and how much later it comes in the first."""
    owner = np.repeat(np.arange(len(marks.counts)), marks.counts)
    keys = groups[owner].astype(np.uint64) << np.uint64(_BITS) | marks.codes.astype(np.uint64)
    order = np.argsort(keys, kind="stable")
    keys, owner = keys[order], owner[order]
    places = marks.places[order].astype(np.int64)
    for distance in range(1, min(_MOST_NEIGHBOURS, len(keys) - 1) + 1):
        same = keys[distance:] == keys[:-distance]
        if not same.any():
            return
        same &= splits[owner[distance:]] != splits[owner[:-distance]]
        for at in np.flatnonzero(same):
            # The sort is stable: the first of the two is the one with the lower index.
            yield (
                int(owner[at]),
                int(owner[at + distance]),
                int(places[at] - places[at + distance]),
            )


def _bit_errors(
    codes: np.ndarray, places: np.ndarray, other_codes: np.ndarray, other_places: np.ndarray
) -> float | None:
    """Share of differing bits of coinciding landmarks; None if too few coincide."""
    fewest = min(len(codes), len(other_codes))
    if fewest < _LEAST_LANDMARKS:
        return None
    nearest = np.abs(places[:, None] - other_places).argmin(axis=1)  # [A]
    meet = np.abs(places - other_places[nearest]) <= _NEAR_FRAMES
    if np.count_nonzero(meet) < max(_LEAST_LANDMARKS, _LEAST_SHARE * fewest):
        return None
    differ = np.bitwise_count(codes[meet] ^ other_codes[nearest[meet]])
    return float(differ.mean()) / _BITS
