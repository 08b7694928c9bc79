"""Complete evaluation of a detector: figures with intervals, attacks and thresholds.

The pipeline and `bonafide evaluate` both call `evaluate`; reports are made from its result
(`bonafide.metrics.results`), which `bonafide.metrics.evaluation_json` writes and reads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bonafide.metrics import attack_counts, calibration, costs, detection, intervals, resampling
from bonafide.metrics.costs import AsvErrorRates, DetectionCosts, TandemWeights
from bonafide.metrics.detection import Floats
from bonafide.metrics.intervals import Interval, Sample
from bonafide.metrics.results import (
    FAR_LIMITS,
    FAR_POINTS,
    FRR_LIMITS,
    FRR_POINTS,
    AttackResult,
    Bootstrap,
    Comparison,
    Evaluation,
    Figure,
    OperatingPoint,
    Reference,
)
from bonafide.text import percent
from bonafide.trials.trials import Trials, refuse_unusable

# Levels of the stored score quantiles: they give error rates at any threshold within 0.25 %.
QUANTILE_LEVELS = np.linspace(0.0, 1.0, 201)
RESAMPLES = 1000
SEED = 1


def evaluate(
    trials: Trials,
    *,
    asv: AsvErrorRates | None = None,
    dev: Trials | None = None,
    baseline_scores: Floats | None = None,
    reference_scores: Floats | None = None,
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
        reference_scores: [N] scores of a fixed reference, likewise; only its EER is compared.
        detection_costs: Prior and costs of minDCF and actDCF; ASVspoof 5's by default.
        resamples: Number of bootstrap resamples; 0 for no intervals.
        seed: Seed of the bootstrap.

    Raises:
        TrialsError: Scores of the baseline or the reference are decisions, or beyond 1e100.
        ValueError: Scores of the baseline or the reference are not finite or of another number; or
            the ASV is too weak for a t-DCF.
    """
    detection_costs = detection_costs or DetectionCosts()
    thresholds = _thresholds(trials if dev is None else dev)
    measures = resampling.Measures(
        costs=detection_costs,
        tandem=_tandem(asv),
        far_limits=FAR_LIMITS,
        frr_limits=FRR_LIMITS,
        thresholds=thresholds,
        worst_of=attack_counts.counted(_spoofs(trials)),
    )
    bootstrap, how = _bootstrap(trials, resamples, seed)
    ours = _Draws.of(bootstrap, trials.scores, measures, unseen=True)
    values, per_attack = _point_figures(trials, trials.scores, measures)
    comparison = None
    if baseline_scores is not None:
        baseline_scores, _ = detection.checked(baseline_scores, trials.is_bonafide)
        refuse_unusable(baseline_scores)
        theirs = _Draws.of(bootstrap, baseline_scores, measures)
        comparison = _compare(trials, baseline_scores, measures, values, ours, theirs)
    reference = None
    if reference_scores is not None:
        reference = _compare_reference(trials, reference_scores, values["eer"], bootstrap, ours)
    worst = max(sorted(measures.worst_of), key=lambda attack: per_attack[attack])
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
        costs=detection_costs,
        reference=reference,
    )


def _tandem(asv: AsvErrorRates | None) -> dict[str, TandemWeights]:
    if asv is None:
        return {}
    return {"min_tdcf_legacy": costs.legacy_tdcf(asv), "min_tdcf_revised": costs.revised_tdcf(asv)}


def _thresholds(trials: Trials) -> dict[str, float]:
    """Returns the thresholds of the operating points on these trials."""
    curve = detection.error_curve(trials.scores, trials.is_bonafide)
    return {
        "eer": detection.eer_of(curve).threshold,
        **{name: detection.far_at_frr(curve, frr)[1] for name, frr in FRR_POINTS.items()},
        **{name: detection.frr_at_far(curve, far)[1] for name, far in FAR_POINTS.items()},
    }


