"""Complete evaluation of a detector: figures with intervals, attacks and thresholds.

The pipeline and `bonafide evaluate` both call `evaluate`; reports are made from `Evaluation`;
`to_json` returns its figures as one flat dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bonafide.metrics import calibration, costs, detection, intervals, resampling
from bonafide.metrics.costs import AsvErrorRates, DetectionCosts, TandemWeights
from bonafide.metrics.detection import ErrorRates, Floats
from bonafide.metrics.intervals import Interval, Sample
from bonafide.text import percent
from bonafide.trials.trials import Trials, refuse_unusable

FAR_LIMITS = {"frr_at_far_1pct": 0.01, "frr_at_far_0_1pct": 0.001}
FRR_LIMITS = {"far_at_frr_1pct": 0.01, "far_at_frr_0_1pct": 0.001}
# Levels of the stored score quantiles: they give error rates at any threshold within 0.25 %.
QUANTILE_LEVELS = np.linspace(0.0, 1.0, 201)
RESAMPLES = 1000
SEED = 1


@dataclass(frozen=True)
class Figure:
    """A figure and its uncertainty.

    Attributes:
        value: The figure on the original trials; never NaN.
        ci95: 95 % interval by speakers; None with too few speakers.
    """

    value: float
    ci95: Interval | None


@dataclass(frozen=True)
class AttackResult:
    """EER of one attack's spoofs against all bona fide trials.

    Attributes:
        eer: Fraction.
        ci95: 95 % interval by speakers; None if the attack has too few.
        n_spoof: Number of trials of the attack.
    """

    eer: float
    ci95: Interval | None
    n_spoof: int


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and its error rates on the evaluated trials.

    Attributes:
        name: `eer`, `far_1pct`, `far_0_1pct`, `frr_1pct` (the rate that is reached on the trials
            it was chosen on) or `bayes` (from the costs only).
        chosen_on: `dev`, `eval` (the rates are then optimistic) or `costs`.
        threshold: A trial is accepted if its score is above it (`bayes`: at or above).
        rates: FAR and FRR on the evaluated trials.
        far_ci95: Interval of the FAR by speakers.
        frr_ci95: Interval of the FRR by speakers.
    """

    name: str
    chosen_on: str
    threshold: float
    rates: ErrorRates
    far_ci95: Interval | None
    frr_ci95: Interval | None


@dataclass(frozen=True)
class Comparison:
    """Comparison with another system on the same trials. Differences are ours minus the other's.

    Attributes:
        figures: The other system's figures.
        differences: Differences of the figures by name; intervals are paired.
        p_value: Two-sided p-value of no difference in EER; None without an interval.
        per_attack: The other system's EER of each attack.
    """

    figures: Mapping[str, Figure]
    differences: Mapping[str, Figure]
    p_value: float | None
    per_attack: Mapping[str, AttackResult]


