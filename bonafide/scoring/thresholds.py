"""Thresholds: from a score to a decision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

BONAFIDE = "bona fide"
SPOOF = "spoof"
NOT_SURE = "not sure"
NO_SPEECH = "no speech"
BAND = "band"
EVEN = "even"
BAYES = "bayes"
# Meaning of the thresholds of a model.
OF_DEV = {
    "eer": "where as many spoofs are accepted as bona fide recordings rejected, on dev",
    "far1": "the lowest that accepts at most 1 % of the spoofs, on dev",
    "far5": "the lowest that accepts at most 5 % of the spoofs, on dev",
    "frr5": "the highest that rejects at most 5 % of the bona fide recordings, on dev",
}
# At or below the first: spoof; above the second: bona fide; between them: not sure.
BAND_OF_DEV = ("frr5", "far5")
NAMES = (BAND, EVEN, BAYES, *OF_DEV)
# The costs of ASVspoof 5, which evaluation reports by the name of `bayes`, too.
ASVSPOOF5_PRIOR = 0.95
ASVSPOOF5_COST_RATIO = 10.0
EVEN_PRIOR = 0.5
EVEN_COST_RATIO = 1.0


class ThresholdError(Exception):
    """A threshold does not exist or is invalid."""


@dataclass(frozen=True)
class Threshold:
    """A threshold, or a band of two.

    Attributes:
        name: One of `NAMES`, or `number`.
        value: A score; higher scores are bona fide.
        accept_equal: Whether an equal score is bona fide. Thresholds from dev are equal to a
            score that is not (see `bonafide.metrics.detection`).
        lower: A score below `value`: scores at or below it are spoofs, and scores between are
            not sure. None for a single threshold.
    """

    name: str
    value: float
    accept_equal: bool = True
    lower: float | None = None

    @property
    def spoof_below(self) -> float:
        """The score below which a recording is a spoof."""
        return self.value if self.lower is None else self.lower

    def decide(self, score: float) -> str:
        """Returns `bona fide`, `spoof` or `not sure`."""
        if score >= self.value if self.accept_equal else score > self.value:
            return BONAFIDE
        return SPOOF if self.lower is None or score <= self.lower else NOT_SURE

    def __str__(self) -> str:
        rule = "at or above" if self.accept_equal else "above"
        name = "" if self.name == "number" else f"{self.name}: "
        text = f"{name}bona fide {rule} {self.value:.4g}"
        if self.lower is None:
            return text
        return f"{text}, spoof at or below {self.lower:.4g}, not sure between"


def parse(text: str) -> str | float:
    """Parses the name of a threshold or a number.

    Raises:
        ThresholdError: The text is neither, or not finite.
    """
    if text in NAMES:
        return text
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ThresholdError(f"expected a number or one of {', '.join(NAMES)}, got {text!r}")
    return value


def choose(
    wanted: str | float | None,
    of_model: Mapping[str, float],
    *,
    prior: float | None = None,
    cost_ratio: float | None = None,
) -> Threshold:
    """Returns the requested threshold.

    `bayes` has the minimum expected cost if scores are log-likelihood ratios: accept if
    `score + ln(p / (1 - p)) >= ln(cost ratio)`. If neither p nor the ratio is given, they are
    those of ASVspoof 5, as in the evaluation report. `even` is its value at even odds and costs, 0.

    Args:
        wanted: See `parse`. None is `bayes` if a prior or a ratio is given, otherwise
            `band` if the model has one, else `even`.
        of_model: Thresholds of the model.
        prior: p, the share of recordings that are bona fide before any is scored.
        cost_ratio: Cost of an accepted spoof over that of a rejected bona fide recording.

    Raises:
        ThresholdError: The model does not have this threshold.
    """
    costs_are_given = prior is not None or cost_ratio is not None
    if wanted is None:
        has_band = all(name in of_model for name in BAND_OF_DEV)
        wanted = BAYES if costs_are_given else BAND if has_band else EVEN
    if isinstance(wanted, float):
        return Threshold("number", wanted)
    if wanted == EVEN:
        return Threshold(EVEN, 0.0)
    if wanted == BAYES:
        p = prior if prior is not None else EVEN_PRIOR if costs_are_given else ASVSPOOF5_PRIOR
        ratio = EVEN_COST_RATIO if costs_are_given else ASVSPOOF5_COST_RATIO
        ratio = ratio if cost_ratio is None else cost_ratio
        # Not -log_odds(prior), which is -0 for even odds.
        return Threshold(BAYES, math.log1p(-p) - math.log(p) + math.log(ratio))
    if wanted == BAND:
        return _band(of_model)
    return Threshold(wanted, _of_dev(wanted, of_model), accept_equal=False)


def _of_dev(name: str, of_model: Mapping[str, float]) -> float:
    if name not in of_model:
        raise ThresholdError(
            f"the model has no threshold {name!r}: it was pushed before it was kept in "
            f"bonafide.json. Train and push it again, or take --threshold {EVEN}, {BAYES} or a "
            "number (its model card has some)"
        )
    return float(of_model[name])


def _band(of_model: Mapping[str, float]) -> Threshold:
    """Returns two thresholds, or that of the EER if it satisfies both error rates."""
    lower, upper = (_of_dev(name, of_model) for name in BAND_OF_DEV)
    if lower < upper:
        return Threshold(BAND, upper, accept_equal=False, lower=lower)
    return Threshold(BAND, min(max(_of_dev("eer", of_model), upper), lower), accept_equal=False)


def facts(threshold: Threshold) -> dict[str, str | float]:
    """Returns a threshold for JSON: `name`, `value`, and `lower` if there is one."""
    found: dict[str, str | float] = {"name": threshold.name, "value": threshold.value}
    return found if threshold.lower is None else found | {"lower": threshold.lower}


def log_odds(probability: float) -> float:
    """Returns the natural log of the odds."""
    return math.log(probability) - math.log1p(-probability)


def posterior(score: float, prior: float) -> float:
    """Returns the posterior probability of bona fide for a score and a prior.

    At even odds it is the `probability` of the model's signatures.
    """
    logit = score + log_odds(prior)
    # The form that does not overflow.
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    return math.exp(logit) / (1 + math.exp(logit))
