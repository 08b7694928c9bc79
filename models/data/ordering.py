"""Order of the rows of a split in an epoch, reproducible from (seed, epoch)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# The sum of all weights of a split is below this power of two, so that it fits 64 bits.
_TOTAL_BITS = 62


def epoch_order(
    count: int,
    order_seed: tuple[int, int] | np.random.Generator,
    weights: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.int64]:
    """Returns the rows of one shuffled pass, as many as there are rows.

    Without weights, it is a permutation. With weights, it is systematic resampling: the weights of
    the permuted rows are laid end to end, each of `count` equally spaced points draws the row at
    its position, and the result is shuffled again. A row occurs floor or ceil of
    count * weight / sum(weights) times; with independent draws, this would be true on average only.
    A row with a share of one or more is never omitted, and equal weights draw every row once.

    Args:
        count: N, the number of rows.
        order_seed: (seed, epoch), or a generator seeded with them that the caller uses afterwards.
        weights: [N] sampling weight of each row, finite and above 0;
            None for once each.

    Returns:
        [N] int64.
    """
    random = np.random.default_rng(order_seed)
    order = random.permutation(np.arange(count))
    if weights is None:
        return order
    ends = np.cumsum(_whole(weights)[order])
    drawn = order[np.searchsorted(ends, _points(count, int(ends[-1]), random), side="right")]
    return random.permutation(drawn)


def _whole(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Returns the weights as whole numbers, in a unit that is a power of two.

    Their sums are exact, and therefore the guarantee of `epoch_order`. Floating-point sums are not:
    over millions of rows, a row would occasionally be drawn once too often.
    """
    _, exponent = np.frexp(np.max(weights))
    bits = _TOTAL_BITS - len(weights).bit_length() - int(exponent)
    return np.maximum(np.rint(np.ldexp(weights, bits)).astype(np.int64), 1)


def _points(count: int, total: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Returns the integer parts of `count` equally spaced points in [0, total), randomly offset."""
    # (i * total + first) // count, without i * total, which would not fit.
    step, rest = divmod(total, count)
    rows, first = np.arange(count), random.integers(total)
    return rows * step + (rows * rest + first) // count
