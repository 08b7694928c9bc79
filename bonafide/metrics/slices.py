"""Evaluation of slices of the trials: a corpus, a codec, a language, a duration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bonafide.metrics import detection, intervals, resampling
from bonafide.metrics.detection import ErrorRates
from bonafide.metrics.intervals import Interval, Sample
from bonafide.trials.trials import Trials

# Of a condition with more values (such as a text for every clip), only the most frequent are shown.
MOST_VALUES = 30
# With fewer trials, an equal error rate has steps of several per cent.
LEAST_TRIALS = 20
MOST_CROSSED = 12  # values of a condition beside attacks
UNKNOWN = ""
# Of each slice: there may be dozens.
RESAMPLES = 200


@dataclass(frozen=True)
class SliceResult:
    """Result for the trials with one value of a condition.

    Attributes:
        n_bonafide: Number of bona fide trials.
        n_spoof: Number of spoofed trials.
        eer: Equal error rate within the slice; None with fewer than `LEAST_TRIALS` of a class.
        ci95: Its 95 % interval by speakers; None with too few speakers.
        rates: FAR and FRR at the fixed threshold; NaN for a class without trials.
        far_ci95: 95 % interval of the FAR by speakers; None with too few speakers.
        frr_ci95: The same of the FRR.
    """

    n_bonafide: int
    n_spoof: int
    eer: float | None
    ci95: Interval | None
    rates: ErrorRates | None
    far_ci95: Interval | None = None
    frr_ci95: Interval | None = None


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
                draws, without = bootstrap.eer_and_leave_out(part.scores)
                samples = bootstrap.samples(part.scores)
                interval = intervals.interval(eer, draws, "rate", samples, without=without)
            except resampling.NoIntervalError:
                interval = None
    if threshold is None:
        return SliceResult(part.n_bonafide, part.n_spoof, eer, interval, None)
    accepted = part.scores > threshold
    bona = part.is_bonafide
    return SliceResult(
        part.n_bonafide,
        part.n_spoof,
        eer,
        interval,
        _rates(part, threshold),
        far_ci95=_rate_interval(part.part(~bona), accepted[~bona], resamples, seed),
        frr_ci95=_rate_interval(part.part(bona), ~accepted[bona], resamples, seed),
    )


def _rate_interval(
    part: Trials, wrong: npt.NDArray[np.bool_], resamples: int, seed: int
) -> Interval | None:
    """Returns the interval of an error rate of one class; `wrong` [n] says which trials count."""
    if not (resamples and wrong.size):
        return None
    names = part.utterances if part.speakers is None else part.speakers
    speaker = np.unique(names, return_inverse=True)[1].astype(np.int64)
    sample = Sample.of(part.scores, speaker)
    if sample.speakers < 2:
        return None
    draws = resampling.share_draws(wrong, speaker, resamples=resamples, seed=seed)
    without = resampling.left_out_shares(wrong, speaker)
    return intervals.interval(float(wrong.mean()), draws, "rate", [sample], without=without)


@dataclass(frozen=True)
class CrossResult:
    """One attack within one value of a condition.

    Attributes:
        n_spoof: Number of the attack's spoofs there.
        eer: Their EER against the bona fide trials of that value; None with fewer than
            `LEAST_TRIALS` of one of them.
    """

    n_spoof: int
    eer: float | None


Crossed = Mapping[str, Mapping[str, Mapping[str, CrossResult]]]


def cross_attacks(trials: Trials, conditions: Mapping[str, npt.NDArray[np.str_]]) -> Crossed:
    """Evaluates every attack within every value of every condition.

    As the evaluation package of ASVspoof 2021 (factors `attack`, of spoofs only, and `codec`, of
    both classes): the spoofs of an attack in a codec against all bona fide trials in that codec.

    Args:
        trials: N trials.
        conditions: By name, the value of each trial [N]; empty if unknown.

    Returns:
        Condition -> attack -> value -> result, values with the most trials first. Conditions with a
        single value, and trials of a single attack, are omitted.
    """
    attacks = trials.attack_ids
    found: dict[str, dict[str, dict[str, CrossResult]]] = {}
    for name, values in conditions.items():
        known, counts = np.unique(values[values != UNKNOWN], return_counts=True)
        if known.size < 2 or len(attacks) < 2:
            continue
        largest = known[np.argsort(-counts, kind="stable")][:MOST_CROSSED].tolist()
        table: dict[str, dict[str, CrossResult]] = {attack: {} for attack in attacks}
        for value in largest:
            here = values == value
            bonafide = trials.scores[here & trials.is_bonafide]
            for attack in attacks:
                spoofs = trials.scores[here & ~trials.is_bonafide & (trials.attacks == attack)]
                enough = min(bonafide.size, spoofs.size) >= LEAST_TRIALS
                eer = detection.eer_of(detection.curve_of(bonafide, spoofs)).eer if enough else None
                table[attack][value] = CrossResult(spoofs.size, eer)
        found[name] = table
    return found


def to_json(slices: Slices) -> dict[str, Any]:
    """Returns the results ready for JSON; rates of a class without trials are null."""
    return {
        name: {value: _slice_json(found) for value, found in values.items()}
        for name, values in slices.items()
    }


def _slice_json(found: SliceResult) -> dict[str, Any]:
    rates = found.rates

    def known(rate: float) -> float | None:
        return None if np.isnan(rate) else rate

    return {
        "n_bonafide": found.n_bonafide,
        "n_spoof": found.n_spoof,
        "eer": found.eer,
        "eer_ci95": found.ci95,
        "far": rates and known(rates.far),
        "far_ci95": found.far_ci95,
        "frr": rates and known(rates.frr),
        "frr_ci95": found.frr_ci95,
    }


def crossed_to_json(crossed: Crossed) -> dict[str, Any]:
    """Returns condition -> attack -> value -> `eer` and `n_spoof`."""
    return {
        name: {
            attack: {value: {"eer": one.eer, "n_spoof": one.n_spoof} for value, one in row.items()}
            for attack, row in table.items()
        }
        for name, table in crossed.items()
    }


def _rates(part: Trials, threshold: float) -> ErrorRates:
    """Returns FAR and FRR of trials, possibly of one class; scores above are accepted."""
    accepted = part.scores > threshold
    far = accepted[~part.is_bonafide].mean() if part.n_spoof else np.nan
    frr = (~accepted[part.is_bonafide]).mean() if part.n_bonafide else np.nan
    return ErrorRates(far=float(far), frr=float(frr))
