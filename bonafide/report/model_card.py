"""The report as a model card in Markdown, with the same facts as the page."""

from __future__ import annotations

import functools
import pathlib
import re
from typing import Any

import jinja2

from bonafide import text
from bonafide.metrics import training_range
from bonafide.report import charts, facts, model_use, robustness
from bonafide.report.contents import ReportContents
from bonafide.report.measures import CHOSEN_ON, MEASURES, WHERE

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
# Characters that start an HTML tag or entity, a link, a code span, emphasis, a table cell, maths.
_SPECIAL = re.compile(r"[\\`*\[\]<>|~$&!#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def render_model_card(contents: ReportContents) -> str:
    """Returns the card as GitHub-flavoured Markdown; equal contents give equal text.

    Every expression of the template is escaped, so that ids, reasons and titles from files can
    neither add markup or HTML nor leave their table cell.
    """
    evaluation = contents.evaluation
    return (
        _environment()
        .get_template("model_card.md.j2")
        .render(
            contents=contents,
            evaluation=evaluation,
            decision=facts.decision(contents),
            comparison=facts.comparison_summary(contents),
            baseline=facts.baseline_name(contents) if evaluation.comparison else "",
            rows=facts.figure_rows(evaluation),
            worst_first=charts.worst_first(evaluation.per_attack),
            hardest=facts.hardest(contents),
            unseen=any(figure.unseen_ci95 for figure in evaluation.figures.values()),
            use=model_use.use_of(contents),
            measures=MEASURES,
            where=WHERE,
            chosen_on=CHOSEN_ON,
        )
    )


def escaped(value: Any) -> str:
    """Returns text escaped for Markdown, on one line."""
    return _SPECIAL.sub(_escape, text.visible(value))


def _escape(found: re.Match[str]) -> str:
    # Entities and not backslashes for characters that matter in the resulting HTML.
    entities = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
    return entities.get(found[0], f"\\{found[0]}")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        # HTML's escaping is not suitable for Markdown: `finalize` escapes every expression instead.
        autoescape=False,
        finalize=escaped,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        **{"text": text, "facts": facts, "robustness": robustness},
        "training_range": training_range,
    }
    return environment