@dataclass(frozen=True)
class Bootstrap:
    """Method of the intervals.

    Attributes:
        unit: Resampled unit: `speaker`, or `utterance` if speakers are unknown.
        clusters: Number of units.
        resamples: Number of resamples; 0 without intervals.
        seed: Seed of the resampling.
        missing: Reason for missing intervals; empty if there are intervals.
    """

    unit: str
    clusters: int
    resamples: int
    seed: int
    missing: str = ""


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation. Rates are fractions, Cllr is in bits.

    Attributes:
        n_bonafide: Number of bona fide trials.
        n_spoof: Number of spoofed trials.
        n_speakers: Number of speakers; None if unknown.
        figures: By name: `eer`, `auc`, `min_tdcf_legacy` and `min_tdcf_revised` (if ASV error
            rates are known), `min_dcf`, `act_dcf`, `cllr`, `min_cllr`, `frr_at_far_1pct`,
            `frr_at_far_0_1pct`, `far_at_frr_1pct`, `far_at_frr_0_1pct`, `worst_attack_eer`,
            `macro_eer`.
        eer_threshold: Threshold of the EER on these trials.
        per_attack: Results by attack id, sorted.
        worst_attack: Id of the attack with the highest EER.
        operating_points: Thresholds and their error rates.
        bootstrap: Method of the intervals.
        score_quantiles: Quantiles of the scores of `bonafide` and `spoof` at QUANTILE_LEVELS;
            empty in evaluations of older versions.
        comparison: Comparison with another system; None without one.
        warnings: Caveats for the reader, one sentence each.
        n_bonafide_speakers: Number of speakers with bona fide trials; None if speakers are unknown,
            and in evaluations of older versions.
        n_spoof_speakers: Number of speakers with spoofed trials, likewise.
    """

    n_bonafide: int
    n_spoof: int
    n_speakers: int | None
    figures: Mapping[str, Figure]
    eer_threshold: float
    per_attack: Mapping[str, AttackResult]
    worst_attack: str
    operating_points: tuple[OperatingPoint, ...]
    bootstrap: Bootstrap
    score_quantiles: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    comparison: Comparison | None = None
    warnings: tuple[str, ...] = field(default=())
    n_bonafide_speakers: int | None = None
    n_spoof_speakers: int | None = None


def evaluate(
    trials: Trials,
    *,
    asv: AsvErrorRates | None = None,
    dev: Trials | None = None,
    baseline_scores: Floats | None = None,
    detection_costs: DetectionCosts | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Evaluation:
    """Computes every figure.

    Args:
        trials: Trials to evaluate.
        asv: Error rates of the speaker verifier on the same split, for the t-DCF.
        dev: Trials on which thresholds are fixed; without them, thresholds are chosen on the
            evaluated trials, with a warning.
        baseline_scores: [N] scores of another system, in the order of the trials.
        detection_costs: Costs of minDCF and actDCF; ASVspoof 5's by default.
        resamples: Number of bootstrap resamples; 0 for no intervals.
        seed: Seed of the bootstrap.

    Raises:
        TrialsError: Scores of the baseline are decisions, or beyond 1e100.
        ValueError: Scores of the baseline are not finite or of another number; or the ASV
            is too weak for a t-DCF.
    """
    detection_costs = detection_costs or DetectionCosts()
    thresholds = _thresholds(trials if dev is None else dev)
    measures = resampling.Measures(
        costs=detection_costs,
        tandem=_tandem(asv),
        far_limits=FAR_LIMITS,
        frr_limits=FRR_LIMITS,
        thresholds=thresholds,
    )
    bootstrap, how = _bootstrap(trials, resamples, seed)
    ours = _Draws.of(bootstrap, trials.scores, measures)
    values, per_attack = _point_figures(trials, trials.scores, measures)
    comparison = None
    if baseline_scores is not None:
        baseline_scores, _ = detection.checked(baseline_scores, trials.is_bonafide)
        refuse_unusable(baseline_scores)
        theirs = _Draws.of(bootstrap, baseline_scores, measures)
        comparison = _compare(trials, baseline_scores, measures, values, ours, theirs)
    worst = max(per_attack, key=lambda attack: per_attack[attack])
    return Evaluation(
        n_bonafide=trials.n_bonafide,
        n_spoof=trials.n_spoof,
        n_speakers=_speakers(trials, np.ones(len(trials), dtype=np.bool_)),
        figures=_figures(values, ours),
        eer_threshold=detection.equal_error_rate(trials.scores, trials.is_bonafide).threshold,
        per_attack=_attack_results(trials, per_attack, ours),
        worst_attack=worst,
        operating_points=_operating_points(
            trials, thresholds, "eval" if dev is None else "dev", detection_costs, ours
        ),
        bootstrap=how,
        score_quantiles=_quantiles(trials),
        comparison=comparison,
        warnings=tuple(_warnings(trials, values["eer"], dev is None, how)),
        n_bonafide_speakers=_speakers(trials, trials.is_bonafide),
        n_spoof_speakers=_speakers(trials, ~trials.is_bonafide),
    )


def frozen_threshold(evaluation: Evaluation) -> float | None:
    """Returns the threshold of the operating point EER if it was fixed on dev, else None."""
    for point in evaluation.operating_points:
        if (point.name, point.chosen_on) == ("eer", "dev"):
            return point.threshold
    return None


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


FIGURES = (
    *("eer", "worst_attack_eer", "macro_eer", "min_tdcf_legacy", "min_tdcf_revised"),
    *("min_dcf", "act_dcf", "cllr", "min_cllr", "auc", *FAR_LIMITS, *FRR_LIMITS),
)
HIGHER_IS_BETTER = frozenset({"auc"})


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


def _tandem(asv: AsvErrorRates | None) -> dict[str, TandemWeights]:
    if asv is None:
        return {}
    return {"min_tdcf_legacy": costs.legacy_tdcf(asv), "min_tdcf_revised": costs.revised_tdcf(asv)}


def _thresholds(trials: Trials) -> dict[str, float]:
    """Returns the thresholds of the operating points on these trials."""
    curve = detection.error_curve(trials.scores, trials.is_bonafide)
    return {
        "eer": detection.eer_of(curve).threshold,
        "far_1pct": detection.frr_at_far(curve, 0.01)[1],
        "far_0_1pct": detection.frr_at_far(curve, 0.001)[1],
        "frr_1pct": detection.far_at_frr(curve, 0.01)[1],
    }


def _speakers(trials: Trials, keep: npt.NDArray[np.bool_]) -> int | None:
    """Returns the number of speakers of the trials where `keep` [N] is true."""
    return None if trials.speakers is None else int(np.unique(trials.speakers[keep]).size)


def _quantiles(trials: Trials) -> dict[str, tuple[float, ...]]:
    """Returns the quantiles of the scores of each class; each is an actual score."""
    classes = {"bonafide": trials.is_bonafide, "spoof": ~trials.is_bonafide}
    return {
        name: tuple(
            np.quantile(trials.scores[rows], QUANTILE_LEVELS, method="inverted_cdf").tolist()
        )
        for name, rows in classes.items()
    }


def _bootstrap(
    trials: Trials, resamples: int, seed: int
) -> tuple[resampling.ClusterBootstrap | None, Bootstrap]:
    unit = "utterance" if trials.speakers is None else "speaker"
    names = trials.utterances if trials.speakers is None else trials.speakers
    clusters = np.unique(names).size
    if resamples == 0:
        return None, Bootstrap(unit, clusters, 0, seed, "the number of resamples is 0")
    try:
        bootstrap = resampling.ClusterBootstrap.of(trials, resamples=resamples, seed=seed)
    except resampling.NoIntervalError as error:
        return None, Bootstrap(unit, clusters, 0, seed, str(error))
    return bootstrap, Bootstrap(unit, clusters, resamples, seed)


def _point_figures(
    trials: Trials, scores: Floats, measures: resampling.Measures
) -> tuple[dict[str, float], dict[str, float]]:
    """Returns every figure by name, and the EER of every attack."""
    labels = trials.is_bonafide
    curve = detection.error_curve(scores, labels)
    by_attack = detection.per_attack_eer(scores, labels, trials.attacks)
    attacks = {name: found.eer for name, found in by_attack.items()}
    return {
        "eer": detection.eer_of(curve).eer,
        "worst_attack_eer": max(attacks.values()),
        "macro_eer": float(np.mean(list(attacks.values()))),
        **{name: weights.lowest(curve) for name, weights in measures.tandem.items()},
        "min_dcf": costs.min_dcf(curve, measures.costs),
        "act_dcf": costs.act_dcf(scores, labels, measures.costs),
        "cllr": calibration.cllr(scores, labels),
        "min_cllr": calibration.min_cllr(scores, labels),
        "auc": detection.area_under_curve(scores, labels),
        **{n: detection.frr_at_far(curve, far)[0].frr for n, far in measures.far_limits.items()},
        **{n: detection.far_at_frr(curve, frr)[0].far for n, frr in measures.frr_limits.items()},
    }, attacks


@dataclass(frozen=True, eq=False)
class _Draws:
    """The figures of one system in the resamples.

    Attributes:
        values: Name -> [R]; empty without a bootstrap.
        samples: Of bona fide and of spoofed trials; empty without a bootstrap.
        attack_samples: Attack -> the same with the spoofs of that attack alone.
        costs: Of the DCF.
    """

    values: Mapping[str, Floats]
    samples: tuple[Sample, ...]
    attack_samples: Mapping[str, tuple[Sample, ...]]
    costs: DetectionCosts

    @classmethod
    def of(
        cls,
        bootstrap: resampling.ClusterBootstrap | None,
        scores: Floats,
        measures: resampling.Measures,
    ) -> _Draws:
        if bootstrap is None:
            return cls({}, (), {}, measures.costs)
        attacks = np.unique(bootstrap.attacks[~bootstrap.is_bonafide]).tolist()
        return cls(
            values=bootstrap.measure(scores, measures),
            samples=bootstrap.samples(scores),
            attack_samples={name: bootstrap.samples(scores, name) for name in attacks},
            costs=measures.costs,
        )

    def interval(self, name: str, value: float) -> Interval | None:
        """Returns the interval of a figure; None without a bootstrap."""
        if name not in self.values:
            return None
        samples = self.samples
        if name.startswith("far_at/"):
            samples = samples[1:]
        elif name.startswith("frr_at/"):
            samples = samples[:1]
        elif name.startswith("attack/"):
            samples = self.attack_samples[name.removeprefix("attack/")]
        return intervals.interval(
            value,
            self.values[name],
            _SCALES.get(name, "rate"),
            samples,
            most=self._most(name),
        )

    def difference(self, name: str, value: float, other: _Draws) -> Interval | None:
        """Returns the interval of the difference from a figure of another system."""
        if name not in self.values:
            return None
        draws = self.values[name] - other.values[name]
        return intervals.interval(value, draws, "difference", self.samples, most=self._most(name))

    def _most(self, name: str) -> float:
        """Returns the highest value that a figure can have."""
        if name == "cllr":
            return np.inf
        return sum(self.costs.weights) if name == "act_dcf" else 1.0


_SCALES = {
    **dict.fromkeys(("min_tdcf_legacy", "min_tdcf_revised", "min_dcf", "act_dcf"), "cost"),
    **{"cllr": "bits", "min_cllr": "cost"},  # the least Cllr is 1 at most, for no information
}


def _figures(values: Mapping[str, float], draws: _Draws) -> dict[str, Figure]:
    return {name: Figure(value, draws.interval(name, value)) for name, value in values.items()}


def _attack_results(
    trials: Trials, eers: Mapping[str, float], draws: _Draws
) -> dict[str, AttackResult]:
    results = {}
    for name, eer in eers.items():
        # A spoof of unknown attack has the same id as bona fide trials.
        of_attack = ~trials.is_bonafide & (trials.attacks == name)
        several = trials.speakers is None or np.unique(trials.speakers[of_attack]).size > 1
        results[name] = AttackResult(
            eer=eer,
            # An interval needs more than one voice.
            ci95=draws.interval(f"attack/{name}", eer) if several else None,
            n_spoof=int(np.count_nonzero(of_attack)),
        )
    return results


def _operating_points(
    trials: Trials,
    thresholds: Mapping[str, float],
    chosen_on: str,
    detection_costs: DetectionCosts,
    draws: _Draws,
) -> tuple[OperatingPoint, ...]:
    where = {name: (chosen_on, value) for name, value in thresholds.items()}
    where["bayes"] = ("costs", detection_costs.bayes_threshold)
    points = []
    for name, (source, threshold) in where.items():
        rates = detection.error_rates_at(
            trials.scores, trials.is_bonafide, threshold, accept_equal=name == "bayes"
        )
        points.append(
            OperatingPoint(
                name=name,
                chosen_on=source,
                threshold=threshold,
                rates=rates,
                far_ci95=draws.interval(f"far_at/{name}", rates.far),
                frr_ci95=draws.interval(f"frr_at/{name}", rates.frr),
            )
        )
    return tuple(points)


def _compare(
    trials: Trials,
    scores: Floats,
    measures: resampling.Measures,
    ours: Mapping[str, float],
    our_draws: _Draws,
    their_draws: _Draws,
) -> Comparison:
    theirs, attacks = _point_figures(trials, scores, measures)
    differences = {name: ours[name] - theirs[name] for name in ours}
    chance = None
    if our_draws.values:
        draws = our_draws.values["eer"] - their_draws.values["eer"]
        chance = intervals.p_value(differences["eer"], draws, our_draws.samples)
    return Comparison(
        figures=_figures(theirs, their_draws),
        differences={
            name: Figure(value, our_draws.difference(name, value, their_draws))
            for name, value in differences.items()
        },
        p_value=chance,
        per_attack=_attack_results(trials, attacks, their_draws),
    )


def _warnings(trials: Trials, eer: float, no_dev: bool, how: Bootstrap) -> list[str]:
    found = []
    if eer > 0.5:
        found.append(
            f"The EER is {percent(eer)}, above 50 %: the sign of the scores is probably flipped. "
            "A higher score must mean more bona fide."
        )
    if no_dev:
        found.append(
            "Thresholds were chosen on the evaluated trials, so their error rates are optimistic. "
            "Freeze them on a development set."
        )
    if how.missing:
        found.append(f"There are no intervals: {how.missing}.")
    elif how.unit == "utterance":
        found.append(
            "Speakers are unknown, so the intervals treat all utterances as independent and are "
            "too narrow."
        )
    times = np.unique(trials.scores, return_counts=True)[1]
    ties = times[times > 1].sum() / len(trials)
    if ties > 0.1:
        found.append(
            f"{ties:.0%} of the scores are equal to another one; check for rounding. Ties count "
            "against the detector."
        )
    return found
