"""Error rates of a model on its own test, from the evaluation that was pushed with it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bonafide.metrics.training_range import TrainingRange, split_words
from bonafide.registry.names import EVALUATION_FILE, EXTRA_DIR
from bonafide.scoring.thresholds import EVEN, NOT_SURE, Threshold
from bonafide.text import percent

# Thresholds with another name in evaluations of version 0.1.
_OLD_NAMES = {"far1": "far_1pct"}


@dataclass(frozen=True)
class Rates:
    """Error rates of a threshold, or of a band, on the clips of the test, as shares of each class.

    Attributes:
        false_accept: Share of spoofs that were called bona fide.
        false_reject: Share of bona fide clips that were called spoof.
        unsure_spoof: Share of spoofs between two thresholds; 0 with one threshold.
        unsure_bonafide: Share of bona fide clips between two thresholds.
        n_spoof: Number of spoofs in the test.
        n_bonafide: Number of bona fide clips in the test.
    """

    false_accept: float
    false_reject: float
    unsure_spoof: float
    unsure_bonafide: float
    n_spoof: int
    n_bonafide: int

    def __str__(self) -> str:
        text = (
            f"At this threshold this detector misses {_percent(self.false_accept)} of the "
            f"{self.n_spoof:,} synthetic clips of its own test (it calls them bona fide), and "
            f"calls {_percent(self.false_reject)} of the {self.n_bonafide:,} real ones spoof"
        )
        if self.unsure_spoof or self.unsure_bonafide:
            text += (
                f"; it is not sure about {_percent(self.unsure_spoof)} of the synthetic and "
                f"{_percent(self.unsure_bonafide)} of the real ones"
            )
        return text + "."


def limits(
    threshold: Threshold, evaluation: Mapping[str, Any], wanted: str | float | None
) -> Iterator[str]:
    """Yields the caveats of every decision, a line each.

    Args:
        threshold: The threshold in use.
        evaluation: See `read_evaluation`.
        wanted: The requested threshold; None if the model's default is used.
    """
    rates = rates_at(threshold, evaluation)
    unknown = (
        f"What this detector misses at this threshold ({threshold}) is not known: its records have "
        "no figures of its own test at it."
    )
    yield str(rates) if rates else unknown
    if wanted is None and threshold.name == EVEN:
        yield (
            f"There is no answer `{NOT_SURE}`: the model was pushed before the thresholds for it "
            "were kept. Train and push it again to have it."
        )


def unlike_training(training: TrainingRange | None) -> str:
    """Says, in a line, what the column `unlike_training` rests on."""
    if training is None:
        return (
            "No recording is marked as unlike training: the model was pushed before its training "
            "data were described. Train and push it again to have it."
        )
    text = "A recording unlike the clips of training is not decided on"
    if check := training.splits.get("eval"):
        text += f". {split_words('its own test', check)}"
    return f"{text.rstrip('.')}."


def in_plain_words(threshold: Threshold, evaluation: Mapping[str, Any]) -> str:
    """Returns the limits of a detector, for a general audience."""
    advice = (
        "Voices, languages, phones and programs unlike those of its training can fool it more "
        "often, and it is then wrong with confidence. It proves nothing: never decide on it alone."
    )
    rates = rates_at(threshold, evaluation)
    if rates is None:
        return f"How often this detector is wrong is not known: it came without a test. {advice}"
    text = (
        f"This detector makes mistakes. In its own test it took {_of_100(rates.false_accept)} "
        f"synthetic recordings for a person's, and called {_of_100(rates.false_reject)} "
        "recordings of people synthetic"
    )
    if rates.unsure_spoof or rates.unsure_bonafide:
        text += (
            f"; it was not sure about {_of_100(rates.unsure_spoof)} synthetic and "
            f"{_of_100(rates.unsure_bonafide)} real ones"
        )
    return f"{text}. {advice}"


def facts(threshold: Threshold, evaluation: Mapping[str, Any]) -> dict[str, float] | None:
    """Returns `rates_at` for JSON; None if unknown."""
    rates = rates_at(threshold, evaluation)
    return None if rates is None else asdict(rates)


def read_evaluation(folder: Path) -> dict[str, Any]:
    """Returns the evaluation that was pushed with a version; empty without one."""
    try:
        found = json.loads((folder / EXTRA_DIR / EVALUATION_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def rates_at(threshold: Threshold, evaluation: Mapping[str, Any]) -> Rates | None:
    """Returns the error rates of a threshold on the model's own test; None if unknown.

    Args:
        threshold: The threshold in use.
        evaluation: See `read_evaluation`.
    """
    try:
        counts = int(evaluation["n_spoof"]), int(evaluation["n_bonafide"])
        quantiles = evaluation.get("score_quantiles")
        if quantiles:
            return _from_quantiles(threshold, quantiles, counts)
        return _from_operating_points(threshold, evaluation["operating_points"], counts)
    except (KeyError, TypeError, ValueError):
        return None


def _from_quantiles(
    threshold: Threshold, quantiles: Mapping[str, Sequence[float]], counts: tuple[int, int]
) -> Rates:
    def below(name: str, score: float, *, equal: bool) -> float:
        values = np.asarray(quantiles[name], np.float64)
        place = int(np.searchsorted(values, score, side="right" if equal else "left"))
        if place in (0, len(values)):
            return float(place > 0)
        # The share is between (place - 1) / (count - 1) and place / (count - 1): the midpoint.
        return (place - 0.5) / (len(values) - 1)

    at_upper = not threshold.accept_equal
    rejected = {
        name: below(name, threshold.value, equal=at_upper) for name in ("spoof", "bonafide")
    }
    if threshold.lower is None:
        spoofed = rejected
    else:
        spoofed = {name: below(name, threshold.lower, equal=True) for name in rejected}
    return Rates(
        false_accept=1 - rejected["spoof"],
        false_reject=spoofed["bonafide"],
        unsure_spoof=rejected["spoof"] - spoofed["spoof"],
        unsure_bonafide=rejected["bonafide"] - spoofed["bonafide"],
        n_spoof=counts[0],
        n_bonafide=counts[1],
    )


def _from_operating_points(
    threshold: Threshold, points: Sequence[Mapping[str, Any]], counts: tuple[int, int]
) -> Rates | None:
    """Returns the rates for models of older versions without quantiles of scores."""
    names = {threshold.name, _OLD_NAMES.get(threshold.name)}
    for point in points:
        if point["name"] in names and math.isclose(
            point["threshold"], threshold.value, rel_tol=1e-4, abs_tol=1e-4
        ):
            return Rates(point["far"], point["frr"], 0.0, 0.0, *counts)
    return None


def _of_100(share: float) -> str:
    number = f"{100 * share:.0f}" if 0.01 <= share <= 0.99 or share in (0, 1) else None
    return f"{number or f'{100 * share:.1f}'} of 100"


def _percent(share: float) -> str:
    # No rounding to 0 % or 100 % of other shares.
    return f"{100 * share:.0f} %" if 0.01 <= share <= 0.99 or share in (0, 1) else percent(share)
