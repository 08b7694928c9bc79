"""The gate: the rules that decide whether a model may be pushed, in one place.

Rules use the unfavourable end of an interval, not the point estimate: an EER of 3 % whose interval
ends at 6 % counts as 6 %. Standard library only, so that settings load fast.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bonafide.audio.degradation_specs import title_of
from bonafide.metrics import attack_counts
from bonafide.settings import Bounds, Section
from bonafide.settings.types import Fraction
from bonafide.text import percent

if TYPE_CHECKING:
    from bonafide.metrics.power import Power
    from bonafide.metrics.results import Evaluation, Figure
    from bonafide.metrics.treated import TreatedTrials

_NAMED = 5  # number of ids shown of an overlap


@dataclass(frozen=True, kw_only=True)
class GateConfig(Section, section="gate"):
    """Requirements for a push.

    Attributes:
        max_eer: Maximum EER on the eval split: the upper end of its 95 % interval by
            speakers must be at or below it.
        max_unseen_attack_eer: Maximum EER on attacks that eval does not have: the upper end of the
            95 % interval by speakers and attacks must be at or below it; 1 disables the rule. It
            needs at least two attacks, and some ten to be of use.
        max_regression: Maximum regression against the champion: the upper end of the paired
            95 % interval of the difference in EER on the same trials must be at or below it. Not
            applied if there is no champion.
        max_relative_regression: The same as a fraction of the champion's EER (counted as at least
            one error of the smaller class): 1 allows at most twice its EER.
        max_reference_regression: The same as `max_regression` against the best version so far, by
            the differences added up over promotions, so that small losses cannot add up; in
            `bonafide evaluate` against `--reference`. Not applied if there is no champion.
        max_worst_attack_eer: Maximum EER of any single attack with at least 20 spoofs, as measured
            (the worst of many is already a cautious figure).
        max_condition_far: Maximum share of spoofs that are accepted at the fixed threshold
            under any condition (codecs, band limits, noise), upper end of its interval; 1
            disables the rule.
        max_condition_frr: Maximum share of bona fide recordings that are rejected, likewise.
        max_calibration_loss: Maximum calibration loss, Cllr - min Cllr.
        min_bonafide: Minimum number of bona fide trials.
        min_spoof: Minimum number of spoofed trials.
        min_speakers: Minimum number of speakers with bona fide trials.
        min_spoof_speakers: Minimum number of speakers with spoofed trials. Synthetic voices count
            here and not in `min_speakers`.
        allow_attack_overlap: Whether the eval split may have attacks of the train split. Speakers
            of the train split are never allowed.
    """

    max_eer: Fraction = 0.5
    max_unseen_attack_eer: Fraction = 1.0
    max_regression: Fraction = 0.02
    max_relative_regression: Annotated[float, Bounds(ge=0, le=1000, unit="of its EER")] = 1.0
    max_reference_regression: Fraction = 0.02
    max_worst_attack_eer: Fraction = 1.0
    max_condition_far: Fraction = 1.0
    max_condition_frr: Fraction = 1.0
    max_calibration_loss: Annotated[float, Bounds(ge=0, le=1000, unit="bits")] = 0.2
    min_bonafide: Annotated[int, Bounds(ge=1, lt=2**31, unit="trials")] = 20
    min_spoof: Annotated[int, Bounds(ge=1, lt=2**31, unit="trials")] = 20
    min_speakers: Annotated[int, Bounds(ge=1, lt=2**31, unit="speakers")] = 4
    min_spoof_speakers: Annotated[int, Bounds(ge=1, lt=2**31, unit="speakers")] = 2
    allow_attack_overlap: bool = False

    @property
    def needs_conditions(self) -> bool:
        """Whether a rule uses the error rates under conditions."""
        return min(self.max_condition_far, self.max_condition_frr) < 1


@dataclass(frozen=True)
class Overlap:
    """Speakers and attacks that the evaluated split shares with the training split.

    Attributes:
        speakers: Ids of speakers in both, sorted.
        attacks: Ids of attacks in both, sorted.
    """

    speakers: tuple[str, ...] = ()
    attacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One rule of the gate and its result.

    Attributes:
        name: The setting that defines its limit.
        title: Description of the measured value.
        value: Measured value; None if it could not be computed (the rule then fails).
        limit: Limit of the value.
        unit: `rate` (a fraction), `points` (a difference of fractions), `bits` or `count`.
        at_most: True if the limit is a maximum, False if it is a minimum.
        passed: Whether the model passes this rule.
        detail: Additional information; may be empty.
    """

    name: str
    title: str
    value: float | None
    limit: float
    unit: str
    at_most: bool
    passed: bool
    detail: str = ""

    @property
    def value_text(self) -> str:
        """The value as text."""
        return "not known" if self.value is None else _shown(self.value, self.unit)

    @property
    def limit_text(self) -> str:
        """The limit as text, with its direction."""
        return f"{'at most' if self.at_most else 'at least'} {_shown(self.limit, self.unit)}"

    @property
    def sentence(self) -> str:
        """Measured value and limit, for the console and logs."""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.title}: {self.value_text}, expected {self.limit_text}{detail}"


