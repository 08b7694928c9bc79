"""A compact description of a distribution, and the divergence of another one from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import distance

_PARTS = 10
_COMMON = 0.05  # share of the values that are the same one
# Below, chance looks like drift: the divergence of two samples of 100 of the same distribution is
# 0.05 in the mean and 0.12 at worst, of 200 it is half of that.
LEAST = 200


@dataclasses.dataclass(frozen=True)
class Distribution:
    """How many values lie where.

    Attributes:
        edges: Rising; of bin i the lower one is `edges[i - 1]`, included, the upper one
            `edges[i]`, not included. The first and the last bin have no end.
        counts: Of each bin, one more than there are edges.
        median: Of the values.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    median: float

    @property
    def total(self) -> int:
        """How many values there were."""
        return sum(self.counts)


def distribution_of(values: npt.ArrayLike) -> Distribution:
    """Describes values [N], N > 0, by bins between their deciles.

    A value that many have in common (the rate of a file) is a bin of its own as well, so that it is
    told from the next one.
    """
    values = np.asarray(values, np.float64)
    deciles = np.quantile(values, np.arange(1, _PARTS) / _PARTS, method="inverted_cdf")
    unique, counts = np.unique(values, return_counts=True)
    common = unique[counts >= _COMMON * values.size]
    # Values outside the range of the reference have bins of their own.
    last_of_bins = np.append(common, values.max())
    edges = np.unique(
        np.concatenate([[values.min()], deciles, common, np.nextafter(last_of_bins, np.inf)])
    )
    return Distribution(
        edges=tuple(edges.tolist()),
        counts=_counts(values, edges),
        median=float(np.median(values)),
    )


def divergence(reference: Distribution, values: npt.ArrayLike) -> float:
    """Returns the Jensen-Shannon divergence of values [N] from a reference, in bits.

    0: the same shares in every bin; 1: nothing in common. Between two normal distributions of the
    same width, 0.1 is a shift by three quarters of it. Lin, "Divergence measures based on the
    Shannon entropy", IEEE Transactions on Information Theory 1991.
    """
    return _divergence(reference.counts, _counts(values, np.array(reference.edges)))


def divergence_of_names(reference: Mapping[str, int], names: Mapping[str, int]) -> float:
    """Returns the same of how often names occur."""
    both = sorted(reference.keys() | names.keys())
    return _divergence(
        [reference.get(name, 0) for name in both], [names.get(name, 0) for name in both]
    )


def to_json(found: Distribution) -> dict[str, Any]:
    """Returns a distribution ready for JSON."""
    return dataclasses.asdict(found)


def from_json(data: Mapping[str, Any]) -> Distribution:
    """Reads back what `to_json` wrote.

    Raises:
        KeyError: It was not written by `to_json`.
        ValueError: It is damaged.
    """
    edges, counts = tuple(data["edges"]), tuple(data["counts"])
    if len(counts) != len(edges) + 1 or sum(counts) < 1 or list(edges) != sorted(edges):
        raise ValueError(f"{len(edges)} edges and {len(counts)} counts are no distribution")
    return Distribution(edges, counts, data["median"])


def _counts(values: npt.ArrayLike, edges: npt.NDArray[np.float64]) -> tuple[int, ...]:
    places = np.searchsorted(edges, np.asarray(values, np.float64), side="right")
    return tuple(np.bincount(places, minlength=len(edges) + 1).tolist())


def _divergence(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    # SciPy gives its square root, and not a number where rounding makes that of two equal
    # distributions negative.
    root = distance.jensenshannon(first, second, base=2)
    return float(np.nan_to_num(root)) ** 2
