"""Types of the report artifacts; top-level, because TFX imports them by a name with one dot.

The names are those of the types that the Kubeflow UI displays (`system.HTML`, `system.Markdown`).
"""

from tfx.types.artifact import Artifact


class HTML(Artifact):
    """A folder with one self-contained page, `report.html`."""

    TYPE_NAME = "report_artifacts.HTML"


class Markdown(Artifact):
    """A folder with one Markdown text, `model_card.md`."""

    TYPE_NAME = "report_artifacts.Markdown"
