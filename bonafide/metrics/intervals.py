"""95 % intervals of all figures, from resamples by speakers. The only place that makes them.

A percentile interval of a cluster bootstrap is too narrow with few speakers, and of a count of 0 it
is `0 to 0`. `benchmarks/coverage.py` holds the methods here against percentile, BCa and bootstrap-t
intervals. With S speakers, the resampled figures d and the measured figure v:

- **Rates** (`rate`): the hull of two intervals. One is v +- t e on the probit scale, also with the
  bootstrap's correction of the bias. The standard error e is the larger one of
  sd(d) sqrt(S / (S - 1)) and that of the jackknife over speakers. Where a few speakers have most of
  the errors, the t statistic is skewed and few draws of speakers show it: t grows by
  g (2 t^2 + 1) / 6 towards the long tail, to 2 t at most, with the skewness g of the mean from the
  jackknife (Hall, "On the removal of skewness by transformation", Journal of the Royal Statistical
  Society B 1992; Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 14.3). The
  other is the binomial (Clopper-Pearson) interval of an effective number of trials
  n* = v (1 - v) / var(d), as Korn and Graubard, "Confidence intervals for proportions with small
  expected number of positive counts estimated from survey data" (Survey Methodology 1998). A rate
  of 0 or 1 has no variance in its resamples: there, n* is the number of trials over the design
  effect 1 + (m - 1) r (Kish, "Survey Sampling", 1965, section 5.4), with m trials of a speaker and
  r the correlation of the scores of a speaker. The decisions correlate less than the scores do, so
  this is a cautious bound.
- **Costs and bits** (`cost`, `bits`): the same t interval on the log scale. The least cost over all
  thresholds is too low in a sample, and lower in a resample; the correction of the bias matters
  most here. Costs that cannot exceed 1 are treated as rates as well.
- **Differences** (`difference`): v +- t sd(d) sqrt(S / (S - 1)), of paired resamples.

t is the quantile with S* - 1 degrees of freedom, where S* = n^2 / sum(m^2) is the effective number
of speakers (Kish): ten speakers of which one has nearly all trials are hardly more than one. Both S
and S* are of the class with fewer speakers, where a figure is of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from bonafide.metrics.detection import Floats
from bonafide.metrics.power import Power

Interval = tuple[float, float]
LEVEL = 0.95
_MOST_UNDEFINED = 0.05  # share of resamples in which a figure may be undefined
# Least of costs and bits on the log scale: below, figures are shown as 0.
_LEAST = 1e-4
_NEAR = 1e-6
_TINY = 1e-9  # trials


@dataclass(frozen=True)
class Sample:
    """The trials of one class.

    Attributes:
        trials: Their number n.
        speakers: Number of speakers S; of trials where speakers are not known.
        effective_speakers: n^2 / sum(m^2) for m trials of each speaker: S where all have as many.
        correlation: Intra-class correlation of the ranks of the scores of a speaker, 0 to 1.
    """

    trials: int
    speakers: int
    effective_speakers: float
    correlation: float

    @classmethod
    def of(cls, scores: Floats, speakers: npt.NDArray[np.int64]) -> Sample:
        """Describes the trials of one class.

        Args:
            scores: [n] of the trials, n > 0.
            speakers: [n] which speaker each trial is of.
        """
        _, place = np.unique(speakers, return_inverse=True)
        sizes = np.bincount(place).astype(np.float64)
        trials = float(scores.size)
        return cls(
            trials=scores.size,
            speakers=sizes.size,
            effective_speakers=trials**2 / float(np.sum(sizes**2)),
            correlation=_intraclass_correlation(stats.rankdata(scores), place, sizes),
        )

    @property
    def independent_trials(self) -> float:
        """Number of independent trials that say as much as these: n / (1 + (m - 1) r)."""
        mean_size = self.trials / self.effective_speakers
        return self.trials / (1 + (mean_size - 1) * self.correlation)


def _intraclass_correlation(values: Floats, place: npt.NDArray[np.int64], sizes: Floats) -> float:
    """Returns the one-way analysis of variance estimate, from 0 to 1; 1 where it is not known."""
    total, groups = sizes.sum(), sizes.size
    if groups < 2 or total <= groups:
        return 1.0
    means = np.bincount(place, weights=values) / sizes
    between = np.sum(sizes * (means - values.mean()) ** 2) / (groups - 1)
    within = np.sum((values - means[place]) ** 2) / (total - groups)
    typical = (total - np.sum(sizes**2) / total) / (groups - 1)
    spread = between + (typical - 1) * within
    return float(np.clip((between - within) / spread, 0.0, 1.0)) if spread > 0 else 0.0


def samples_of(
    scores: Floats, is_bonafide: npt.NDArray[np.bool_], speakers: npt.NDArray[np.int64]
) -> tuple[Sample, Sample]:
    """Returns the samples of bona fide and of spoofed trials [N], neither empty."""
    return (
        Sample.of(scores[is_bonafide], speakers[is_bonafide]),
        Sample.of(scores[~is_bonafide], speakers[~is_bonafide]),
    )


def interval(
    value: float,
    draws: Floats,
    scale: str,
    samples: Sequence[Sample],
    *,
    without: Floats | None = None,
    most: float = 1.0,
    level: float = LEVEL,
) -> Interval | None:
    """Returns the interval of a figure.

    Args:
        value: The figure on the trials as they are; the interval holds it.
        draws: [R] the figure in the resamples; NaN where it is not defined.
        scale: `rate` (a fraction), `cost` (from 0 to `most`), `bits` (from 0) or `difference`.
        samples: Of the classes whose trials the figure depends on.
        without: [S] the figure without each of the speakers; None where they are too many, which
            the central limit theorem makes unnecessary. Differences ignore it.
        most: Highest possible cost; of a difference, the largest in either direction.
        level: Share of intervals that shall hold the true value.

    Returns:
        Both ends; None if there are no draws, if more than 5 % of them are NaN, or if a class has
        fewer than two speakers.
    """
    known = draws[~np.isnan(draws)]
    if not known.size or known.size < (1 - _MOST_UNDEFINED) * draws.size:
        return None
    if min(sample.speakers for sample in samples) < 2:
        return None
    quantile = _quantile(samples, level)
    if scale == "difference":
        width = quantile * _inflation(samples) * float(known.std())
        return max(-most, value - width), min(most, value + width)
    least = min(sample.trials for sample in samples)
    on_scale = _Scale("probit" if scale == "rate" else "log", least)
    ends = [value, *_skewed_t(value, known, without, on_scale, samples, quantile)]
    if scale == "bits":
        return min(ends), max(ends)
    likely = value if scale == "rate" else 2 * value - float(known.mean())
    ends += [most * end for end in _binomial(likely / most, known / most, samples, quantile, level)]
    low, high = min(ends), max(value, min(most, max(ends)))
    # With two or three speakers ends come as near to 0 and 1 as 1e-60.
    return (low if low > _NEAR * most else 0.0), (high if high < (1 - _NEAR) * most else most)


@dataclass(frozen=True)
class _Scale:
    """A scale on which a figure is nearly normal, and back.

    Attributes:
        name: `probit` or `log`.
        trials: Of rates; see `_probit`.
    """

    name: str
    trials: int

    def of(self, values: Floats) -> Floats:
        if self.name == "probit":
            return _probit(values, self.trials)
        logs: Floats = np.log(np.maximum(values, _LEAST))
        return logs

    def back(self, places: Floats) -> list[float]:
        if self.name == "probit":
            shares: list[float] = stats.norm.cdf(places).tolist()
            return shares
        top = np.log(np.finfo(np.float64).max)  # with two speakers, anything may be above
        numbers: list[float] = np.exp(np.minimum(places, top)).tolist()
        return numbers


def _skewed_t(
    value: float,
    draws: Floats,
    without: Floats | None,
    scale: _Scale,
    samples: Sequence[Sample],
    quantile: float,
) -> list[float]:
    """Returns the ends of the t interval, with and without the correction of the bias."""
    moved, centre = scale.of(draws), float(scale.of(np.array([value]))[0])
    error, skewness = float(moved.std()) * _inflation(samples), 0.0
    if without is not None and (known := without[np.isfinite(without)]).size > 2:
        apart = scale.of(known)
        apart = apart.mean() - apart
        squares, count = float(np.sum(apart**2)), apart.size
        error = max(error, float(np.sqrt((count - 1) / count * squares)))
        speakers = min(sample.speakers for sample in samples)
        if squares > 0 and speakers > 2:
            # The skewness of a sample is too low; the usual correction.
            skewness = float(np.sum(apart**3)) / squares**1.5
            skewness *= float(np.sqrt(speakers * (speakers - 1))) / (speakers - 2)
    # An expansion for small skewness: with two or three speakers, it is none.
    longer = float(np.clip(skewness * (2 * quantile**2 + 1) / 6, -quantile, quantile))
    below, above = (quantile + max(0.0, tail) for tail in (-longer, longer))
    unbiased = 2 * centre - float(moved.mean())
    places = [at + end for at in (centre, unbiased) for end in (-below * error, above * error)]
    return scale.back(np.array(places))


def of_trials(hits: int, trials: int, *, level: float = LEVEL) -> Interval:
    """Returns the Clopper-Pearson interval of a share of independent trials, such as of a speaker.

    Args:
        hits: Trials that are counted, at most `trials`.
        trials: All of them, at least 1.
        level: Share of intervals that shall hold the true value.
    """
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high


def power(draws: Floats, samples: Sequence[Sample]) -> Power | None:
    """Returns which differences can be seen, from the paired resamples of one; None without any.

    Args:
        draws: [R] the difference in the resamples.
        samples: Of the classes whose trials it depends on.
    """
    if interval(0.0, draws, "difference", samples, most=np.inf) is None:
        return None
    error = float(draws[~np.isnan(draws)].std()) * _inflation(samples)
    return Power(error, _freedom(samples))


def p_value(value: float, draws: Floats, samples: Sequence[Sample]) -> float | None:
    """Returns the two-sided p-value of a paired difference of 0; it agrees with its interval.

    Of the t statistic value / (sd(d) sqrt(S / (S - 1))), at least 2 / (R + 1): R resamples cannot
    show less. None where there is no interval.
    """
    known = draws[~np.isnan(draws)]
    if interval(value, draws, "difference", samples, most=np.inf) is None:
        return None
    if value == 0:
        return 1.0
    error = float(known.std()) * _inflation(samples)
    chance = 2 * float(stats.t.sf(abs(value) / error, _freedom(samples))) if error > 0 else 0.0
    return max(chance, 2 / (known.size + 1))


def _inflation(samples: Sequence[Sample]) -> float:
    """Resampled variances are those of S speakers around their mean: too low by (S - 1) / S."""
    speakers = min(sample.speakers for sample in samples)
    return float(np.sqrt(speakers / (speakers - 1)))


def _freedom(samples: Sequence[Sample]) -> float:
    return max(1.0, min(sample.effective_speakers for sample in samples) - 1)


def _quantile(samples: Sequence[Sample], level: float) -> float:
    return float(stats.t.ppf((1 + level) / 2, _freedom(samples)))


def _probit(rates: Floats, trials: int) -> Floats:
    """Returns rates on the probit scale, moved from 0 and 1 by half a trial."""
    moved: Floats = stats.norm.ppf((np.clip(rates, 0.0, 1.0) * trials + 0.5) / (trials + 1))
    return moved


def _binomial(
    rate: float, draws: Floats, samples: Sequence[Sample], quantile: float, level: float
) -> list[float]:
    """Returns the Clopper-Pearson interval of an effective number of trials."""
    rate = min(1.0, max(0.0, rate))
    variance = float(draws.var()) * _inflation(samples) ** 2
    if variance > 0 and 0 < rate < 1:
        effective = min(rate * (1 - rate) / variance, sum(sample.trials for sample in samples))
    else:
        effective = min(sample.independent_trials for sample in samples)
    # Fewer trials by as much as t is wider than the normal quantile: the variance is an estimate.
    effective *= (float(stats.norm.ppf((1 + level) / 2)) / quantile) ** 2
    hits, tail = rate * effective, (1 - level) / 2
    misses = effective - hits
    # The quantile of a beta distribution overflows for parameters next to 0.
    low = float(stats.beta.ppf(tail, hits, misses + 1)) if hits > _TINY else 0.0
    high = float(stats.beta.ppf(1 - tail, hits + 1, misses)) if misses > _TINY else 1.0
    return [low, high]