@dataclass(frozen=True)
class Verdict:
    """Verdict of the gate.

    Attributes:
        rules: All rules, in a fixed order.
    """

    rules: tuple[Rule, ...]

    @property
    def passed(self) -> bool:
        """Whether every rule passed; False without rules."""
        return bool(self.rules) and all(rule.passed for rule in self.rules)

    @property
    def failures(self) -> tuple[str, ...]:
        """A sentence for each rule that failed."""
        return tuple(rule.sentence for rule in self.rules if not rule.passed)

    def to_json(self) -> dict[str, Any]:
        """Returns the verdict ready for JSON."""
        return {"passed": self.passed, "rules": [dataclasses.asdict(rule) for rule in self.rules]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        """Reads the result of `to_json`."""
        return cls(tuple(Rule(**rule) for rule in data["rules"]))


def decide(
    evaluation: Evaluation,
    config: GateConfig,
    overlap: Overlap,
    conditions: TreatedTrials | None = None,
) -> Verdict:
    """Applies every rule.

    Args:
        evaluation: Evaluation of the new model on eval, with its comparison with the champion.
        config: The limits.
        overlap: Speakers and attacks that eval shares with train.
        conditions: Results of the new model on degraded recordings of eval; None if none were
            scored: rules that need them then fail.
    """
    found = evaluation.figures
    eer = found["eer"]
    loss = found["cllr"].value - found["min_cllr"].value
    rules = [
        _at_most(
            "max_eer",
            f"EER on eval, upper end of its 95 % interval by {evaluation.bootstrap.unit}s",
            eer.ci95[1] if eer.ci95 else None,
            config.max_eer,
            "rate",
            f"the EER is {percent(eer.value)}" if eer.ci95 else evaluation.bootstrap.missing,
        )
    ]
    if config.max_unseen_attack_eer < 1:
        rules.append(_unseen_rule(evaluation, config.max_unseen_attack_eer))
    rules += [
        *_champion_rules(evaluation, config),
        *_reference_rules(evaluation, config),
        _at_most(
            "max_worst_attack_eer",
            "EER of the worst attack",
            found["worst_attack_eer"].value,
            config.max_worst_attack_eer,
            "rate",
            _worst_attack_words(evaluation),
        ),
        *_condition_rules(conditions, config, evaluation.bootstrap.unit),
        _at_most(
            "max_calibration_loss",
            "Calibration loss (Cllr - min Cllr)",
            loss,
            config.max_calibration_loss,
            "bits",
            f"Cllr is {found['cllr'].value:.3f}, min Cllr {found['min_cllr'].value:.3f} bits",
        ),
        _at_least("min_bonafide", "Bona fide trials", evaluation.n_bonafide, config.min_bonafide),
        _at_least("min_spoof", "Spoofed trials", evaluation.n_spoof, config.min_spoof),
        _at_least(
            "min_speakers",
            "Speakers with bona fide trials",
            evaluation.n_bonafide_speakers,
            config.min_speakers,
        ),
        _at_least(
            "min_spoof_speakers",
            "Speakers with spoofed trials",
            evaluation.n_spoof_speakers,
            config.min_spoof_speakers,
        ),
        _at_most(
            "speaker_overlap",
            "Eval speakers that are in training",
            len(overlap.speakers),
            0,
            "count",
            _names(overlap.speakers),
        ),
    ]
    if not config.allow_attack_overlap:
        rules.append(
            _at_most(
                "allow_attack_overlap",
                "Eval attacks that are in training",
                len(overlap.attacks),
                0,
                "count",
                _names(overlap.attacks),
            )
        )
    return Verdict(tuple(rules))


def _unseen_rule(evaluation: Evaluation, limit: float) -> Rule:
    """Returns the rule about attacks that eval does not have."""
    eer = evaluation.figures["eer"]
    attacks = len(evaluation.per_attack)
    detail = f"{attacks:,} attacks in eval" if attacks != 1 else "1 attack in eval"
    return _at_most(
        "max_unseen_attack_eer",
        "EER on attacks never seen, upper end of its 95 % interval by "
        f"{evaluation.bootstrap.unit}s and attacks",
        eer.unseen_ci95[1] if eer.unseen_ci95 else None,
        limit,
        "rate",
        detail,
    )


def _champion_rules(evaluation: Evaluation, config: GateConfig) -> list[Rule]:
    """Returns the absolute and the relative rule; none without a champion."""
    comparison = evaluation.comparison
    if comparison is None:
        return []
    delta, champion = comparison.differences["eer"], comparison.figures["eer"].value
    upper = delta.ci95[1] if delta.ci95 else None
    one_error = 1 / max(1, min(evaluation.n_bonafide, evaluation.n_spoof))
    base = max(champion, one_error)
    absolute = _at_most(
        "max_regression",
        "EER difference from the champion, upper end of the paired 95 % interval",
        upper,
        config.max_regression,
        "points",
        f"the champion has {percent(champion)}, the difference is {100 * delta.value:+.2f} "
        f"percentage points{_power_words(comparison.power, config.max_regression)}",
    )
    of_its_own = "" if base == champion else ", counted as one error"
    relative = _at_most(
        "max_relative_regression",
        "The same as a share of the champion's EER",
        None if upper is None else upper / base,
        config.max_relative_regression,
        "rate",
        f"the champion has {percent(champion)}{of_its_own}"
        f"{_power_words(comparison.power, config.max_relative_regression * base)}",
    )
    return [absolute, relative]


def _reference_rules(evaluation: Evaluation, config: GateConfig) -> list[Rule]:
    """Returns the rule about a fixed reference; none without one."""
    reference = evaluation.reference
    if reference is None:
        return []
    delta = reference.difference
    rule = _at_most(
        "max_reference_regression",
        f"EER difference from {reference.name}, upper end of the paired 95 % interval",
        delta.ci95[1] if delta.ci95 else None,
        config.max_reference_regression,
        "points",
        f"its EER is {percent(reference.eer.value)}, the difference is "
        f"{100 * delta.value:+.2f} percentage points"
        f"{_power_words(reference.power, config.max_reference_regression)}",
    )
    return [rule]


def _power_words(power: Power | None, limit: float) -> str:
    """Returns what the trials can show, after a detail; empty without an interval."""
    if power is None:
        return ""
    refused = power.refused_equals(limit)
    share = "under 1 %" if refused < 0.01 else f"{100 * refused:.0f} %"
    return (
        f"; these trials show a difference of {100 * power.detectable:.2f} points in 80 % of runs, "
        f"and this limit refuses an equally good model in {share}"
    )


def _condition_rules(conditions: TreatedTrials | None, config: GateConfig, unit: str) -> list[Rule]:
    """Returns the enabled rules about degraded recordings."""
    titles = {"far": "Spoofs accepted (FAR)", "frr": "Bona fide recordings rejected (FRR)"}
    limits = {"far": config.max_condition_far, "frr": config.max_condition_frr}
    rules = []
    for name, limit in limits.items():
        if limit >= 1:
            continue
        end: float | None = None
        detail = "no condition was scored: evaluation.conditions or cue_utterances is empty"
        if conditions is not None and (worst := conditions.worst(name))[0]:
            spec, end = worst
            figure: Figure | None = getattr(conditions.results[spec], name)
            measured = f" {percent(figure.value)}" if figure else " no rate"
            detail = f"{title_of(spec)}:{measured}{', without an interval' if end is None else ''}"
        title = f"{titles[name]} in the worst condition, upper end of its 95 % interval by {unit}s"
        rules.append(_at_most(f"max_condition_{name}", title, end, limit, "rate", detail))
    return rules


def _worst_attack_words(evaluation: Evaluation) -> str:
    spoofs = {name: found.n_spoof for name, found in evaluation.per_attack.items()}
    few = len(spoofs) - len(attack_counts.counted(spoofs))
    least = attack_counts.LEAST_TRIALS
    left_out = f", {few:,} with fewer than {least} spoofs left out" if few else ""
    return f"the worst attack is {evaluation.worst_attack}{left_out}"


def _at_most(
    name: str, title: str, value: float | None, limit: float, unit: str, detail: str = ""
) -> Rule:
    passed = value is not None and value <= limit
    return Rule(name, title, value, limit, unit, True, passed, detail)


def _at_least(name: str, title: str, value: int | None, limit: int) -> Rule:
    return Rule(name, title, value, limit, "count", False, value is not None and value >= limit)


def _names(ids: tuple[str, ...]) -> str:
    if not ids:
        return ""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more


def _shown(value: float, unit: str) -> str:
    if unit == "rate":
        return percent(value)
    if unit == "points":
        return f"{100 * value:.2f} points"
    if unit == "bits":
        return f"{value:.3f} bits"
    return f"{value:,.0f}"
