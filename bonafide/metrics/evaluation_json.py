"""An evaluation as one flat dictionary, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bonafide.metrics.detection import ErrorRates
from bonafide.metrics.intervals import Interval
from bonafide.metrics.results import (
    FIGURES,
    AttackResult,
    Bootstrap,
    Comparison,
    Evaluation,
    Figure,
    OperatingPoint,
)


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Returns the figures as a flat dictionary ready for JSON. Rates are fractions.

    Each figure is stored by its name, and its interval as `NAME_ci95` (null without one). Figures
    without their input (t-DCF) are null.
    """
    result: dict[str, Any] = {
        "n_bonafide": evaluation.n_bonafide,
        "n_spoof": evaluation.n_spoof,
        "n_speakers": evaluation.n_speakers,
        "n_bonafide_speakers": evaluation.n_bonafide_speakers,
        "n_spoof_speakers": evaluation.n_spoof_speakers,
        "eer_threshold": evaluation.eer_threshold,
        **_flat(evaluation.figures),
        "worst_attack": evaluation.worst_attack,
        "per_attack": _attacks_json(evaluation.per_attack),
        "operating_points": [
            {
                "name": point.name,
                "chosen_on": point.chosen_on,
                "threshold": point.threshold,
                "far": point.rates.far,
                "far_ci95": _list(point.far_ci95),
                "frr": point.rates.frr,
                "frr_ci95": _list(point.frr_ci95),
                "hter": point.rates.hter,
            }
            for point in evaluation.operating_points
        ],
        "bootstrap": {
            "unit": evaluation.bootstrap.unit,
            "clusters": evaluation.bootstrap.clusters,
            "resamples": evaluation.bootstrap.resamples,
            "seed": evaluation.bootstrap.seed,
            "missing": evaluation.bootstrap.missing,
        },
        "score_quantiles": {
            name: list(values) for name, values in evaluation.score_quantiles.items()
        },
        "warnings": list(evaluation.warnings),
    }
    if evaluation.comparison is not None:
        comparison = evaluation.comparison
        result |= {f"delta_{k}": v for k, v in _flat(comparison.differences).items()}
        result["p_value"] = comparison.p_value
        result["baseline"] = {
            **_flat(comparison.figures),
            "per_attack": _attacks_json(comparison.per_attack),
        }
    return result


def from_json(data: Mapping[str, Any]) -> Evaluation:
    """Reads the result of `to_json`.

    Raises:
        KeyError: It was not written by `to_json`.
    """
    how = data["bootstrap"]
    comparison = None
    if "baseline" in data:
        theirs = data["baseline"]
        comparison = Comparison(
            figures=_unflat(theirs),
            differences=_unflat(data, prefix="delta_"),
            p_value=data["p_value"],
            per_attack=_attacks_from_json(theirs["per_attack"]),
        )
    return Evaluation(
        n_bonafide=data["n_bonafide"],
        n_spoof=data["n_spoof"],
        n_speakers=data["n_speakers"],
        figures=_unflat(data),
        eer_threshold=data["eer_threshold"],
        per_attack=_attacks_from_json(data["per_attack"]),
        worst_attack=data["worst_attack"],
        operating_points=tuple(
            OperatingPoint(
                name=point["name"],
                chosen_on=point["chosen_on"],
                threshold=point["threshold"],
                rates=ErrorRates(far=point["far"], frr=point["frr"]),
                far_ci95=_pair(point["far_ci95"]),
                frr_ci95=_pair(point["frr_ci95"]),
            )
            for point in data["operating_points"]
        ),
        bootstrap=Bootstrap(**how),
        score_quantiles={
            name: tuple(values) for name, values in data.get("score_quantiles", {}).items()
        },
        comparison=comparison,
        warnings=tuple(data["warnings"]),
        n_bonafide_speakers=data.get("n_bonafide_speakers"),
        n_spoof_speakers=data.get("n_spoof_speakers"),
    )


def _flat(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Returns every figure and its interval; null if missing."""
    result: dict[str, Any] = {}
    for name in FIGURES:
        figure = figures.get(name)
        result[name] = None if figure is None else figure.value
        result[f"{name}_ci95"] = None if figure is None else _list(figure.ci95)
    return result


def _unflat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Figure]:
    return {
        name: Figure(data[prefix + name], _pair(data[f"{prefix}{name}_ci95"]))
        for name in FIGURES
        if data[prefix + name] is not None
    }


def _attacks_json(attacks: Mapping[str, AttackResult]) -> dict[str, Any]:
    return {
        name: {"eer": attack.eer, "eer_ci95": _list(attack.ci95), "n_spoof": attack.n_spoof}
        for name, attack in attacks.items()
    }


def _attacks_from_json(data: Mapping[str, Any]) -> dict[str, AttackResult]:
    return {
        name: AttackResult(attack["eer"], _pair(attack["eer_ci95"]), attack["n_spoof"])
        for name, attack in data.items()
    }


def _list(ci95: Interval | None) -> list[float] | None:
    return None if ci95 is None else list(ci95)


def _pair(ci95: list[float] | None) -> Interval | None:
    return None if ci95 is None else (ci95[0], ci95[1])
