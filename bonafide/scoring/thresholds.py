"""From a score to a decision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

BONAFIDE = "bona fide"
SPOOF = "spoof"
BAYES = "bayes"
# Of the thresholds that come with a model: what each was chosen for.
OF_DEV = {
    "eer": "where as many spoofs are accepted as bona fide recordings rejected, on dev",
    "far1": "the lowest that accepts at most 1 % of the spoofs, on dev",
}


class ThresholdError(Exception):
    """A threshold that is not there or makes no sense."""


@dataclass(frozen=True)
class Threshold:
    """Where to decide.

    Attributes:
        name: `bayes`, `eer`, `far1` or `number`.
        value: A score.
        accept_equal: Whether a score exactly on it is accepted. Those found on dev stand on a
            score that is not (see `bonafide.metrics.detection`).
    """

    name: str
    value: float
    accept_equal: bool = True

    def decide(self, score: float) -> str:
        """Returns `bona fide` or `spoof`."""
        accepted = score >= self.value if self.accept_equal else score > self.value
        return BONAFIDE if accepted else SPOOF

    def __str__(self) -> str:
        rule = "at or above" if self.accept_equal else "above"
        name = "" if self.name == "number" else f"{self.name}: "
        return f"{name}bona fide {rule} {self.value:.4g}"


def parse(text: str) -> str | float:
    """Returns a name as it is and a number as a number.

    Raises:
        ThresholdError: It is neither, or not finite.
    """
    if text in (BAYES, *OF_DEV):
        return text
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ThresholdError(
            f"{text!r} is neither a number nor one of {BAYES}, {', '.join(OF_DEV)}"
        )
    return value


def choose(
    wanted: str | float, of_model: Mapping[str, float], *, prior: float, cost_ratio: float = 1.0
) -> Threshold:
    """Returns the threshold that was asked for.

    `bayes` is the least expected cost where scores are log-likelihood ratios: accept when
    `score + ln(p / (1 - p)) >= ln(cost ratio)`.

    Args:
        wanted: See `parse`.
        of_model: The thresholds that come with the model.
        prior: p, the share of recordings that are bona fide before any is heard.
        cost_ratio: Cost of an accepted spoof over that of a rejected bona fide recording.

    Raises:
        ThresholdError: The model does not have it.
    """
    if isinstance(wanted, float):
        return Threshold("number", wanted)
    if wanted == BAYES:
        # Not -log_odds(prior): of even odds that is -0, and people would ask.
        return Threshold(BAYES, math.log1p(-prior) - math.log(prior) + math.log(cost_ratio))
    if wanted not in of_model:
        raise ThresholdError(
            f"the model has no threshold {wanted!r}: it was pushed before thresholds were kept in "
            "bonafide.json. Train and push it again, or take --threshold bayes or a number (its "
            "model card has some)"
        )
    return Threshold(wanted, float(of_model[wanted]), accept_equal=False)


def log_odds(probability: float) -> float:
    """Returns the natural log of the odds."""
    return math.log(probability) - math.log1p(-probability)


def posterior(score: float, prior: float) -> float:
    """Returns the probability of bona fide that a score and a prior say together.

    At even odds it is the `probability` of the model's signatures.
    """
    logit = score + log_odds(prior)
    # Of two forms the one that does not overflow.
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    return math.exp(logit) / (1 + math.exp(logit))
