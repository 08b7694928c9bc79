"""Detection costs: DCF of the detector alone (ASVspoof 5), t-DCF in tandem with a speaker verifier.

Sources: for t-DCF, Kinnunen et al., "t-DCF: a Detection Cost Function for the Tandem Assessment of
Spoofing Countermeasures and Automatic Speaker Verification" (Odyssey 2018) as used in ASVspoof
2019, and "Tandem Assessment of Spoofing Countermeasures and Automatic Speaker Verification:
Fundamentals" (TASLP 2020) as used in ASVspoof 2021; for DCF the evaluation plan of ASVspoof 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bonafide.metrics.detection import ErrorCurve, ErrorRates, eer_of, error_curve, error_rates_at


@dataclass(frozen=True, kw_only=True)
class DetectionCosts:
    """Costs of the detector's errors. The defaults are those of ASVspoof 5 (track 1).

    Attributes:
        spoof_prior: Assumed share of attacks among all trials.
        miss: Cost of rejecting a bona fide trial.
        false_accept: Cost of accepting a spoofed one.
    """

    spoof_prior: float = 0.05
    miss: float = 1.0
    false_accept: float = 10.0

    def __post_init__(self) -> None:
        if not (0 < self.spoof_prior < 1 and _are_costs(self.miss, self.false_accept)):
            raise ValueError(f"expected a prior inside (0, 1) and costs above 0, got {self}")

    @property
    def weights(self) -> tuple[float, float]:
        """Weights of FRR and FAR, normalised by the cost of the best default decision.

        That default accepts all or rejects all trials, whichever is cheaper, so 1 is the cost of an
        uninformative detector.
        """
        miss = self.miss * (1 - self.spoof_prior)
        false_accept = self.false_accept * self.spoof_prior
        least = min(miss, false_accept)
        return miss / least, false_accept / least

    @property
    def bayes_threshold(self) -> float:
        """Threshold for scores that are natural-log likelihood ratios: -ln 1.9 by default."""
        return math.log(self.false_accept * self.spoof_prior) - math.log(
            self.miss * (1 - self.spoof_prior)
        )


def min_dcf(curve: ErrorCurve, costs: DetectionCosts | None = None) -> float:
    """Returns the normalised DCF at the best threshold.

    `(Cmiss (1 - Pspoof) FRR + Cfa Pspoof FAR) / min(Cmiss (1 - Pspoof), Cfa Pspoof)`.
    """
    return lowest_cost(curve, (costs or DetectionCosts()).weights)


def act_dcf(
    scores: npt.ArrayLike, labels: npt.ArrayLike, costs: DetectionCosts | None = None
) -> float:
    """Returns the normalised DCF at the Bayes threshold, which requires calibrated scores.

    A trial is accepted if its score is at or above the threshold.
    """
    costs = costs or DetectionCosts()
    return cost_at(
        error_rates_at(scores, labels, costs.bayes_threshold, accept_equal=True), costs.weights
    )


def lowest_cost(curve: ErrorCurve, weights: tuple[float, float], constant: float = 0.0) -> float:
    """Returns the minimum of `constant + weights[0] FRR + weights[1] FAR` over all thresholds."""
    return constant + float(np.min(weights[0] * curve.frr + weights[1] * curve.far))


def cost_at(rates: ErrorRates, weights: tuple[float, float]) -> float:
    """Returns `weights[0] FRR + weights[1] FAR`."""
    return weights[0] * rates.frr + weights[1] * rates.far


@dataclass(frozen=True)
class AsvErrorRates:
    """Error rates of a speaker verifier (ASV) at its EER threshold, as fractions.

    Attributes:
        false_accept: Share of other speakers' trials accepted.
        miss: Share of the claimed speaker's trials rejected.
        spoof_miss: Share of spoofed trials rejected.
    """

    false_accept: float
    miss: float
    spoof_miss: float

    @property
    def spoof_false_accept(self) -> float:
        """Share of spoofed trials accepted."""
        return 1 - self.spoof_miss


def asv_error_rates(
    target: npt.ArrayLike, nontarget: npt.ArrayLike, spoof: npt.ArrayLike
) -> AsvErrorRates:
    """Returns the error rates of a speaker verifier at its EER threshold.

    As `obtain_asv_error_rates` of the ASVspoof evaluation package: the threshold is that of the EER
    of targets against non-targets; a trial at or above it is accepted.

    Args:
        target: [Nt] scores of the claimed speaker's own trials.
        nontarget: [Nn] scores of other speakers' trials.
        spoof: [Ns] scores of spoofed trials.

    Raises:
        ValueError: One of them is empty, or a score is NaN or infinite.
    """
    parts = [np.asarray(part, dtype=np.float64) for part in (target, nontarget, spoof)]
    for name, part in zip(("target", "nontarget", "spoof"), parts, strict=True):
        if part.ndim != 1 or not part.size or not np.isfinite(part).all():
            raise ValueError(
                f"expected finite ASV scores of {name} trials, got {part.size} of which "
                f"{np.count_nonzero(~np.isfinite(part))} are not finite"
            )
    targets, nontargets, spoofs = parts
    labels = np.repeat([1, 0], [targets.size, nontargets.size])
    threshold = eer_of(error_curve(np.concatenate([targets, nontargets]), labels)).threshold
    return AsvErrorRates(
        false_accept=float(np.mean(nontargets >= threshold)),
        miss=float(np.mean(targets < threshold)),
        spoof_miss=float(np.mean(spoofs < threshold)),
    )


@dataclass(frozen=True, kw_only=True)
class TandemCosts:
    """Priors and costs of detector and speaker verifier in tandem (ASVspoof 2019 and 2021)."""

    spoof_prior: float = 0.05
    target_prior: float = 0.9405
    nontarget_prior: float = 0.0095
    miss: float = 1.0
    false_accept: float = 10.0

    def __post_init__(self) -> None:
        priors = (self.spoof_prior, self.target_prior, self.nontarget_prior)
        if not (min(priors) >= 0 and math.isclose(sum(priors), 1, abs_tol=1e-9)):
            raise ValueError(f"expected three priors that sum to 1, got {self}")
        if not _are_costs(self.miss, self.false_accept):
            raise ValueError(f"expected costs above 0, got {self}")


@dataclass(frozen=True)
class TandemWeights:
    """A normalised t-DCF as `constant + miss FRR + false_accept FAR` of the detector."""

    constant: float
    miss: float
    false_accept: float

    def lowest(self, curve: ErrorCurve) -> float:
        """Returns the min t-DCF, over all thresholds of the detector."""
        return lowest_cost(curve, (self.miss, self.false_accept), self.constant)


def legacy_tdcf(asv: AsvErrorRates, costs: TandemCosts | None = None) -> TandemWeights:
    """Returns the weights of the t-DCF of ASVspoof 2019.

    `(C1 FRR + C2 FAR) / min(C1, C2)` with
    `C1 = Ptar (Cmiss - Cmiss Pmiss_asv) - Pnon Cfa Pfa_asv` and
    `C2 = Cfa Pspoof (1 - Pmiss_spoof_asv)`.

    Raises:
        ValueError: A weight is not positive: the ASV is too weak for this cost.
    """
    costs = costs or TandemCosts()
    c1 = costs.target_prior * costs.miss * (1 - asv.miss)
    c1 -= costs.nontarget_prior * costs.false_accept * asv.false_accept
    c2 = costs.false_accept * costs.spoof_prior * asv.spoof_false_accept
    least = _least(c1, c2, asv)
    return TandemWeights(0.0, c1 / least, c2 / least)


def revised_tdcf(asv: AsvErrorRates, costs: TandemCosts | None = None) -> TandemWeights:
    """Returns the weights of the t-DCF of ASVspoof 2021.

    `(C0 + C1 FRR + C2 FAR) / (C0 + min(C1, C2))` with
    `C0 = Ptar Cmiss Pmiss_asv + Pnon Cfa Pfa_asv`, `C1 = Ptar Cmiss - C0` and
    `C2 = Pspoof Cfa Pfa_spoof_asv`.

    Raises:
        ValueError: A weight is not positive: the ASV is too weak for this cost.
    """
    costs = costs or TandemCosts()
    c0 = costs.target_prior * costs.miss * asv.miss
    c0 += costs.nontarget_prior * costs.false_accept * asv.false_accept
    c1 = costs.target_prior * costs.miss - c0
    c2 = costs.spoof_prior * costs.false_accept * asv.spoof_false_accept
    least = c0 + _least(c1, c2, asv)
    return TandemWeights(c0 / least, c1 / least, c2 / least)


def _are_costs(*values: float) -> bool:
    return all(0 < value < math.inf for value in values)


def _least(c1: float, c2: float, asv: AsvErrorRates) -> float:
    if c1 <= 0 or c2 <= 0:
        raise ValueError(
            f"t-DCF: expected positive weights of the detector's errors, got {c1:g} and {c2:g} for "
            f"this speaker verifier ({asv}). Check its scores."
        )
    return min(c1, c2)
