"""In which order the rows of a split are drawn, replayable from (seed, epoch) alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# What all weights of a split add up to stays below this power of two, so that it fits 64 bits.
_TOTAL_BITS = 62


def epoch_order(
    count: int,
    order_seed: tuple[int, int] | np.random.Generator,
    weights: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.int64]:
    """Numbers of the rows of one shuffled pass, as many as there are rows.

    Without weights a permutation. With weights, systematic resampling: the weights of the permuted
    rows are laid end to end, and a row is drawn for each of `count` equally spaced points that fall
    on it; what was drawn is shuffled once more. A row then occurs floor or ceil of
    count * weight / sum(weights) times, which independent draws would only give on average: no
    row with a share of one or more is ever left out, and equal weights take every row once.

    Args:
        count: N, the number of rows.
        order_seed: (seed, epoch), or a generator made of them that the caller draws from later.
        weights: [N] how often each row is to be drawn relative to the others, finite and above 0;
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
    """The weights as whole numbers, in a unit that is a power of two.

    Sums of them are exact, and with them the law of `epoch_order`; those of floating-point numbers
    are not, and over millions of rows a row would now and then be drawn once too often.
    """
    _, exponent = np.frexp(np.max(weights))
    bits = _TOTAL_BITS - len(weights).bit_length() - int(exponent)
    return np.maximum(np.rint(np.ldexp(weights, bits)).astype(np.int64), 1)


def _points(count: int, total: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """The whole parts of `count` equally spaced points in [0, total), the first one at random."""
    # (i * total + first) // count, without i * total, which would not fit.
    step, rest = divmod(total, count)
    rows, first = np.arange(count), random.integers(total)
    return rows * step + (rows * rest + first) // count
