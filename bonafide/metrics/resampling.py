"""Bootstrap over speakers, for the uncertainty of all measures at once.

Trials of a speaker are correlated, so the effective number of trials is smaller than their number.
A cluster bootstrap (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section
3.8) draws whole speakers with replacement: a speaker drawn k times counts k times with all of its
trials. `bonafide.metrics.intervals` computes intervals from the resampled figures.

Resampling changes the weights of trials and not their order, so scores are sorted once. No optimum
or crossing is possible between two neighbouring trials of the same class. The sorted trials are
therefore grouped into blocks of bona fide trials followed by spoofs, and the number of trials of
each speaker in each block is a sparse matrix. A batch of resamples is then a matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bonafide.metrics.calibration import cllr_terms, min_cllr_of_blocks
from bonafide.metrics.costs import DetectionCosts, TandemWeights
from bonafide.metrics.detection import Floats
from bonafide.metrics.intervals import Sample, samples_of
from bonafide.trials.trials import Trials

Counts = npt.NDArray[np.int64]
_LARGEST_BATCH = 64
_BATCH_ELEMENTS = 2**21  # of one temporary array: 16 MiB


class NoIntervalError(ValueError):
    """Too few speakers for an interval."""


@dataclass(frozen=True)
class Measures:
    """Measures with settings, to be computed in every resample.

    Attributes:
        costs: Costs of minDCF and actDCF.
        tandem: Name -> weights of a t-DCF.
        rates: Name -> limit; `far_limits` gives the FRR at this FAR, `frr_limits` the reverse.
        far_limits: See `rates`.
        frr_limits: See `rates`.
        thresholds: Name -> fixed threshold; gives `far_at/NAME` and `frr_at/NAME`.
    """

    costs: DetectionCosts
    tandem: Mapping[str, TandemWeights]
    far_limits: Mapping[str, float]
    frr_limits: Mapping[str, float]
    thresholds: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class ClusterBootstrap:
    """Resamples speakers; equal seeds and trials give equal resamples, so systems are paired.

    Attributes:
        cluster: [N] index of the cluster of each trial.
        count: Number of clusters S.
        unit: `speaker`, or `utterance` if speakers are unknown.
        is_bonafide: [N].
        attacks: [N] attack ids.
        resamples: Number of resamples R.
        seed: Seed of the resampling.
    """

    cluster: npt.NDArray[np.int64]
    count: int
    unit: str
    is_bonafide: npt.NDArray[np.bool_]
    attacks: npt.NDArray[np.str_]
    resamples: int
    seed: int

    @classmethod
    def of(cls, trials: Trials, *, resamples: int, seed: int) -> ClusterBootstrap:
        """Creates the bootstrap of trials.

        Raises:
            NoIntervalError: Fewer than two speakers have bona fide trials, or spoofed ones.
        """
        if trials.speakers is None:
            unit, ids = "utterance", trials.utterances
        else:
            unit, ids = "speaker", trials.speakers
        # Sorted ids, so that the order of the trials does not matter.
        names, cluster = np.unique(ids, return_inverse=True)
        for name, flags in (
            ("bona fide", trials.is_bonafide),
            ("spoofed", ~trials.is_bonafide),
        ):
            if np.unique(cluster[flags]).size < 2:
                raise NoIntervalError(
                    f"all {name} trials are of one {unit}: an interval needs at least two"
                )
        return cls(
            cluster=cluster.astype(np.int64),
            count=names.size,
            unit=unit,
            is_bonafide=trials.is_bonafide,
            attacks=trials.attacks,
            resamples=resamples,
            seed=seed,
        )

    def measure(self, scores: Floats, measures: Measures) -> dict[str, Floats]:
        """Returns every measure in every resample, [R] each.

        In addition to the named measures, `attack/ID` is the EER of an attack against all bona
        fide trials; it is NaN if a resample lacks the attack.

        Args:
            scores: [N], in the order of the trials.
            measures: What to compute.
        """
        curve = _Blocks.make(scores, self.is_bonafide, self.cluster, self.count)
        attacks = {
            str(attack): self._attack_blocks(scores, str(attack))
            for attack in np.unique(self.attacks[~self.is_bonafide])
        }
        sums = _SpeakerSums.make(scores, self, measures)
        size = max(1, min(_LARGEST_BATCH, _BATCH_ELEMENTS // max(curve.size, self.count)))
        parts = [
            _measure_batch(weights, curve, attacks, sums, measures) for weights in self._draws(size)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def eer(self, scores: Floats) -> Floats:
        """Returns only the equal error rate in every resample, [R]; see `measure`."""
        curve = _Blocks.make(scores, self.is_bonafide, self.cluster, self.count)
        size = max(1, min(_LARGEST_BATCH, _BATCH_ELEMENTS // max(curve.size, self.count)))
        drawn = (_Drawn.make(curve, weights) for weights in self._draws(size))
        return np.concatenate([batch.eer() for batch in drawn])

    def error_rates_at(self, scores: Floats, threshold: float) -> tuple[Floats, Floats]:
        """Returns FAR and FRR at a fixed threshold in every resample, [R] each; see `measure`."""
        accepted = scores > threshold
        bona, cluster = self.is_bonafide, self.cluster

        def sums(keep: npt.NDArray[np.bool_]) -> Counts:
            return np.bincount(cluster[keep], minlength=self.count)

        counted = np.stack(
            [sums(~bona & accepted), sums(~bona), sums(bona & ~accepted), sums(bona)]
        )
        drawn = np.concatenate(
            [counted @ weights for weights in self._draws(_LARGEST_BATCH)], axis=1
        )
        return drawn[0] / drawn[1], drawn[2] / drawn[3]

    def samples(self, scores: Floats, attack: str | None = None) -> tuple[Sample, Sample]:
        """Describes the bona fide and the spoofed trials, for `intervals.interval`.

        Args:
            scores: [N], in the order of the trials.
            attack: Its spoofs alone; None for all of them.
        """
        keep = np.ones_like(self.is_bonafide)
        if attack is not None:
            keep = self.is_bonafide | (self.attacks == attack)
        return samples_of(scores[keep], self.is_bonafide[keep], self.cluster[keep])

    def _attack_blocks(self, scores: Floats, attack: str) -> _Blocks:
        keep = self.is_bonafide | (self.attacks == attack)
        return _Blocks.make(scores[keep], self.is_bonafide[keep], self.cluster[keep], self.count)

    def _draws(self, batch: int) -> Iterator[Counts]:
        """Yields the weight of each cluster, [S, b]; each resample has both classes."""
        random = np.random.default_rng(self.seed)
        has_bonafide = np.bincount(self.cluster[self.is_bonafide], minlength=self.count) > 0
        has_spoof = np.bincount(self.cluster[~self.is_bonafide], minlength=self.count) > 0
        left = self.resamples
        while left:
            weights = np.empty((self.count, min(batch, left)), dtype=np.int64)
            for column in range(weights.shape[1]):
                # A resample without one of the classes has no error rates and is drawn again.
                while True:
                    drawn = random.integers(self.count, size=self.count)
                    counts = np.bincount(drawn, minlength=self.count)
                    if counts[has_bonafide].any() and counts[has_spoof].any():
                        break
                weights[:, column] = counts
            left -= weights.shape[1]
            yield weights


@dataclass(frozen=True, eq=False)
class _Blocks:
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
        return int(self.bonafide.shape[0])

    @classmethod
    def make(
        cls,
        scores: Floats,
        is_bonafide: npt.NDArray[np.bool_],
        cluster: npt.NDArray[np.int64],
        count: int,
    ) -> _Blocks:
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
class _Drawn:
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
    def make(cls, blocks: _Blocks, weights: Counts) -> _Drawn:
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


@dataclass(frozen=True, eq=False)
class _SpeakerSums:
    """Sums over the trials of each cluster, [S], of measures that are means over trials."""

    n_bonafide: Counts
    n_spoof: Counts
    cllr_bonafide: Floats
    cllr_spoof: Floats
    missed: Mapping[str, Counts]
    accepted: Mapping[str, Counts]

    @classmethod
    def make(cls, scores: Floats, bootstrap: ClusterBootstrap, measures: Measures) -> _SpeakerSums:
        bona, cluster, count = bootstrap.is_bonafide, bootstrap.cluster, bootstrap.count

        def counts(keep: npt.NDArray[np.bool_]) -> Counts:
            return np.bincount(cluster[keep], minlength=count)

        def sums(keep: npt.NDArray[np.bool_], values: Floats) -> Floats:
            # Converted to floats first, because of numpy's type annotations.
            totals = np.bincount(cluster[keep], weights=values[keep], minlength=count)
            return totals.astype(np.float64, copy=False)

        accepts = {name: scores > value for name, value in measures.thresholds.items()}
        accepts["bayes"] = scores >= measures.costs.bayes_threshold
        return cls(
            n_bonafide=counts(bona),
            n_spoof=counts(~bona),
            cllr_bonafide=sums(bona, cllr_terms(-scores)),
            cllr_spoof=sums(~bona, cllr_terms(scores)),
            missed={name: counts(bona & ~accept) for name, accept in accepts.items()},
            accepted={name: counts(~bona & accept) for name, accept in accepts.items()},
        )


def _measure_batch(
    weights: Counts,
    curve: _Blocks,
    attacks: Mapping[str, _Blocks],
    sums: _SpeakerSums,
    measures: Measures,
) -> dict[str, Floats]:
    """Returns every measure [b] for weights of the clusters [S, b]."""
    drawn = _Drawn.make(curve, weights)
    n_bonafide, n_spoof = drawn.n_bonafide, drawn.n_spoof
    frr = drawn.rejected_bonafide / n_bonafide  # [M, b] at the ends of the blocks
    far = (n_spoof - drawn.rejected_spoof) / n_spoof
    values = {"eer": drawn.eer(), "auc": _auc(drawn, curve, weights)}
    lines = {"min_dcf": TandemWeights(0.0, *measures.costs.weights), **measures.tandem}
    for name, line in lines.items():
        # Before the first trial everything is accepted: FRR 0, FAR 1.
        least = np.min(line.miss * frr + line.false_accept * far, axis=0)
        values[name] = line.constant + np.minimum(least, line.false_accept)
    values["cllr"] = (
        sums.cllr_bonafide @ weights / n_bonafide + sums.cllr_spoof @ weights / n_spoof
    ) / 2
    values["min_cllr"] = np.array(
        [
            min_cllr_of_blocks(drawn.bonafide[:, i].astype(float), drawn.spoof[:, i].astype(float))
            for i in range(weights.shape[1])
        ]
    )
    for name, limit in measures.far_limits.items():
        # Before the first trial FAR is 1 and FRR 0.
        values[name] = _first(far <= limit, frr) if limit < 1 else np.zeros(weights.shape[1])
    for name, limit in measures.frr_limits.items():
        before = np.vstack([np.ones(far.shape[1]), far[:-1]])  # FAR at the start of the block
        values[name] = np.where(frr[-1] > limit, _first(frr > limit, before), 0.0)
    miss_weight, false_accept_weight = measures.costs.weights
    for name in sums.missed:
        missed = sums.missed[name] @ weights / n_bonafide
        accepted = sums.accepted[name] @ weights / n_spoof
        values[f"frr_at/{name}"], values[f"far_at/{name}"] = missed, accepted
    values["act_dcf"] = (
        miss_weight * values["frr_at/bayes"] + false_accept_weight * values["far_at/bayes"]
    )
    per_attack = {name: _Drawn.make(blocks, weights).eer() for name, blocks in attacks.items()}
    table = np.stack(list(per_attack.values()))  # [A, b]; each draw holds some attack
    values["worst_attack_eer"] = np.nanmax(table, axis=0)
    values["macro_eer"] = np.nanmean(table, axis=0)
    return values | {f"attack/{name}": eer for name, eer in per_attack.items()}


def _auc(drawn: _Drawn, curve: _Blocks, weights: Counts) -> Floats:
    """Returns [b] the probability that bona fide scores above spoof; ties count half."""
    above = drawn.n_bonafide - drawn.rejected_bonafide  # bona fide trials after each block
    pairs: Counts = np.sum(drawn.spoof * above, axis=0)
    ties: Counts = np.sum((curve.tied_bonafide @ weights) * (curve.tied_spoof @ weights), axis=0)
    return (2 * pairs + ties) / (2 * drawn.n_bonafide * drawn.n_spoof)


def _first(condition: npt.NDArray[np.bool_], values: Floats) -> Floats:
    """Returns [b] the value of the first block where the condition is true."""
    first: Floats = np.take_along_axis(values, np.argmax(condition, axis=0)[np.newaxis], axis=0)[0]
    return first
