"""The evaluation over time: pushed versions of a serving folder side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bonafide.audio.degradation_specs import title_of
from bonafide.registry.versions import read_versions, summaries
from bonafide.report.review import charts
from bonafide.report.review.page import Cell, Section, Table, View
from bonafide.report.vega import Spec
from bonafide.text import percent

LAST = 10
_EVAL, _DEV, _WORST = "EER on eval", "EER on dev", "worst attack"
_COLUMNS = (
    *("Version", "Pushed (UTC)", "EER on eval", "Worst attack", "EER on dev", "Cllr"),
    *("Worst FAR", "Worst FRR", "Threshold", "Data", "Decision"),
)


def versions_view(serving: str, last: int = LAST) -> View:
    """Returns the last versions of a serving folder: figures over time, and a table.

    Args:
        serving: Folder of a model, `serving/<name>`; a path or the URI of an object store.
        last: Number of versions.

    Raises:
        VersionError: There is no version, or a record cannot be read.
    """
    rows = summaries(read_versions(serving))[-last:]
    made = {"Error rates": _eer_chart(rows), "Thresholds (score)": _threshold_chart(rows)}
    for name, title in (
        ("far", "Spoofs accepted (FAR) by condition"),
        ("frr", "Bona fide rejected (FRR) by condition"),
    ):
        if spec := _condition_chart(rows, name, title):
            made[title] = spec
    section = Section(
        "versions",
        f"Pushed versions of {serving.rstrip('/').rpartition('/')[2]}",
        "Each figure is from the evaluation that the version was pushed with. Compare figures "
        "only between versions that were evaluated on the same data (column Data).",
        made,
        Table("Pushed versions, newest first.", _COLUMNS, [_row(each) for each in reversed(rows)]),
    )
    return View("Pushed versions", [section])


def _point(row: dict[str, Any], line: str, value: float | None, ci95: Any = None) -> dict[str, Any]:
    low, high = ci95 or (None, None)
    return {"version": row["version"], "line": line, "value": value, "low": low, "high": high}


def _eer_chart(rows: Sequence[dict[str, Any]]) -> Spec:
    points = []
    for row in rows:
        points += [
            _point(row, _EVAL, row["eval_eer"], row["eval_eer_ci95"]),
            _point(row, _WORST, row["worst_attack_eer"]),
            _point(row, _DEV, row["dev_eer"]),
        ]
    lines = [_EVAL, _WORST, _DEV]
    return charts.over_time(points, lines=lines, title="Equal error rate", name="eer")


def _threshold_chart(rows: Sequence[dict[str, Any]]) -> Spec:
    names = list(dict.fromkeys(name for row in rows for name in row["thresholds"]))
    points = [_point(row, name, row["thresholds"].get(name)) for row in rows for name in names]
    return charts.over_time(
        points, lines=names, title="Score, fixed on dev", name="threshold", rates=False
    )


def _condition_chart(rows: Sequence[dict[str, Any]], rate: str, title: str) -> Spec | None:
    specs = list(dict.fromkeys(spec for row in rows for spec in row["conditions"]))
    points = [
        _point(row, title_of(spec), row["conditions"].get(spec, {}).get(rate))
        for row in rows
        for spec in specs
    ]
    if not points:
        return None
    lines = [title_of(spec) for spec in specs]
    return charts.over_time(points, lines=lines, title=title, name=f"condition_{rate}")


def _row(row: dict[str, Any]) -> list[Cell]:
    ci95 = row["eval_eer_ci95"]
    interval = f"{percent(ci95[0])} to {percent(ci95[1])}" if ci95 else ""
    data = row["corpus"] or "not recorded"
    trials = "" if row["n_bonafide"] is None else f"{row['n_bonafide']:,} + {row['n_spoof']:,}"
    thresholds = row["thresholds"]
    return [
        Cell(row["version"], int(row["version"]), "current" if row["current"] else ""),
        Cell(row["pushed"] or "–", row["pushed"] or None),
        _rate(row["eval_eer"], interval),
        _rate(row["worst_attack_eer"], row["worst_attack"] or ""),
        _rate(row["dev_eer"]),
        Cell("–") if row["cllr"] is None else Cell(f"{row['cllr']:.3f}", row["cllr"]),
        *(_worst(row["conditions"], name) for name in ("far", "frr")),
        Cell("–")
        if "eer" not in thresholds
        else Cell(f"{thresholds['eer']:.3f}", thresholds["eer"]),
        Cell(data, data, f"{trials} trials" if trials else ""),
        _decision(row),
    ]


def _rate(value: float | None, note: str = "") -> Cell:
    return Cell("–") if value is None else Cell(percent(value), value, note)


def _worst(conditions: dict[str, dict[str, float | None]], name: str) -> Cell:
    rates = {
        spec: rate for spec, found in conditions.items() if (rate := found.get(name)) is not None
    }
    if not rates:
        return Cell("–")
    spec = max(rates, key=lambda each: rates[each])
    return _rate(rates[spec], title_of(spec))


def _decision(row: dict[str, Any]) -> Cell:
    """Who forced or restored a version, and why."""
    if row["republished_of"]:
        who = f" by {row['republished_by']}" if row["republished_by"] else ""
        text = f"copy of {row['republished_of']}{who}"
        return Cell(text, text, row["republished_reason"] or "")
    if row["forced_reason"]:
        who = f" by {row['forced_by']}" if row["forced_by"] else ""
        note = "; ".join([row["forced_reason"], *row["forced_failures"]])
        return Cell(f"forced{who}", "forced", note, "bad")
    return Cell("passed the gate", "passed", "", "good")
