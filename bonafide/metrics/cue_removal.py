"""How much of a detector is shortcut? Its EER with a cue taken out of every recording."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bonafide.metrics import detection, resampling
from bonafide.metrics.detection import ErrorRates, Floats
from bonafide.metrics.evaluation import Figure
from bonafide.trials.trials import Trials, refuse_unusable

AS_RECORDED = "as_recorded"


@dataclasses.dataclass(frozen=True)
class CueResult:
    """How the detector does on recordings that were all treated alike.

    Attributes:
        eer: Equal error rate, with its interval by speakers.
        difference: Of the EER from that of the same recordings as they are, with its paired
            interval; None of these themselves. Above 0: the detector used what was taken out.
        rates: FAR and FRR at the threshold that was frozen on dev; None where there is none.
    """

    eer: Figure
    difference: Figure | None
    rates: ErrorRates | None


@dataclasses.dataclass(frozen=True)
class CueRemoval:
    """Results by treatment.

    Attributes:
        n_bonafide: Bona fide trials that were treated.
        n_spoof: Spoofed ones.
        results: By treatment; `as_recorded` comes first, the same trials without any.
    """

    n_bonafide: int
    n_spoof: int
    results: Mapping[str, CueResult]


def compare(
    trials: Trials,
    treated: Mapping[str, Floats],
    *,
    threshold: float | None,
    resamples: int,
    seed: int,
) -> CueRemoval:
    """Compares the scores of treated recordings with those of the same recordings as they are.

    Args:
        trials: N trials, with their scores as recorded.
        treated: By treatment, the score of each trial [N].
        threshold: The frozen one; None where there is none.
        resamples: Draws of the bootstrap by speakers; every treatment has the same draws.
        seed: Of the draws.

    Raises:
        TrialsError: Treated scores are decisions, or beyond 1e100.
        ValueError: They are not finite, or of another number.
    """
    try:
        bootstrap = resampling.ClusterBootstrap.of(trials, resamples=resamples, seed=seed)
    except resampling.NoIntervalError:
        bootstrap = None
    results: dict[str, CueResult] = {}
    before: float | None = None
    draws_before: Floats | None = None
    for name, values in {AS_RECORDED: trials.scores, **treated}.items():
        scores, labels = detection.checked(values, trials.is_bonafide)
        refuse_unusable(scores)
        eer = detection.equal_error_rate(scores, labels).eer
        draws = bootstrap.eer(scores) if bootstrap else None
        difference = None
        if before is None:
            before, draws_before = eer, draws
        else:
            paired = None
            if draws is not None and draws_before is not None:
                paired = resampling.interval(draws - draws_before)
            difference = Figure(eer - before, paired)
        results[name] = CueResult(
            eer=Figure(eer, None if draws is None else resampling.interval(draws)),
            difference=difference,
            rates=None
            if threshold is None
            else detection.error_rates_at(scores, labels, threshold),
        )
    return CueRemoval(trials.n_bonafide, trials.n_spoof, results)


def to_json(removal: CueRemoval) -> dict[str, Any]:
    """Returns the results ready for JSON."""
    return dataclasses.asdict(removal)


def from_json(data: Mapping[str, Any]) -> CueRemoval:
    """Reads back what `to_json` wrote.

    Raises:
        KeyError: It was not written by `to_json`.
    """
    return CueRemoval(
        n_bonafide=data["n_bonafide"],
        n_spoof=data["n_spoof"],
        results={
            name: CueResult(
                eer=_figure(result["eer"]),
                difference=result["difference"] and _figure(result["difference"]),
                rates=result["rates"] and ErrorRates(**result["rates"]),
            )
            for name, result in data["results"].items()
        },
    )


def _figure(data: Mapping[str, Any]) -> Figure:
    return Figure(data["value"], data["ci95"] and (data["ci95"][0], data["ci95"][1]))
