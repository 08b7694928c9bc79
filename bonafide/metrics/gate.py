"""The gate: the rules that decide whether a model may be pushed. The only place where they live.

Rules look at the cautious end of an interval, not at the point: an EER of 3 % that may well be 6 %
counts as 6 %. Standard library only, so that settings can be read without waiting for imports.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bonafide.audio.degradation_specs import title_of
from bonafide.settings import Bounds, Section
from bonafide.settings.types import Fraction
from bonafide.text import percent

if TYPE_CHECKING:
    from bonafide.metrics.evaluation import Evaluation, Figure
    from bonafide.metrics.treated import TreatedTrials

_NAMED = 5  # ids shown of an overlap


@dataclass(frozen=True, kw_only=True)
class GateConfig(Section, section="gate"):
    """What a model must reach to be pushed.

    Attributes:
        max_eer: Highest EER on the eval split that passes: the upper end of its 95 % interval by
            speakers must be at or below it.
        max_regression: How much worse than the champion a model may be: the upper end of the paired
            95 % interval of the difference in EER on the same trials must be at or below it. Not
            applied if there is no champion.
        max_worst_attack_eer: Highest EER of any single attack, as measured (the worst of many is
            already a cautious figure).
        max_condition_far: Highest share of spoofs that may be accepted at the frozen threshold
            under any of the conditions (codecs, band limits, noise), upper end of its interval; 1
            turns the rule off.
        max_condition_frr: Highest share of bona fide recordings that may be rejected, likewise.
        max_calibration_loss: Highest Cllr - min Cllr: what scores lose by not being calibrated.
        min_bonafide: Smallest number of bona fide trials on which a model may be judged.
        min_spoof: Smallest number of spoofed trials on which a model may be judged.
        min_speakers: Smallest number of speakers with bona fide trials on which a model may be
            judged.
        min_spoof_speakers: Smallest number of speakers with spoofed trials. Voices that are only
            synthetic count here and not in `min_speakers`.
        allow_attack_overlap: Let the eval split hold attacks of the train split. Speakers of the
            train split are never let through.
    """

    max_eer: Fraction = 0.5
    max_regression: Fraction = 0.02
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
        """Whether a rule reads the error rates under conditions."""
        return min(self.max_condition_far, self.max_condition_frr) < 1


@dataclass(frozen=True)
class Overlap:
    """What the evaluated split shares with the training split.

    Attributes:
        speakers: Ids of speakers in both, sorted.
        attacks: Ids of attacks in both, sorted.
    """

    speakers: tuple[str, ...] = ()
    attacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One rule of the gate and how it came out.

    Attributes:
        name: The setting of the gate that it belongs to.
        title: What is checked, for people.
        value: What was found; None where it could not be computed (then it does not pass).
        limit: What was allowed.
        unit: `rate` (a fraction), `points` (a difference of fractions), `bits` or `count`.
        at_most: True where the value may be at most the limit, False where it must be at least.
        passed: Whether the model passes this rule.
        detail: One sentence more; may be empty.
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
        """The value for people."""
        return "not known" if self.value is None else _shown(self.value, self.unit)

    @property
    def limit_text(self) -> str:
        """The limit for people, with its direction."""
        return f"{'at most' if self.at_most else 'at least'} {_shown(self.limit, self.unit)}"

    @property
    def sentence(self) -> str:
        """Measured value and limit, for a console or a log."""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.title}: {self.value_text}, expected {self.limit_text}{detail}"


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Attributes:
        rules: All of them, in a fixed order.
    """

    rules: tuple[Rule, ...]

    @property
    def passed(self) -> bool:
        """Whether every rule passed; False without rules."""
        return bool(self.rules) and all(rule.passed for rule in self.rules)

    @property
    def failures(self) -> tuple[str, ...]:
        """A sentence for each rule that did not pass."""
        return tuple(rule.sentence for rule in self.rules if not rule.passed)

    def to_json(self) -> dict[str, Any]:
        """Returns the verdict ready for JSON."""
        return {"passed": self.passed, "rules": [dataclasses.asdict(rule) for rule in self.rules]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        """Reads back what `to_json` wrote."""
        return cls(tuple(Rule(**rule) for rule in data["rules"]))


def decide(
    evaluation: Evaluation,
    config: GateConfig,
    overlap: Overlap,
    conditions: TreatedTrials | None = None,
) -> Verdict:
    """Applies every rule.

    Args:
        evaluation: Of the new model on the eval split; compared with the champion if there is one.
        config: The limits.
        overlap: What the eval split shares with train.
        conditions: How the new model does on degraded recordings of eval; None where none were
            scored: rules that ask for them do not pass then.
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
    if evaluation.comparison is not None:
        delta = evaluation.comparison.differences["eer"]
        champion = evaluation.comparison.figures["eer"].value
        rules.append(
            _at_most(
                "max_regression",
                "EER difference from the champion, upper end of the paired 95 % interval",
                delta.ci95[1] if delta.ci95 else None,
                config.max_regression,
                "points",
                f"the champion has {percent(champion)}, the difference is {100 * delta.value:+.2f} "
                "percentage points",
            )
        )
    rules += [
        _at_most(
            "max_worst_attack_eer",
            "EER of the worst attack",
            found["worst_attack_eer"].value,
            config.max_worst_attack_eer,
            "rate",
            f"the worst attack is {evaluation.worst_attack}",
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


def _condition_rules(conditions: TreatedTrials | None, config: GateConfig, unit: str) -> list[Rule]:
    """The rules of degraded recordings that are on."""
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
            measured = f" it is {percent(figure.value)}" if figure else " there is no rate"
            detail = f"{title_of(spec)}:{measured}{', without an interval' if end is None else ''}"
        title = f"{titles[name]} in the worst condition, upper end of its 95 % interval by {unit}s"
        rules.append(_at_most(f"max_condition_{name}", title, end, limit, "rate", detail))
    return rules


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
