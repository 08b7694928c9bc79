"""Compact histograms, and the divergence of values from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import distance

_PARTS = 10
_COMMON = 0.05  # share of equal values that get a bin of their own
# With fewer values, chance looks like drift: the divergence of two samples of 100 from the same
# distribution is 0.05 on average and 0.12 at most; with 200, half of that.
LEAST = 200


@dataclasses.dataclass(frozen=True)
class Distribution:
    """A histogram.

    Attributes:
        edges: Increasing; bin i is from `edges[i - 1]`, inclusive, to `edges[i]`, exclusive. The
            first and the last bin are unbounded.
        counts: Number of values in each bin, one more than edges.
        median: Median of the values.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    median: float

    @property
    def total(self) -> int:
        """Number of values."""
        return sum(self.counts)


def distribution_of(values: npt.ArrayLike) -> Distribution:
    """Returns the histogram of values [N], N > 0, with bins between their deciles.

    A frequent value (such as the sampling rate of a file) is a bin of its own.
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

    0: equal shares in all bins; 1: disjoint. Between two normal distributions of the
    same width, 0.1 is a shift by three quarters of the width. Source: Lin, "Divergence measures
    based on the Shannon entropy", IEEE Transactions on Information Theory 1991.
    """
    return _divergence(reference.counts, _counts(values, np.array(reference.edges)))


def divergence_of_names(reference: Mapping[str, int], names: Mapping[str, int]) -> float:
    """Returns the divergence of frequencies of names from a reference."""
    both = sorted(reference.keys() | names.keys())
    return _divergence(
        [reference.get(name, 0) for name in both], [names.get(name, 0) for name in both]
    )


def to_json(found: Distribution) -> dict[str, Any]:
    """Returns a distribution ready for JSON."""
    return dataclasses.asdict(found)


def from_json(data: Mapping[str, Any]) -> Distribution:
    """Reads the result of `to_json`.

    Raises:
        KeyError: It was not written by `to_json`.
        ValueError: The data is damaged.
    """
    edges, counts = tuple(data["edges"]), tuple(data["counts"])
    if len(counts) != len(edges) + 1 or sum(counts) < 1 or list(edges) != sorted(edges):
        raise ValueError(
            f"expected one count more than edges, got {len(counts)} counts and {len(edges)} edges"
        )
    return Distribution(edges, counts, data["median"])


def _counts(values: npt.ArrayLike, edges: npt.NDArray[np.float64]) -> tuple[int, ...]:
    places = np.searchsorted(edges, np.asarray(values, np.float64), side="right")
    return tuple(np.bincount(places, minlength=len(edges) + 1).tolist())


def _divergence(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    # SciPy returns the square root, and NaN if rounding makes the divergence of two equal
    # distributions negative.
    root = distance.jensenshannon(first, second, base=2)
    return float(np.nan_to_num(root)) ** 2
