"""An evaluation as one flat dictionary, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bonafide.metrics.costs import DetectionCosts
from bonafide.metrics.detection import ErrorRates
from bonafide.metrics.intervals import Interval
from bonafide.metrics.power import Power
from bonafide.metrics.results import (
    FIGURES,
    AttackResult,
    Bootstrap,
    Comparison,
    Evaluation,
    Figure,
    OperatingPoint,
    Reference,
)

# Names of thresholds in evaluations of version 0.1.
_OLD_POINTS = {"far_1pct": "far1", "far_0_1pct": "far0.1", "frr_1pct": "frr1"}


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Returns the figures as a flat dictionary ready for JSON. Rates are fractions.

    Each figure is stored by its name, its interval by speakers as `NAME_ci95` (null without one),
    and that by speakers and attacks as `NAME_unseen_ci95`, where there is one. Figures without
    their input (t-DCF) are null.
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
                "far_unseen_ci95": _list(point.far_unseen_ci95),
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
        "costs": dataclasses.asdict(evaluation.costs),
    }
    if evaluation.comparison is not None:
        comparison = evaluation.comparison
        result |= {f"delta_{k}": v for k, v in _flat(comparison.differences).items()}
        result["p_value"] = comparison.p_value
        result["power"] = _power_json(comparison.power)
        result["baseline"] = {
            **_flat(comparison.figures),
            "per_attack": _attacks_json(comparison.per_attack),
        }
    if evaluation.reference is not None:
        reference = evaluation.reference
        result["reference"] = {
            "name": reference.name,
            "eer": reference.eer.value,
            "eer_ci95": _list(reference.eer.ci95),
            "delta_eer": reference.difference.value,
            "delta_eer_ci95": _list(reference.difference.ci95),
            "power": _power_json(reference.power),
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
            power=_power_from_json(data.get("power")),
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
                name=_OLD_POINTS.get(point["name"], point["name"]),
                chosen_on=point["chosen_on"],
                threshold=point["threshold"],
                rates=ErrorRates(far=point["far"], frr=point["frr"]),
                far_ci95=_pair(point["far_ci95"]),
                frr_ci95=_pair(point["frr_ci95"]),
                far_unseen_ci95=_pair(point.get("far_unseen_ci95")),
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
        costs=DetectionCosts(**data.get("costs", {})),
        reference=_reference_from_json(data.get("reference")),
    )


def _power_json(power: Power | None) -> dict[str, float] | None:
    if power is None:
        return None
    return {
        "standard_error": power.standard_error,
        "freedom": power.freedom,
        "detectable_difference": power.detectable,
    }


def _power_from_json(data: Mapping[str, float] | None) -> Power | None:
    return None if data is None else Power(data["standard_error"], data["freedom"])


def _reference_from_json(data: Mapping[str, Any] | None) -> Reference | None:
    if data is None:
        return None
    return Reference(
        eer=Figure(data["eer"], _pair(data["eer_ci95"])),
        difference=Figure(data["delta_eer"], _pair(data["delta_eer_ci95"])),
        power=_power_from_json(data["power"]),
        name=data["name"],
    )


def _flat(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Returns every figure and its interval; null if missing."""
    result: dict[str, Any] = {}
    for name in FIGURES:
        figure = figures.get(name)
        result[name] = None if figure is None else figure.value
        result[f"{name}_ci95"] = None if figure is None else _list(figure.ci95)
        if figure is not None and figure.unseen_ci95 is not None:
            result[f"{name}_unseen_ci95"] = _list(figure.unseen_ci95)
    return result


def _unflat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Figure]:
    return {
        name: Figure(
            data[prefix + name],
            _pair(data[f"{prefix}{name}_ci95"]),
            _pair(data.get(f"{prefix}{name}_unseen_ci95")),
        )
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
