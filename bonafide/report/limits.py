"""Limits for `bonafide evaluate`: the gate of any system's scores, with the rules that are named.

A limit that nobody named is not checked: the defaults of the pipeline's gate are for models that
it has trained and calibrated itself, and scores of others may be no log-likelihood ratios.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bonafide.metrics.gate import GateConfig, Overlap, Verdict, decide
from bonafide.settings import SettingsError, overrides, yaml_file
from bonafide.settings.overrides import Change

if TYPE_CHECKING:
    from bonafide.metrics.results import Evaluation
    from bonafide.metrics.treated import TreatedTrials

# What is known of a score file: not what its system was trained on.
NAMES = (
    *("max_eer", "max_unseen_attack_eer", "max_regression", "max_relative_regression"),
    *("max_reference_regression", "max_worst_attack_eer", "max_condition_far"),
    *("max_condition_frr", "max_calibration_loss", "min_bonafide", "min_spoof"),
    *("min_speakers", "min_spoof_speakers"),
)
# The option that gives what a rule compares.
_NEEDS = {
    "max_regression": "baseline",
    "max_relative_regression": "baseline",
    "max_reference_regression": "reference",
    "max_condition_far": "condition",
    "max_condition_frr": "condition",
}
_SECTION = "gate"


@dataclasses.dataclass(frozen=True)
class _Tree:
    gate: GateConfig = dataclasses.field(default_factory=GateConfig)


@dataclasses.dataclass(frozen=True)
class Limits:
    """The rules that were named.

    Attributes:
        config: With their limits.
        names: Of the rules.
        source: Where they come from, for people.
    """

    config: GateConfig
    names: frozenset[str]
    source: str

    def decide(self, evaluation: Evaluation, conditions: TreatedTrials | None) -> Verdict:
        """Applies the named rules."""
        verdict = decide(evaluation, self.config, Overlap(), conditions)
        return Verdict(tuple(rule for rule in verdict.rules if rule.name in self.names))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--gate` and an option for each limit."""
    group = parser.add_argument_group(
        "gate", "limits for these scores; the exit code is 3 where one is not kept"
    )
    group.add_argument(
        "--gate",
        metavar="FILE",
        help="YAML file of limits, such as 'max_eer: 0.05'; only those that it names are checked",
    )
    for name in NAMES:
        group.add_argument(_option(name), metavar="LIMIT", help=_HELP[name])


_HELP = {
    "max_eer": "highest EER, upper end of its interval, a fraction",
    "max_regression": "highest difference in EER from --baseline, upper end of its interval",
    "max_unseen_attack_eer": "highest EER on attacks never seen, upper end of the interval by "
    "speakers and attacks",
    "max_relative_regression": "the same as a fraction of the EER of --baseline",
    "max_reference_regression": "the same as --max-regression for --reference",
    "max_worst_attack_eer": "highest EER of a single attack, as measured",
    "max_condition_far": "highest FAR under a --condition, upper end of its interval",
    "max_condition_frr": "the same of the FRR",
    "max_calibration_loss": "highest Cllr - min Cllr, in bits",
    "min_bonafide": "fewest bona fide trials",
    "min_spoof": "fewest spoofed trials",
    "min_speakers": "fewest speakers with bona fide trials",
    "min_spoof_speakers": "fewest speakers with spoofed trials",
}


def limits_of(options: argparse.Namespace) -> Limits | None:
    """Returns the limits of a command line; options win over the file. None without any.

    Raises:
        SettingsError: A limit that is none, an unknown name, a file that names no limit, or a rule
            whose other side is not given.
    """
    changes: dict[str, Change] = {}
    if options.gate is not None:
        content, places = yaml_file.read_yaml(options.gate)
        for change in yaml_file.changes_of(content, places):
            name = change.name.removeprefix(f"{_SECTION}.")
            if name not in NAMES:
                raise SettingsError(
                    f"one of {', '.join(NAMES)}", repr(change.name), place=change.place
                )
            changes[name] = dataclasses.replace(change, name=f"{_SECTION}.{name}")
        if not changes:
            raise SettingsError("limits, such as max_eer: 0.05", "none", place=options.gate)
    sources = [options.gate] if options.gate is not None else []
    for name in NAMES:
        if (value := getattr(options, name)) is not None:
            changes[name] = Change(f"{_SECTION}.{name}", value, _option(name))
            sources.append(_option(name))
    if not changes:
        return None
    _refuse_without_the_other_side(changes, options)
    tree = overrides.override(_Tree(), list(changes.values()))
    return Limits(tree.gate, frozenset(changes), ", ".join(sources))


def _refuse_without_the_other_side(
    changes: Mapping[str, Change], options: argparse.Namespace
) -> None:
    for name, change in changes.items():
        needed = _NEEDS.get(name)
        if needed and not getattr(options, needed):
            raise SettingsError(
                f"--{needed} with {name}", "no such option", place=change.place,
                advice="Give it, or leave the limit out.",
            )  # fmt: skip
        if needed == "condition" and options.dev_scores is None:
            raise SettingsError(
                f"--dev-scores with {name}", "no such option", place=change.place,
                advice="FAR and FRR need a threshold that is frozen there.",
            )  # fmt: skip


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
