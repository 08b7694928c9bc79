"""What a rule of the gate says: one finding a fault, and the report made of them."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Sequence
from typing import Any

_SHOWN = 20


class Severity(enum.StrEnum):
    """What a finding does to the run."""

    ERROR = "error"  # stops it
    WARNING = "warning"  # is shown


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault of the data.

    Attributes:
        rule: Name of the rule that found it, e.g. `class_counts`.
        severity: Whether it stops the run.
        split: Split it was found in, or '' for several.
        subject: What is at fault: a feature, class, speaker, ...
        value: Measured value, None where the rule measures nothing.
        limit: Value it was compared with, None likewise.
        message: What is wrong and what to do, a sentence each.
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


class DataGateError(Exception):
    """The data must not be trained on; the message lists why."""


def errors_in(findings: Sequence[Finding]) -> list[Finding]:
    """Returns the findings that stop the run."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def refusal(findings: Sequence[Finding]) -> str:
    """Returns the message that names the errors among the findings, the first 20 in full."""
    errors = errors_in(findings)
    lines = [f"The data did not pass its checks, {len(errors)} error(s):"]
    lines += [f"  {finding}" for finding in errors[:_SHOWN]]
    if len(errors) > _SHOWN:
        lines.append(f"  ... and {len(errors) - _SHOWN} more")
    return "\n".join(lines)


def to_json(findings: Sequence[Finding], counts: dict[str, dict[str, int]]) -> str:
    """Returns the report: whether the data passed, utterances by split and class, findings."""
    report: dict[str, Any] = {
        "passed": not errors_in(findings),
        "counts": counts,
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }
    return json.dumps(report, indent=2) + "\n"
