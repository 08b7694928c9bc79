"""The findings of DataGate as one HTML file that needs no network and runs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import markupsafe

from bonafide import text
from bonafide.report.data_pictures import HEIGHT, WIDTH, pictures_of
from bonafide.report.templating import TEMPLATES, environment

_OF_CLASS = {"bonafide": "bona fide", "spoof": "spoof"}
_REFERENCES = {"champion": "from the champion's corpus", "serving": "from the serving log"}
_IN_BITS = ("champion_drift", "serving_drift")
_MOST_ATTACKS = 3  # named beside a number


def render_data_page(
    report: Mapping[str, Any], *, title: str, date: str = "", version: str = ""
) -> str:
    """Returns the page: self-contained, the same bytes for the same report.

    Args:
        report: Content of DataGate's `report.json`.
        title: Name of the corpus.
        date: When the data was checked, ISO 8601; empty if unknown.
        version: Version of this project's code; empty if unknown.
    """
    findings = sorted(report["findings"], key=lambda found: found["severity"] != "error")
    return (
        environment()
        .get_template("data_page.html.j2")
        .render(
            report=report,
            title=title or "corpus",
            date=date,
            version=version,
            pictures=pictures_of(report),
            width=WIDTH,
            height=HEIGHT,
            findings=findings,
            errors=sum(found["severity"] == "error" for found in findings),
            warnings=sum(found["severity"] == "warning" for found in findings),
            rows=_rows(report),
            conditions=_conditions(report),
            drift=_drift(report),
            settings={
                f"data_gate.{name}": value
                for name, value in (report["levels"] | report["limits"]).items()
            },
            measured=_measured,
            short=_short,
            style=markupsafe.Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        )
    )


def _rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each measure: title, and a cell for each split, None where it is constant."""
    numbers = report["numbers"]
    return [
        {
            "name": name,
            "title": title,
            "unit": unit,
            "cells": [_cell(numbers[split].get(name)) for split in numbers],
        }
        for name, (title, unit) in report["titles"].items()
        if any(name in of_split for of_split in numbers.values())
    ]


def _cell(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    attacks: Sequence[tuple[str, float]] = list(found["attacks"].items())[:_MOST_ATTACKS]
    medians = found["medians"]
    return {
        "eer": found["eer"],
        "ci95": found["ci95"],
        "medians": medians and [_short(value) for value in medians],
        "attacks": [(attack, text.rate(eer)) for attack, eer in attacks],
    }


def _conditions(report: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Condition -> a row for each value: bona fide and spoofed utterances of each split."""
    splits = report["splits"]
    found: dict[str, dict[str, None]] = {}
    for split in splits.values():
        for name, counts in split["conditions"].items():
            found.setdefault(name, {}).update(dict.fromkeys(counts))
    return {
        name: [
            {
                "value": value or "not given",
                "cells": [of["conditions"].get(name, {}).get(value) for of in splits.values()],
            }
            for value in values
        ]
        for name, values in found.items()
    }


def _drift(report: Mapping[str, Any]) -> dict[str, Any]:
    """The table of drift: titles of the columns, and a row of cells for each measure."""
    columns = [
        (f"{_OF_CLASS[kind]}, {_REFERENCES[name]}", numbers)
        for name, found in report["drift"].items()
        for kind, numbers in found["numbers"].items()
        if numbers
    ]
    rows = [
        {"title": title, "unit": unit, "cells": [numbers.get(name) for _, numbers in columns]}
        for name, (title, unit) in report["titles"].items()
        if any(name in numbers for _, numbers in columns)
    ]
    return {
        "columns": [title for title, _ in columns],
        "rows": rows,
        "champion": report["drift"].get("champion"),
        "serving": report["drift"].get("serving"),
    }


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}".replace("-", "\u2212")


def _measured(rule: str, value: float | None) -> str:
    """A value or limit of a finding: divergences in bits, shares in per cent, or counts."""
    if value is None:
        return ""
    if rule in _IN_BITS:
        return f"{value:.2f} bits"
    return text.rate(value) if isinstance(value, float) else text.count(value)
