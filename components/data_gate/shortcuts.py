"""Rules about shortcuts: measures that separate the classes without analysing speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bonafide.dataset.listing import CONDITIONS
from bonafide.text import percent
from components.data_gate.advice import advice, title, value_text
from components.data_gate.config import DataGateConfig
from components.data_gate.findings import Finding, finding
from components.data_gate.in_force import InForce
from components.data_gate.separation import COLUMNS, Separation

_ALIKE = ("train", "eval")
_SHOWN = 5


def find_shortcuts(
    single: Mapping[str, Sequence[Separation]],
    combined: Mapping[str, Separation],
    config: DataGateConfig,
    in_force: InForce = InForce(),  # noqa: B008 (frozen)
) -> list[Finding]:
    """Returns a finding for each measure that is a shortcut, and for all together.

    A measure is reported once, by the most severe of its rules that is not off.

    Args:
        single: Split -> separation by each measure.
        combined: Split -> separation by all of them.
        config: Levels and limits.
        in_force: Settings of the run, for advice.
    """
    by_number: dict[str, list[Separation]] = {}
    for separations in single.values():
        for found in separations:
            by_number.setdefault(found.number, []).append(found)
    findings: list[Finding | None] = []
    for number in COLUMNS:
        of_number = by_number.get(number, [])
        # Metadata are not in the recording, but may leave traces in it.
        for rule in (_alone,) if number in CONDITIONS else (_perfect, _alone, _attacks):
            if named := rule(of_number, config, in_force):
                findings.append(named)
                break
    findings.append(_together(list(combined.values()), config, in_force))
    return [found for found in findings if found]


def _perfect(
    found: Sequence[Separation], config: DataGateConfig, in_force: InForce
) -> Finding | None:
    limit = config.perfect_shortcut_eer
    perfect = [one for one in found if one.split in _ALIKE and one.cautious <= limit]
    same = len({one.spoof_higher for one in perfect}) == 1
    if len(perfect) < len(_ALIKE) or not same:
        return None
    return _finding("perfect_shortcut", perfect, limit, config, "almost without error", in_force)


def _alone(
    found: Sequence[Separation], config: DataGateConfig, in_force: InForce
) -> Finding | None:
    limit = config.shortcut_eer
    strong = [one for one in found if one.cautious <= limit]
    return (
        _finding("shortcut", strong, limit, config, "without analysing speech", in_force)
        if strong
        else None
    )


def _together(
    found: Sequence[Separation], config: DataGateConfig, in_force: InForce
) -> Finding | None:
    limit = config.combined_shortcut_eer
    strong = [one for one in found if one.cautious <= limit]
    if not strong:
        return None
    return _finding(
        "combined_shortcut", strong, limit, config, "without analysing speech", in_force
    )


def _attacks(
    found: Sequence[Separation], config: DataGateConfig, in_force: InForce
) -> Finding | None:
    limit = config.attack_shortcut_eer
    named = sorted(
        (eer, attack, one.split)
        for one in found
        for attack, eer in one.attacks.items()
        if eer <= limit
    )
    if not named:
        return None
    shown = ", ".join(f"{a} ({split}, {percent(e)})" for e, a, split in named[:_SHOWN])
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    number = found[0].number
    return finding(
        config,
        "attack_shortcut",
        split=_splits([split for _, _, split in named]),
        subject=title(number),
        value=named[0][0],
        limit=limit,
        message=f"alone it separates single attacks from all bona fide speech: {shown}{more}. "
        f"{advice(found[0], in_force)}",
    )


def _finding(
    rule: str,
    found: Sequence[Separation],
    limit: float,
    config: DataGateConfig,
    how: str,
    in_force: InForce,
) -> Finding | None:
    worst = min(found, key=lambda one: one.eer)
    rates = "; ".join(f"{one.split} {_rate(one)}" for one in found)
    return finding(
        config,
        rule,
        split=_splits([one.split for one in found]),
        subject=title(worst.number),
        value=worst.cautious,
        limit=limit,
        message=f"separates the classes {how}: equal error rate {rates}."
        f"{_medians(worst)} {advice(worst, in_force)}",
    )


def _splits(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return " and ".join(filter(None, [", ".join(unique[:-1]), unique[-1]]))


def _rate(found: Separation) -> str:
    if found.ci95 is None:
        return percent(found.eer)
    low, high = found.ci95
    return f"{percent(found.eer)} ({percent(low)} to {percent(high)})"


def _medians(found: Separation) -> str:
    if found.medians is None:
        return ""
    bonafide, spoof = (value_text(found.number, value) for value in found.medians)
    return f" Medians in {found.split}: bona fide {bonafide}, spoof {spoof}."
