"""Types of the report artifacts, in a top-level module because TFX must import them by one dot.

Named for what the Kubeflow UI shows (`system.HTML`, `system.Markdown`).
"""

from tfx.types.artifact import Artifact


class HTML(Artifact):
    """A folder with one self-contained page, `report.html`."""

    TYPE_NAME = "report_artifacts.HTML"


class Markdown(Artifact):
    """A folder with one Markdown text, `model_card.md`."""

    TYPE_NAME = "report_artifacts.Markdown"
