"""What operating points mean for calls: the headline, the call centre, the default of scoring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bonafide import text
from bonafide.metrics.results import Evaluation, OperatingPoint, point_of
from bonafide.report.contents import ReportContents

CALLS = 10_000


@dataclass(frozen=True)
class CallCentre:
    """What an operating point means for 10,000 calls of which some are attacks.

    Attributes:
        accepted_attacks: Accepted attacks, of those.
        rejected_callers: Rejected genuine callers, of the others.
        attack_share: Share of alarms that are attacks; None if there is no alarm.
        accepted_ends: 95 % interval of the accepted attacks; None where the rate has none.
        rejected_ends: The same of the rejected callers.
    """

    accepted_attacks: float
    rejected_callers: float
    attack_share: float | None
    accepted_ends: tuple[float, float] | None
    rejected_ends: tuple[float, float] | None


def attack_calls(contents: ReportContents) -> float:
    """Returns the expected attacks among `CALLS` calls."""
    return CALLS * contents.calls_attacked


def call_centre(point: OperatingPoint, attacks: float) -> CallCentre:
    """Returns the expected results of an operating point.

    Args:
        point: The operating point.
        attacks: Attacks among the `CALLS` calls.
    """
    callers = CALLS - attacks
    accepted = point.rates.far * attacks
    rejected = point.rates.frr * callers
    alarms = attacks - accepted + rejected
    share = (attacks - accepted) / alarms if alarms > 0 else None
    return CallCentre(
        accepted,
        rejected,
        share,
        accepted_ends=_times(point.far_ci95, attacks),
        rejected_ends=_times(point.frr_ci95, callers),
    )


def _times(ends: tuple[float, float] | None, calls: float) -> tuple[float, float] | None:
    return None if ends is None else (ends[0] * calls, ends[1] * calls)


@dataclass(frozen=True)
class Share:
    """A share of calls in the headline.

    Attributes:
        title: What is counted.
        value: Fraction.
        ci95: Its interval; None if there is none.
        good: Whether a high share is good.
        unseen_ci95: Its interval for attacks never seen; None if there is none.
    """

    title: str
    value: float
    ci95: tuple[float, float] | None
    good: bool
    unseen_ci95: tuple[float, float] | None = None


def headline(evaluation: Evaluation) -> tuple[Share, Share] | None:
    """Returns the shares of detected attacks and of rejected callers at the threshold `eer`.

    It is the threshold of the gate's conditions and of the hardest trials, fixed on dev where there
    is a dev set. None without operating points.
    """
    point = point_of(evaluation, "eer")
    if point is None:
        return None
    detected = Share(
        "Attacks detected",
        1 - point.rates.far,
        _complement(point.far_ci95),
        good=True,
        unseen_ci95=_complement(point.far_unseen_ci95),
    )
    return (
        detected,
        Share("Genuine callers rejected", point.rates.frr, point.frr_ci95, good=False),
    )


def _complement(ends: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if ends is None else (1 - ends[1], 1 - ends[0])


def headline_sentence(evaluation: Evaluation) -> str:
    """Returns the headline in words; empty without operating points."""
    shares, point = headline(evaluation), point_of(evaluation, "eer")
    if shares is None or point is None:
        return ""
    caught, stopped = shares
    chosen = "fixed on dev" if point.chosen_on == "dev" else "chosen on these trials"
    return (
        f"At the threshold eer ({text.score(point.threshold)}, {chosen}), the detector detects "
        f"{_share(caught)} of the attacks and rejects {_share(stopped)} of the genuine callers."
    )


def _share(share: Share) -> str:
    ends = f" ({text.interval(share.ci95, 'rate')})" if share.ci95 else ""
    return f"{text.rate(share.value)}{ends}"


def unseen_sentence(evaluation: Evaluation) -> str:
    """Returns in a sentence what the two intervals mean; empty without the second one."""
    figure = evaluation.figures["eer"]
    if figure.ci95 is None or figure.unseen_ci95 is None:
        return ""
    attacks = text.plural(len(evaluation.per_attack), "attack")
    return (
        f"The first interval of a figure is for other {evaluation.bootstrap.unit}s and these "
        f"{attacks}; the second one is for other {evaluation.bootstrap.unit}s and attacks never "
        f"seen, of the kind that these {attacks} are a sample of "
        f"(EER {text.interval(figure.unseen_ci95, 'rate')})."
    )


@dataclass(frozen=True)
class DefaultDecision:
    """What `bonafide score` decides by default about these trials, with the band frr5 to far5.

    Attributes:
        lower: Scores at or below it are spoofs.
        upper: Scores above it are bona fide; between them: not sure.
        missed: Share of spoofs that are called bona fide.
        unsure_spoof: Share of spoofs in between.
        stopped: Share of bona fide trials that are called spoof.
        unsure_bonafide: Share of bona fide trials in between.
    """

    lower: float
    upper: float
    missed: float
    unsure_spoof: float
    stopped: float
    unsure_bonafide: float


def default_decision(contents: ReportContents) -> DefaultDecision | None:
    """Returns the decisions of the default band; None without its thresholds.

    Where frr5 is not below far5 there is one threshold, the one between them that is nearest to
    that of the EER, as in `bonafide.scoring.thresholds`.
    """
    points = [point_of(contents.evaluation, name) for name in ("eer", "frr5", "far5")]
    eer, lower, upper = (None if point is None else point.threshold for point in points)
    if eer is None or lower is None or upper is None:
        return None
    if lower >= upper:
        lower = upper = min(max(eer, upper), lower)
    trials = contents.trials
    bonafide, spoof = trials.scores[trials.is_bonafide], trials.scores[~trials.is_bonafide]
    return DefaultDecision(
        lower=lower,
        upper=upper,
        missed=float(np.mean(spoof > upper)),
        unsure_spoof=float(np.mean((spoof > lower) & (spoof <= upper))),
        stopped=float(np.mean(bonafide <= lower)),
        unsure_bonafide=float(np.mean((bonafide > lower) & (bonafide <= upper))),
    )


def default_sentence(contents: ReportContents) -> str:
    """Returns the default decisions of `bonafide score` in words; empty without thresholds."""
    found = default_decision(contents)
    if found is None:
        return ""
    if found.lower == found.upper:
        return (
            "bonafide score decides by default at one threshold, "
            f"{text.score(found.upper)}, because frr5 is not below far5: it would miss "
            f"{text.rate(found.missed)} of these spoofs and reject {text.rate(found.stopped)} of "
            "these bona fide trials."
        )
    return (
        f"bonafide score decides by default with two thresholds: spoof at or below frr5 "
        f"({text.score(found.lower)}), bona fide above far5 ({text.score(found.upper)}), not sure "
        f"between. Of these trials it would call {text.rate(found.missed)} of the spoofs bona fide "
        f"and be not sure of {text.rate(found.unsure_spoof)}; it would call "
        f"{text.rate(found.stopped)} of the bona fide trials spoof and be not sure of "
        f"{text.rate(found.unsure_bonafide)}."
    )
