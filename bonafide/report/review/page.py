"""Review views as HTML: for notebooks (an inline frame for each) and as one page.

A frame contains its charts, Vega, style and script: it needs no network and no extension, and shows
the same in JupyterLab, Notebook 7, VS Code and an HTML export.
"""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Mapping, Sequence
from typing import Any

import markupsafe

from bonafide.report import vega
from bonafide.report.templating import TEMPLATES, environment
from bonafide.report.vega import Spec

_FRAME_HEIGHT = 700  # pixels, until the frame's script sets its own


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: What is shown.
        sort: Number or text to sort by; None sorts last.
        note: A second, smaller line; may be empty.
        state: `good`, `bad` or empty: whether a bound is kept.
    """

    text: str
    sort: float | str | None = None
    note: str = ""
    state: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """A sortable table.

    Attributes:
        caption: One sentence.
        columns: Titles; the first column has names, the others have figures.
        rows: Cells of each row.
        slices: The slice of each row, for the slice picker; empty without one.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    slices: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Section:
    """A view.

    Attributes:
        name: Element id.
        title: Heading.
        note: What is shown, one or two sentences.
        charts: Title -> specification.
        table: Its figures; None without a table.
    """

    name: str
    title: str
    note: str
    charts: Mapping[str, Spec]
    table: Table | None = None


@dataclasses.dataclass(frozen=True)
class View:
    """Sections with pickers; shows itself in a notebook.

    Attributes:
        title: Heading, and title of the frame.
        sections: The sections.
        pickers: Signal -> (label, choices); the first choice is shown.
    """

    title: str
    sections: Sequence[Section]
    pickers: Mapping[str, tuple[str, Sequence[str]]] = dataclasses.field(default_factory=dict)

    def page(self) -> str:
        """Returns a self-contained HTML document."""
        script = (TEMPLATES / "review.js").read_text(encoding="utf-8")
        style = "".join(
            (TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", "review.css")
        )
        return (
            environment()
            .get_template("review.html.j2")
            .render(
                view=self,
                style=markupsafe.Markup(style),
                scripts=[markupsafe.Markup(text) for text in (vega.library(), script)],
            )
        )

    def _repr_html_(self) -> str:
        """Returns the page in a frame, for IPython."""
        return (
            f'<iframe title="{html.escape(self.title)}" srcdoc="{html.escape(self.page())}" '
            f'style="width: 100%; height: {_FRAME_HEIGHT}px; border: 0"></iframe>'
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Returns the frame and a text for consoles; IPython calls it."""
        return {"text/html": self._repr_html_(), "text/plain": f"<{self.title}>"}


def joined(title: str, views: Sequence[View]) -> View:
    """Returns one view with the sections and pickers of all."""
    pickers: dict[str, tuple[str, Sequence[str]]] = {}
    for view in views:
        pickers |= view.pickers
    return View(title, [section for view in views for section in view.sections], pickers)
