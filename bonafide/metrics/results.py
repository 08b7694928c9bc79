"""What an evaluation finds: figures with intervals, attacks, thresholds, and a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bonafide.metrics.costs import DetectionCosts
from bonafide.metrics.detection import ErrorRates
from bonafide.metrics.intervals import Interval
from bonafide.metrics.power import Power

FAR_LIMITS = {"frr_at_far_1pct": 0.01, "frr_at_far_0_1pct": 0.001}
FRR_LIMITS = {"far_at_frr_1pct": 0.01, "far_at_frr_0_1pct": 0.001}
# Names of all figures, in the order of reports.
FIGURES = (
    *("eer", "worst_attack_eer", "macro_eer", "min_tdcf_legacy", "min_tdcf_revised"),
    *("min_dcf", "act_dcf", "cllr", "min_cllr", "auc", *FAR_LIMITS, *FRR_LIMITS),
)
HIGHER_IS_BETTER = frozenset({"auc"})
# Thresholds by name, as `bonafide score` names them; "far0.1" accepts at most 0.1 % of the spoofs.
FAR_POINTS = {"far5": 0.05, "far1": 0.01, "far0.1": 0.001}
FRR_POINTS = {"frr5": 0.05, "frr1": 0.01}


@dataclass(frozen=True)
class Figure:
    """A figure and its uncertainty.

    Attributes:
        value: The figure on the original trials; never NaN.
        ci95: 95 % interval by speakers; None with too few speakers. It is about other speakers
            and the same attacks.
        unseen_ci95: 95 % interval by speakers and attacks, about other speakers and other attacks;
            None with too few of them, and for figures that name attacks (worst, mean).
    """

    value: float
    ci95: Interval | None
    unseen_ci95: Interval | None = None


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
        name: `eer`, one of `FAR_POINTS` and `FRR_POINTS` (the rate that is reached on the trials it
            was chosen on), or `bayes` (from the costs only).
        chosen_on: `dev`, `eval` (the rates are then optimistic) or `costs`.
        threshold: A trial is accepted if its score is above it (`bayes`: at or above).
        rates: FAR and FRR on the evaluated trials.
        far_ci95: Interval of the FAR by speakers.
        frr_ci95: Interval of the FRR by speakers.
        far_unseen_ci95: Interval of the FAR by speakers and attacks, for attacks never seen.
    """

    name: str
    chosen_on: str
    threshold: float
    rates: ErrorRates
    far_ci95: Interval | None
    frr_ci95: Interval | None
    far_unseen_ci95: Interval | None = None


@dataclass(frozen=True)
class Comparison:
    """Comparison with another system on the same trials. Differences are ours minus the other's.

    Attributes:
        figures: The other system's figures.
        differences: Differences of the figures by name; intervals are paired.
        p_value: Two-sided p-value of no difference in EER; None without an interval.
        per_attack: The other system's EER of each attack.
        power: Which differences in EER these trials can show; None without an interval.
    """

    figures: Mapping[str, Figure]
    differences: Mapping[str, Figure]
    p_value: float | None
    per_attack: Mapping[str, AttackResult]
    power: Power | None = None


@dataclass(frozen=True)
class Reference:
    """Comparison with a fixed reference, or with the best version so far (`promotions`).

    Attributes:
        eer: EER of the reference on the same trials.
        difference: Our EER minus that, with its paired interval.
        power: As of `Comparison`.
        name: What it is, for people.
    """

    eer: Figure
    difference: Figure
    power: Power | None = None
    name: str = "the fixed reference"


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
        worst_attack: Id of the attack with the highest EER among those with at least
            `attack_counts.LEAST_TRIALS` spoofs; of all attacks if none has as many.
        operating_points: Thresholds and their error rates.
        bootstrap: Method of the intervals.
        score_quantiles: Quantiles of the scores of `bonafide` and `spoof` at QUANTILE_LEVELS;
            empty in evaluations of older versions.
        comparison: Comparison with another system; None without one.
        warnings: Caveats for the reader, one sentence each.
        n_bonafide_speakers: Number of speakers with bona fide trials; None if speakers are unknown,
            and in evaluations of older versions.
        n_spoof_speakers: Number of speakers with spoofed trials, likewise.
        costs: Prior and costs of minDCF, actDCF and the threshold `bayes`.
        reference: Comparison with a fixed reference; None without one.
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
    costs: DetectionCosts = field(default_factory=DetectionCosts)
    reference: Reference | None = None


def frozen_threshold(evaluation: Evaluation) -> float | None:
    """Returns the threshold of the operating point EER if it was fixed on dev, else None."""
    for point in evaluation.operating_points:
        if (point.name, point.chosen_on) == ("eer", "dev"):
            return point.threshold
    return None


def point_of(evaluation: Evaluation, name: str) -> OperatingPoint | None:
    """Returns the operating point with this name; None if there is none."""
    return next((point for point in evaluation.operating_points if point.name == name), None)
