"""Findings of the rules, one for each fault, and their report."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bonafide import text
from components.data_gate.config import DataGateConfig

_SHOWN = 20


class Severity(enum.StrEnum):
    """Effect of a finding on the run."""

    ERROR = "error"  # stops the run
    WARNING = "warning"  # is reported


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault of the data.

    Attributes:
        rule: Name of the rule that found it, e.g. `class_counts`.
        severity: Whether it stops the run.
        split: Split it was found in, such as `train` or `train and eval`; '' for all of them.
        subject: What the finding is about: a feature, class, speaker, ...
        value: Measured value; None if the rule measures nothing.
        limit: Limit of the value; None likewise.
        message: The fault and the remedy, a sentence each.
    """

    rule: str
    severity: Severity
    split: str
    subject: str
    message: str
    value: float | None = None
    limit: float | None = None

    def __str__(self) -> str:
        where = f"{self.split}: " if self.split else ""
        return f"[{self.rule}] {where}{self.subject}: {self.message}"


def finding(config: DataGateConfig, rule: str, **fields: Any) -> Finding | None:
    """Returns a finding with the severity of the settings; None if the rule is off."""
    level = getattr(config, rule)
    if level == "off":
        return None
    severity = Severity.ERROR if level == "error" else Severity.WARNING
    return Finding(rule=rule, severity=severity, **fields)


def settled(findings: Sequence[Finding], config: DataGateConfig) -> list[Finding]:
    """Returns findings that have a severity of their own, limited by the settings.

    If a rule is off, its findings are removed; if it warns, its errors become warnings.
    """
    return [
        dataclasses.replace(found, severity=Severity.WARNING) if level == "warn" else found
        for found in findings
        if (level := getattr(config, found.rule)) != "off"
    ]


class DataGateError(Exception):
    """The data is not fit for training; the message lists the reasons."""


def errors_in(findings: Sequence[Finding]) -> list[Finding]:
    """Returns the findings that stop the run."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def refusal(findings: Sequence[Finding]) -> str:
    """Returns the message that names the errors among the findings, the first 20 in full."""
    errors = errors_in(findings)
    lines = [f"The data did not pass its checks: {text.plural(len(errors), 'error')}."]
    lines += [f"  {finding}" for finding in errors[:_SHOWN]]
    if len(errors) > _SHOWN:
        lines.append(f"  ... and {len(errors) - _SHOWN} more")
    rules = ", ".join(dict.fromkeys(f"data_gate.{error.rule}=warn" for error in errors))
    lines.append(f"Correct the data, or accept it as it is (--set {rules}).")
    return "\n".join(lines)


def report_of(
    findings: Sequence[Finding], counts: Mapping[str, Mapping[str, int]], figures: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the report, ready for JSON.

    Args:
        findings: All of them.
        counts: Split -> class -> utterances.
        figures: Further figures.
    """
    return {
        "passed": not errors_in(findings),
        "counts": counts,
        "findings": [dataclasses.asdict(found) for found in findings],
        **figures,
    }


def to_json(report: Mapping[str, Any]) -> str:
    """Returns the report as text."""
    return json.dumps(report, indent=2, allow_nan=False) + "\n"
