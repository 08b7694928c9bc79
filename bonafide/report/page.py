"""The report as one HTML file that needs no network, no server and no eval."""

from __future__ import annotations

import base64
import hashlib

import markupsafe

from bonafide.metrics import training_range
from bonafide.metrics.results import frozen_threshold
from bonafide.report import facts, figures, vega
from bonafide.report.contents import ReportContents
from bonafide.report.measures import CHOSEN_ON, MEASURES, WHERE
from bonafide.report.page_json import figures_json
from bonafide.report.templating import TEMPLATES, environment


def render_page(contents: ReportContents) -> str:
    """Returns the page: self-contained, the same bytes for the same contents.

    All text from files (ids, reasons, titles) is escaped: by Jinja in text and attributes, as JSON
    in scripts. The page's content security policy allows its two scripts by their hashes, so that
    no other script runs, and loads only audio that a reader plays. Vega runs without eval:
    expressions are interpreted (`ast`).
    """
    evaluation = contents.evaluation
    training = figures.training(contents)
    degraded = figures.conditions(contents)
    charts = [
        figures.det(contents),
        figures.scores(contents),
        figures.attacks(contents),
        figures.calibration(contents),
        *([degraded] if degraded else []),
        *([training] if training else []),
    ]
    scripts = [vega.library(), (TEMPLATES / "script.js").read_text(encoding="utf-8")]
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            contents=contents,
            evaluation=evaluation,
            figures_json=figures_json(contents),
            cue_rows=facts.cue_rows(contents.cue_removal) if contents.cue_removal else [],
            decision=facts.decision(contents),
            comparison=facts.comparison_summary(contents),
            baseline=facts.baseline_name(contents) if evaluation.comparison else "",
            rows=facts.figure_rows(evaluation),
            charts={chart.name: chart for chart in charts},
            sections=_sections(
                warned=bool(evaluation.warnings),
                sliced=bool(contents.slices),
                checked=contents.data is not None,
                degraded=degraded is not None,
                treated=contents.cue_removal is not None,
                trained=training is not None,
                rejecting=bool(facts.worst_speakers(contents)),
                ranged=contents.training is not None,
            ),
            hardest=facts.hardest(contents),
            frozen=frozen_threshold(evaluation) is not None,
            facts=facts,
            training_range=training_range,
            measures=MEASURES,
            where=WHERE,
            chosen_on=CHOSEN_ON,
            style=markupsafe.Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
            scripts=[markupsafe.Markup(script) for script in scripts],
            script_hashes=[_hash(script) for script in scripts],
        )
    )


def _sections(
    *,
    warned: bool,
    sliced: bool,
    degraded: bool,
    checked: bool,
    treated: bool,
    trained: bool,
    rejecting: bool,
    ranged: bool,
) -> list[tuple[str, str]]:
    """Returns id and short title of each section of the page."""
    return [
        ("verdict", "Verdict"),
        *([("warnings", "Warnings")] if warned else []),
        ("figures-list", "Figures"),
        ("det-section", "Trade-off"),
        ("scores-section", "Scores"),
        ("attacks-section", "Attacks"),
        *([("conditions", "Conditions")] if sliced else []),
        *([("robustness", "Robustness")] if degraded else []),
        *([("shortcuts", "Cue removal")] if treated else []),
        *([("data", "Data")] if checked else []),
        ("calibration-section", "Calibration"),
        ("operating", "Operating points"),
        ("hardest", "Hardest trials"),
        *([("speakers-section", "Speakers")] if rejecting else []),
        *([("ranges-section", "Training data")] if ranged else []),
        *([("training-section", "Training")] if trained else []),
        ("provenance", "Provenance"),
        ("definitions", "Definitions"),
    ]


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
