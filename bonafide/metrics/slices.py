"""Evaluation of slices of the trials: a corpus, a codec, a language, a duration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bonafide.metrics import detection, intervals, resampling
from bonafide.metrics.detection import ErrorRates
from bonafide.trials.trials import Trials

# Of a condition with more values (such as a text for every clip), only the most frequent are shown.
MOST_VALUES = 30
# With fewer trials, an equal error rate has steps of several per cent.
LEAST_TRIALS = 20
UNKNOWN = ""


@dataclass(frozen=True)
class SliceResult:
    """Result for the trials with one value of a condition.

    Attributes:
        n_bonafide: Number of bona fide trials.
        n_spoof: Number of spoofed trials.
        eer: Equal error rate within the slice; None with fewer than `LEAST_TRIALS` of a class.
        ci95: Its 95 % interval by speakers; None with too few speakers.
        rates: FAR and FRR at the threshold fixed on dev; NaN for a class without trials.
    """

    n_bonafide: int
    n_spoof: int
    eer: float | None
    ci95: tuple[float, float] | None
    rates: ErrorRates | None


Slices = Mapping[str, Mapping[str, SliceResult]]


def slice_trials(
    trials: Trials,
    conditions: Mapping[str, npt.NDArray[np.str_]],
    *,
    threshold: float | None,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, SliceResult]]:
    """Evaluates every value of every condition.

    The EER of a slice has a threshold of its own and shows how separable the classes are; the rates
    at the fixed threshold are those of a deployed detector.

    Args:
        trials: N trials.
        conditions: By name, the value of each trial [N]; empty if unknown.
        threshold: The fixed threshold; None without one.
        resamples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.

    Returns:
        Condition -> value -> result, largest slice first. Conditions with a single value, which
        would repeat the total, are omitted.
    """
    found = {}
    for name, values in conditions.items():
        known, counts = np.unique(values[values != UNKNOWN], return_counts=True)
        if known.size < 2:
            continue
        largest = known[np.argsort(-counts, kind="stable")][:MOST_VALUES]
        found[name] = {
            str(value): _evaluate(
                trials.part(values == value), threshold, resamples=resamples, seed=seed
            )
            for value in largest
        }
    return found


def _evaluate(part: Trials, threshold: float | None, *, resamples: int, seed: int) -> SliceResult:
    eer = interval = None
    if min(part.n_bonafide, part.n_spoof) >= LEAST_TRIALS:
        eer = detection.eer_of(detection.error_curve(part.scores, part.is_bonafide)).eer
        if resamples:
            try:
                bootstrap = resampling.ClusterBootstrap.of(part, resamples=resamples, seed=seed)
                interval = intervals.interval(
                    eer, bootstrap.eer(part.scores), "rate", bootstrap.samples(part.scores)
                )
            except resampling.NoIntervalError:
                interval = None
    rates = None if threshold is None else _rates(part, threshold)
    return SliceResult(part.n_bonafide, part.n_spoof, eer, interval, rates)


def _rates(part: Trials, threshold: float) -> ErrorRates:
    """Returns FAR and FRR of trials, possibly of one class; scores above are accepted."""
    accepted = part.scores > threshold
    far = accepted[~part.is_bonafide].mean() if part.n_spoof else np.nan
    frr = (~accepted[part.is_bonafide]).mean() if part.n_bonafide else np.nan
    return ErrorRates(far=float(far), frr=float(frr))
