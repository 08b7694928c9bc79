"""Error curves of many resamples at once: trials sorted by score and folded into blocks.

Resampling changes the weights of trials and not their order, so scores are sorted once. No optimum
or crossing is possible between two neighbouring trials of the same class. The sorted trials are
therefore grouped into blocks of bona fide trials followed by spoofs, and the number of trials of
each cluster in each block is a sparse matrix. A batch of resamples is then a matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bonafide.metrics.detection import Floats

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Trials sorted by score and folded into blocks of bona fide trials, then spoofs.

    Attributes:
        bonafide: [M, S] bona fide trials of each cluster in each block.
        spoof: [M, S].
        tied_bonafide: [G, S] bona fide trials at each score that both classes have.
        tied_spoof: [G, S].
    """

    bonafide: sparse.csr_matrix
    spoof: sparse.csr_matrix
    tied_bonafide: sparse.csr_matrix
    tied_spoof: sparse.csr_matrix

    @property
    def size(self) -> int:
        """Number of blocks M."""
        return int(self.bonafide.shape[0])

    @classmethod
    def make(
        cls,
        scores: Floats,
        is_bonafide: npt.NDArray[np.bool_],
        cluster: npt.NDArray[np.int64],
        count: int,
    ) -> Blocks:
        """Sorts and folds trials.

        Args:
            scores: [N].
            is_bonafide: [N].
            cluster: [N] index of the cluster of each trial.
            count: Number of clusters S.
        """
        order = np.lexsort((~is_bonafide, scores))  # bona fide first among ties
        scores, bona, cluster = scores[order], is_bonafide[order], cluster[order]
        begins = np.concatenate([[False], bona[1:] & ~bona[:-1]])
        block = np.cumsum(begins)
        value = np.cumsum(np.concatenate([[False], scores[1:] != scores[:-1]]))
        both = np.intersect1d(value[bona], value[~bona])
        tied = np.isin(value, both)
        group = np.searchsorted(both, value[tied])

        def table(
            rows: npt.NDArray[np.int64],
            keep: npt.NDArray[np.bool_],
            of: npt.NDArray[np.int64],
            size: int,
        ) -> sparse.csr_matrix:
            ones = np.ones(np.count_nonzero(keep), dtype=np.int64)
            return sparse.csr_matrix((ones, (rows[keep], of[keep])), shape=(size, count))

        size = int(block[-1]) + 1
        return cls(
            bonafide=table(block, bona, cluster, size),
            spoof=table(block, ~bona, cluster, size),
            tied_bonafide=table(group, bona[tied], cluster[tied], both.size),
            tied_spoof=table(group, ~bona[tied], cluster[tied], both.size),
        )


@dataclass(frozen=True, eq=False)
class Drawn:
    """A batch of resamples; counts at the end of each block.

    Attributes:
        bonafide: [M, b] bona fide trials in each block.
        spoof: [M, b].
        rejected_bonafide: [M, b] bona fide trials up to and with each block.
        rejected_spoof: [M, b].
        n_bonafide: [b].
        n_spoof: [b].
    """

    bonafide: Counts
    spoof: Counts
    rejected_bonafide: Counts
    rejected_spoof: Counts
    n_bonafide: Counts
    n_spoof: Counts

    @classmethod
    def make(cls, blocks: Blocks, weights: Counts) -> Drawn:
        """Counts the trials of a batch, for weights of the clusters [S, b]."""
        bonafide, spoof = blocks.bonafide @ weights, blocks.spoof @ weights
        rejected_bonafide, rejected_spoof = bonafide.cumsum(axis=0), spoof.cumsum(axis=0)
        return cls(
            bonafide=bonafide,
            spoof=spoof,
            rejected_bonafide=rejected_bonafide,
            rejected_spoof=rejected_spoof,
            n_bonafide=rejected_bonafide[-1],
            n_spoof=rejected_spoof[-1],
        )

    def eer(self) -> Floats:
        """Returns the official estimator on each resample, [b], exactly; NaN without spoofs.

        FRR - FAR increases along the trials. In the first block at whose end it is not below 0, it
        crosses 0 either among the bona fide trials, where FAR is constant and FRR increases in
        steps of one trial, or among the spoofs, vice versa. The steps before and after 0 are the
        two candidates.
        """
        total_b, total_s = self.n_bonafide, self.n_spoof
        # FRR >= FAR in whole numbers: rejected_b Ns >= (Ns - rejected_s) Nb.
        crossed = self.rejected_bonafide * total_s >= (total_s - self.rejected_spoof) * total_b
        at = np.argmax(crossed, axis=0), np.arange(total_b.size)
        after_b, after_s = self.rejected_bonafide[at], self.rejected_spoof[at]
        accepted = (
            total_s - after_s + self.spoof[at]
        )  # spoofs, during the bona fide trials of the block
        among_bonafide = after_b * total_s >= accepted * total_b
        with np.errstate(divide="ignore", invalid="ignore"):
            # Bona fide trials to reject until FRR = FAR, rounded down, and the remainder.
            steps, rest = np.divmod(accepted * total_b, np.maximum(total_s, 1))
            steps += rest > np.maximum(total_s, 1) - rest
            first = (steps / total_b + accepted / total_s) / 2
            # Spoofs to reject until FAR = FRR.
            steps, rest = np.divmod((total_b - after_b) * total_s, total_b)
            steps += rest > total_b - rest
            second = (after_b / total_b + (total_s - steps) / total_s) / 2
        eer = np.where(among_bonafide, first, second)
        return np.where((total_b > 0) & (total_s > 0), eer, np.nan)


def area_under_curve(drawn: Drawn, curve: Blocks, weights: Counts) -> Floats:
    """Returns [b] the probability that bona fide scores above spoof; ties count half."""
    above = drawn.n_bonafide - drawn.rejected_bonafide  # bona fide trials after each block
    pairs: Counts = np.sum(drawn.spoof * above, axis=0)
    ties: Counts = np.sum((curve.tied_bonafide @ weights) * (curve.tied_spoof @ weights), axis=0)
    return (2 * pairs + ties) / (2 * drawn.n_bonafide * drawn.n_spoof)


def first_value(condition: npt.NDArray[np.bool_], values: Floats) -> Floats:
    """Returns [b] the value of the first block where the condition is true."""
    first: Floats = np.take_along_axis(values, np.argmax(condition, axis=0)[np.newaxis], axis=0)[0]
    return first
