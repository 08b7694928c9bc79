"""Evaluation of treated recordings, compared with the same recordings without treatment.

A treatment removes a shortcut (is the detector worse without it?) or applies a condition of
recordings in use (a codec, a band limit, noise). Differences are paired: both sides use the same
resamples of speakers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bonafide.metrics import detection, intervals, resampling
from bonafide.metrics.detection import ErrorRates, Floats
from bonafide.metrics.intervals import Sample
from bonafide.metrics.results import Figure
from bonafide.trials.trials import Trials, refuse_unusable

AS_RECORDED = "as_recorded"


@dataclasses.dataclass(frozen=True)
class TreatedResult:
    """Result for recordings with one treatment.

    Attributes:
        eer: Equal error rate, with its interval by speakers.
        difference: Difference of the EER from that of the untreated recordings, with its paired
            interval; None for the untreated recordings.
        rates: FAR and FRR at the threshold fixed on dev; None without a threshold.
        far: The FAR with its interval by speakers; None without a threshold.
        frr: The FRR likewise.
        far_difference: Difference of the FAR from that of the untreated recordings, with its paired
            interval; None for the untreated recordings, and without a threshold.
        frr_difference: The difference of the FRR likewise.
    """

    eer: Figure
    difference: Figure | None
    rates: ErrorRates | None
    far: Figure | None = None
    frr: Figure | None = None
    far_difference: Figure | None = None
    frr_difference: Figure | None = None


@dataclasses.dataclass(frozen=True)
class TreatedTrials:
    """Results by treatment.

    Attributes:
        n_bonafide: Number of bona fide trials.
        n_spoof: Number of spoofed trials.
        results: Results by treatment; the first is `as_recorded`, without treatment.
    """

    n_bonafide: int
    n_spoof: int
    results: Mapping[str, TreatedResult]

    def worst(self, name: str) -> tuple[str, float | None]:
        """Returns the treatment with the highest FAR or FRR, and the upper end of its interval.

        Args:
            name: `far` or `frr`.

        Returns:
            The treatment with the highest upper end, and that end; None if one has no interval or
            no rate. `as_recorded` is ignored.
        """
        highest, most = "", -1.0
        for treatment, result in self.results.items():
            if treatment == AS_RECORDED:
                continue
            figure: Figure | None = getattr(result, name)
            if figure is None or figure.ci95 is None:
                return treatment, None
            if figure.ci95[1] > most:
                highest, most = treatment, figure.ci95[1]
        return highest, most if highest else None


@dataclasses.dataclass(frozen=True)
class _Measured:
    """A rate of the trials, its values in the resamples [R], and the classes that it is of.

    Without a bootstrap there are no resamples and no classes. `without` [S] leaves a speaker out;
    differences have none.
    """

    value: float
    draws: Floats | None
    samples: tuple[Sample, ...] = ()
    without: Floats | None = None

    def figure(self, scale: str = "rate") -> Figure:
        if self.draws is None:
            return Figure(self.value, None)
        ends = intervals.interval(self.value, self.draws, scale, self.samples, without=self.without)
        return Figure(self.value, ends)

    def minus(self, other: _Measured) -> Figure:
        draws = None
        if self.draws is not None and other.draws is not None:
            draws = self.draws - other.draws
        return _Measured(self.value - other.value, draws, self.samples).figure("difference")


def compare(
    trials: Trials,
    treated: Mapping[str, Floats],
    *,
    threshold: float | None,
    resamples: int,
    seed: int,
) -> TreatedTrials:
    """Compares the scores of treated recordings with those without treatment.

    Args:
        trials: N trials, with their scores as recorded.
        treated: By treatment, the scores [N].
        threshold: The fixed threshold; None without one.
        resamples: Number of bootstrap resamples, the same for every treatment. 0: no
            intervals.
        seed: Seed of the bootstrap.

    Raises:
        TrialsError: Treated scores are decisions, or beyond 1e100.
        ValueError: Treated scores are not finite, or of another number.
    """
    bootstrap = None
    if resamples:
        try:
            bootstrap = resampling.ClusterBootstrap.of(trials, resamples=resamples, seed=seed)
        except resampling.NoIntervalError:
            bootstrap = None
    results: dict[str, TreatedResult] = {}
    plain: dict[str, _Measured] = {}
    for name, values in {AS_RECORDED: trials.scores, **treated}.items():
        scores, _ = detection.checked(values, trials.is_bonafide)
        refuse_unusable(scores)
        found = _measure(scores, trials, threshold, bootstrap)
        results[name] = _result(found, plain)
        plain = plain or found
    return TreatedTrials(trials.n_bonafide, trials.n_spoof, results)


def _measure(
    scores: Floats,
    trials: Trials,
    threshold: float | None,
    bootstrap: resampling.ClusterBootstrap | None,
) -> dict[str, _Measured]:
    """Returns the EER of scores [N] and, with a threshold, FAR and FRR."""
    labels = trials.is_bonafide
    eer = detection.equal_error_rate(scores, labels).eer
    if bootstrap is None:
        found = {"eer": _Measured(eer, None)}
        if threshold is not None:
            rates = detection.error_rates_at(scores, labels, threshold)
            found |= {"far": _Measured(rates.far, None), "frr": _Measured(rates.frr, None)}
        return found
    samples = bootstrap.samples(scores)
    of_eer, without_one = bootstrap.eer_and_leave_out(scores)
    found = {"eer": _Measured(eer, of_eer, samples, without_one)}
    if threshold is not None:
        rates = detection.error_rates_at(scores, labels, threshold)
        draws, without = bootstrap.error_rates_and_leave_out(scores, threshold)
        found["far"] = _Measured(rates.far, draws[0], samples[1:], without[0])
        found["frr"] = _Measured(rates.frr, draws[1], samples[:1], without[1])
    return found


def _result(found: Mapping[str, _Measured], plain: Mapping[str, _Measured]) -> TreatedResult:
    figures = {name: measured.figure() for name, measured in found.items()}
    differences = {name: found[name].minus(before) for name, before in plain.items()}
    rates = ErrorRates(found["far"].value, found["frr"].value) if "far" in found else None
    return TreatedResult(
        eer=figures["eer"],
        difference=differences.get("eer"),
        rates=rates,
        far=figures.get("far"),
        frr=figures.get("frr"),
        far_difference=differences.get("far"),
        frr_difference=differences.get("frr"),
    )


def to_json(treated: TreatedTrials) -> dict[str, Any]:
    """Returns the results ready for JSON."""
    return dataclasses.asdict(treated)


def from_json(data: Mapping[str, Any]) -> TreatedTrials:
    """Reads the result of `to_json`.

    Raises:
        KeyError: It was not written by `to_json`.
    """
    return TreatedTrials(
        n_bonafide=data["n_bonafide"],
        n_spoof=data["n_spoof"],
        results={
            name: TreatedResult(
                eer=_known(result["eer"]),
                rates=result["rates"] and ErrorRates(**result["rates"]),
                # Older versions wrote no intervals of FAR and FRR.
                **{key: _figure(result.get(key)) for key in _OPTIONAL},
            )
            for name, result in data["results"].items()
        },
    )


_OPTIONAL = ("difference", "far", "frr", "far_difference", "frr_difference")


def _figure(data: Mapping[str, Any] | None) -> Figure | None:
    return None if data is None else _known(data)


def _known(data: Mapping[str, Any]) -> Figure:
    return Figure(data["value"], data["ci95"] and (data["ci95"][0], data["ci95"][1]))
