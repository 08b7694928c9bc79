"""Bootstrap over speakers, for the uncertainty of all measures at once.

Trials of a speaker are correlated, so the effective number of trials is smaller than their number.
A cluster bootstrap (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section
3.8) draws whole speakers with replacement: a speaker drawn k times counts k times with all of its
trials. `bonafide.metrics.intervals` computes intervals from the resampled figures.

Intervals for attacks never seen take attacks as a sample of those to come, too: `measure_unseen`
draws speakers and attacks independently, and a spoof counts as often as its speaker times its
attack (the pigeonhole bootstrap of Owen, "The pigeonhole bootstrap", Annals of Applied Statistics
2007, whose variance is too large rather than too small).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bonafide.metrics.blocks import Blocks, Counts, Drawn, area_under_curve, first_value
from bonafide.metrics.calibration import cllr_terms, min_cllr_of_blocks
from bonafide.metrics.costs import DetectionCosts, TandemWeights
from bonafide.metrics.detection import Floats
from bonafide.metrics.intervals import Sample, samples_of
from bonafide.trials.trials import Trials

_LARGEST_BATCH = 64
_MOST_LEFT_OUT = 1000
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
        worst_of: Attacks that `worst_attack_eer` is of; empty for all.
    """

    costs: DetectionCosts
    tandem: Mapping[str, TandemWeights]
    far_limits: Mapping[str, float]
    frr_limits: Mapping[str, float]
    thresholds: Mapping[str, float]
    worst_of: frozenset[str] = frozenset()


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
        return self.measure_and_leave_out(scores, measures)[0]

    def measure_and_leave_out(
        self, scores: Floats, measures: Measures
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Returns what `measure` does, and every measure without each of the clusters, [S] each.

        The second part is empty with more than 1,000 clusters.
        """
        curve = Blocks.make(scores, self.is_bonafide, self.cluster, self.count)
        attacks = {
            str(attack): self._attack_blocks(scores, str(attack))
            for attack in np.unique(self.attacks[~self.is_bonafide])
        }
        sums = _SpeakerSums.make(scores, self.is_bonafide, self.cluster, self.count, measures)
        size = max(1, min(_LARGEST_BATCH, _BATCH_ELEMENTS // max(curve.size, self.count)))
        draws, without = (
            [_measure_batch(weights, curve, attacks, sums, measures) for weights in batches]
            for batches in (self._draws(size), self._left_out(size))
        )
        return _joined(draws), _joined(without)

    def measure_unseen(self, scores: Floats, measures: Measures) -> dict[str, Floats]:
        """Returns measures in resamples of speakers and attacks, [R] each; empty with one attack.

        Without those that name attacks (worst, mean, single ones), without min Cllr, and without
        `frr_at/NAME`, which does not depend on attacks.

        Args:
            scores: [N], in the order of the trials.
            measures: What to compute.
        """
        spoof = ~self.is_bonafide
        names, attack = np.unique(self.attacks[spoof], return_inverse=True)
        if names.size < 2:
            return {}
        # A cell is a speaker's bona fide trials, or their spoofs of one attack.
        cells, of_spoofs = np.unique(
            np.stack([self.cluster[spoof], attack]), axis=1, return_inverse=True
        )
        cell = self.cluster.copy()
        cell[spoof] = self.count + np.ravel(of_spoofs)
        count = self.count + cells.shape[1]
        curve = Blocks.make(scores, self.is_bonafide, cell, count)
        sums = _SpeakerSums.make(scores, self.is_bonafide, cell, count, measures)
        size = max(1, min(_LARGEST_BATCH, _BATCH_ELEMENTS // max(curve.size, count)))
        parts = [
            _measure_pooled(Drawn.make(curve, weights), weights, curve, sums, measures)
            for weights in self._unseen_draws(size, cells, names.size)
        ]
        return {
            name: np.concatenate([part[name] for part in parts])
            for name in parts[0]
            if not name.startswith("frr_at/")
        }

    def unseen_samples(self, scores: Floats) -> tuple[Sample, Sample, Sample]:
        """Describes the trials for intervals of `measure_unseen`: `samples`, and the attacks."""
        spoof = ~self.is_bonafide
        attack = np.unique(self.attacks[spoof], return_inverse=True)[1].astype(np.int64)
        return (*self.samples(scores), Sample.of(scores[spoof], attack))

    def eer(self, scores: Floats) -> Floats:
        """Returns only the equal error rate in every resample, [R]; see `measure`."""
        return self.eer_and_leave_out(scores)[0]

    def eer_and_leave_out(self, scores: Floats) -> tuple[Floats, Floats | None]:
        """Returns what `eer` does, and that without each of the clusters, [S]; None with many."""
        curve = Blocks.make(scores, self.is_bonafide, self.cluster, self.count)
        size = max(1, min(_LARGEST_BATCH, _BATCH_ELEMENTS // max(curve.size, self.count)))
        draws, without = (
            [Drawn.make(curve, weights).eer() for weights in batches]
            for batches in (self._draws(size), self._left_out(size))
        )
        return np.concatenate(draws), np.concatenate(without) if without else None

    def error_rates_at(self, scores: Floats, threshold: float) -> tuple[Floats, Floats]:
        """Returns FAR and FRR at a fixed threshold in every resample, [R] each; see `measure`."""
        return self.error_rates_and_leave_out(scores, threshold)[0]

    def error_rates_and_leave_out(
        self, scores: Floats, threshold: float
    ) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats] | tuple[None, None]]:
        """Returns what `error_rates_at` does, and both rates without each of the clusters, [S]."""
        accepted = scores > threshold
        bona, cluster = self.is_bonafide, self.cluster

        def sums(keep: npt.NDArray[np.bool_]) -> Counts:
            return np.bincount(cluster[keep], minlength=self.count)

        counted = np.stack(
            [sums(~bona & accepted), sums(~bona), sums(bona & ~accepted), sums(bona)]
        )
        draws, without = (
            [counted @ weights for weights in batches]
            for batches in (self._draws(_LARGEST_BATCH), self._left_out(_LARGEST_BATCH))
        )

        def rates(parts: list[Counts]) -> tuple[Floats, Floats]:
            drawn = np.concatenate(parts, axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):  # without a class: NaN
                return drawn[0] / drawn[1], drawn[2] / drawn[3]

        return rates(draws), rates(without) if without else (None, None)

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

    def _attack_blocks(self, scores: Floats, attack: str) -> Blocks:
        keep = self.is_bonafide | (self.attacks == attack)
        return Blocks.make(scores[keep], self.is_bonafide[keep], self.cluster[keep], self.count)

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

    def _left_out(self, batch: int) -> Iterator[Counts]:
        """Yields weights without one of the clusters, [S, b]; nothing if there are very many."""
        if self.count > _MOST_LEFT_OUT:
            return
        for first in range(0, self.count, batch):
            number = min(batch, self.count - first)
            weights = np.ones((self.count, number), dtype=np.int64)
            weights[first + np.arange(number), np.arange(number)] = 0
            yield weights

    def _unseen_draws(self, batch: int, cells: Counts, attacks: int) -> Iterator[Counts]:
        """Yields the weight of each cell, [S + C, b]; each resample has both classes.

        Args:
            batch: Largest number of resamples b.
            cells: [2, C] speaker and attack of each cell of spoofs.
            attacks: Number of attacks.
        """
        random = np.random.default_rng([self.seed, 1])
        bonafide = np.bincount(self.cluster[self.is_bonafide], minlength=self.count) > 0
        left = self.resamples
        while left:
            columns: list[Counts] = []
            while len(columns) < min(batch, left):
                drawn = np.bincount(
                    random.integers(self.count, size=self.count), minlength=self.count
                )
                times = np.bincount(random.integers(attacks, size=attacks), minlength=attacks)
                of_cells = drawn[cells[0]] * times[cells[1]]
                if drawn[bonafide].any() and of_cells.any():
                    columns.append(np.concatenate([drawn, of_cells]))
            left -= len(columns)
            yield np.stack(columns, axis=1)


def _joined(parts: list[dict[str, Floats]]) -> dict[str, Floats]:
    if not parts:
        return {}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def share_draws(
    counted: npt.NDArray[np.bool_], speaker: npt.NDArray[np.int64], *, resamples: int, seed: int
) -> Floats:
    """Returns the share of counted trials of one class in resamples of its speakers, [R].

    Without one of the speakers it is `left_out_shares`.

    Args:
        counted: [n] which trials count.
        speaker: [n] index of the speaker of each trial, from 0 without gaps.
        resamples: R.
        seed: Seed of the resampling.
    """
    total = np.bincount(speaker)
    hits = np.bincount(speaker, weights=counted)
    random = np.random.default_rng(seed)
    draws: Floats = np.empty(resamples)
    for place in range(resamples):
        times = np.bincount(random.integers(total.size, size=total.size), minlength=total.size)
        draws[place] = (times @ hits) / (times @ total)
    return draws


def left_out_shares(
    counted: npt.NDArray[np.bool_], speaker: npt.NDArray[np.int64]
) -> Floats | None:
    """Returns the share of counted trials without each of the speakers, [S]; None with many."""
    total = np.bincount(speaker)
    if total.size > _MOST_LEFT_OUT:
        return None
    hits = np.bincount(speaker, weights=counted)
    shares: Floats = (hits.sum() - hits) / np.maximum(total.sum() - total, 1)
    return shares


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
    def make(
        cls,
        scores: Floats,
        bona: npt.NDArray[np.bool_],
        cluster: npt.NDArray[np.int64],
        count: int,
        measures: Measures,
    ) -> _SpeakerSums:

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
    curve: Blocks,
    attacks: Mapping[str, Blocks],
    sums: _SpeakerSums,
    measures: Measures,
) -> dict[str, Floats]:
    """Returns every measure [b] for weights of the clusters [S, b]; NaN without a class."""
    drawn = Drawn.make(curve, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = _measure_pooled(drawn, weights, curve, sums, measures)
    values["min_cllr"] = np.array(
        [
            min_cllr_of_blocks(drawn.bonafide[:, i].astype(float), drawn.spoof[:, i].astype(float))
            if drawn.n_bonafide[i] and drawn.n_spoof[i]
            else np.nan
            for i in range(weights.shape[1])
        ]
    )
    per_attack = {name: Drawn.make(blocks, weights).eer() for name, blocks in attacks.items()}
    table = np.stack(list(per_attack.values()))  # [A, b]; each draw holds some attack
    counted = [not measures.worst_of or name in measures.worst_of for name in per_attack]
    with warnings.catch_warnings():
        # A draw may hold none of the counted attacks: NaN.
        warnings.simplefilter("ignore", RuntimeWarning)
        values["worst_attack_eer"] = np.nanmax(table[counted], axis=0)
        values["macro_eer"] = np.nanmean(table, axis=0)
    return values | {f"attack/{name}": eer for name, eer in per_attack.items()}


def _measure_pooled(
    drawn: Drawn, weights: Counts, curve: Blocks, sums: _SpeakerSums, measures: Measures
) -> dict[str, Floats]:
    """Returns the measures of all attacks together, but for min Cllr, [b] each."""
    n_bonafide, n_spoof = drawn.n_bonafide, drawn.n_spoof
    frr = drawn.rejected_bonafide / n_bonafide  # [M, b] at the ends of the blocks
    far = (n_spoof - drawn.rejected_spoof) / n_spoof
    values = {"eer": drawn.eer(), "auc": area_under_curve(drawn, curve, weights)}
    lines = {"min_dcf": TandemWeights(0.0, *measures.costs.weights), **measures.tandem}
    for name, line in lines.items():
        # Before the first trial everything is accepted: FRR 0, FAR 1.
        least = np.min(line.miss * frr + line.false_accept * far, axis=0)
        values[name] = line.constant + np.minimum(least, line.false_accept)
    values["cllr"] = (
        sums.cllr_bonafide @ weights / n_bonafide + sums.cllr_spoof @ weights / n_spoof
    ) / 2
    for name, limit in measures.far_limits.items():
        # Before the first trial FAR is 1 and FRR 0.
        values[name] = first_value(far <= limit, frr) if limit < 1 else np.zeros(weights.shape[1])
    for name, limit in measures.frr_limits.items():
        before = np.vstack([np.ones(far.shape[1]), far[:-1]])  # FAR at the start of the block
        values[name] = np.where(frr[-1] > limit, first_value(frr > limit, before), 0.0)
    miss_weight, false_accept_weight = measures.costs.weights
    for name in sums.missed:
        missed = sums.missed[name] @ weights / n_bonafide
        accepted = sums.accepted[name] @ weights / n_spoof
        values[f"frr_at/{name}"], values[f"far_at/{name}"] = missed, accepted
    values["act_dcf"] = (
        miss_weight * values["frr_at/bayes"] + false_accept_weight * values["far_at/bayes"]
    )
    return values