def _spoofs(trials: Trials) -> dict[str, int]:
    """Returns the number of spoofs of each attack."""
    names, counts = np.unique(trials.attacks[~trials.is_bonafide], return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


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
        "worst_attack_eer": max(attacks[name] for name in measures.worst_of),
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
        unseen: Name -> [R] in resamples of speakers and attacks; empty without a bootstrap, with
            one attack, and for another system.
        unseen_samples: Of bona fide trials, spoofed trials and attacks; empty likewise.
        without: Name -> [S] without each of the speakers; empty where they are very many.
    """

    values: Mapping[str, Floats]
    samples: tuple[Sample, ...]
    attack_samples: Mapping[str, tuple[Sample, ...]]
    costs: DetectionCosts
    unseen: Mapping[str, Floats] = dataclasses.field(default_factory=dict)
    unseen_samples: tuple[Sample, ...] = ()
    without: Mapping[str, Floats] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls,
        bootstrap: resampling.ClusterBootstrap | None,
        scores: Floats,
        measures: resampling.Measures,
        *,
        unseen: bool = False,
    ) -> _Draws:
        if bootstrap is None:
            return cls({}, (), {}, measures.costs)
        attacks = np.unique(bootstrap.attacks[~bootstrap.is_bonafide]).tolist()
        values, without = bootstrap.measure_and_leave_out(scores, measures)
        return cls(
            values=values,
            without=without,
            samples=bootstrap.samples(scores),
            attack_samples={name: bootstrap.samples(scores, name) for name in attacks},
            costs=measures.costs,
            unseen=bootstrap.measure_unseen(scores, measures) if unseen else {},
            unseen_samples=bootstrap.unseen_samples(scores) if unseen else (),
        )

    def unseen_interval(self, name: str, value: float) -> Interval | None:
        """Returns the interval of a figure for attacks never seen; None if it has none."""
        if name not in self.unseen:
            return None
        samples = self.unseen_samples[1:] if name.startswith("far_at/") else self.unseen_samples
        wide = intervals.interval(
            value,
            self.unseen[name],
            _SCALES.get(name, "rate"),
            samples,
            most=self._most(name),
        )
        near = self.interval(name, value)
        if wide is None or near is None:
            return None
        # Attacks add uncertainty; a narrower interval would be an accident of the resamples.
        return min(wide[0], near[0]), max(wide[1], near[1])

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
            without=self.without.get(name),
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
    return {
        name: Figure(value, draws.interval(name, value), draws.unseen_interval(name, value))
        for name, value in values.items()
    }


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
                far_unseen_ci95=draws.unseen_interval(f"far_at/{name}", rates.far),
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
    chance = power = None
    if our_draws.values:
        draws = our_draws.values["eer"] - their_draws.values["eer"]
        chance = intervals.p_value(differences["eer"], draws, our_draws.samples)
        power = intervals.power(draws, our_draws.samples)
    return Comparison(
        figures=_figures(theirs, their_draws),
        differences={
            name: Figure(value, our_draws.difference(name, value, their_draws))
            for name, value in differences.items()
        },
        p_value=chance,
        per_attack=_attack_results(trials, attacks, their_draws),
        power=power,
    )


def _compare_reference(
    trials: Trials,
    scores: Floats,
    ours: float,
    bootstrap: resampling.ClusterBootstrap | None,
    our_draws: _Draws,
) -> Reference:
    """Compares the EER with that of a fixed reference on the same resamples."""
    scores, _ = detection.checked(scores, trials.is_bonafide)
    refuse_unusable(scores)
    theirs = detection.equal_error_rate(scores, trials.is_bonafide).eer
    if bootstrap is None:
        return Reference(Figure(theirs, None), Figure(ours - theirs, None))
    draws, without = bootstrap.eer_and_leave_out(scores)
    samples = our_draws.samples
    differences = our_draws.values["eer"] - draws
    of_reference = bootstrap.samples(scores)
    return Reference(
        eer=Figure(
            theirs, intervals.interval(theirs, draws, "rate", of_reference, without=without)
        ),
        difference=Figure(
            ours - theirs, intervals.interval(ours - theirs, differences, "difference", samples)
        ),
        power=intervals.power(differences, samples),
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
