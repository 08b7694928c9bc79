"""Settings of CorpusCheck. Imports no framework."""

from __future__ import annotations

import dataclasses

from bonafide import corpora
from bonafide.settings import Section


@dataclasses.dataclass(frozen=True, kw_only=True)
class CorpusCheckSettings(Section, section="corpus_check"):
    """The corpus to inspect.

    Attributes:
        corpus_root: Folder of the corpus: a path or the URI of a Beam filesystem.
        layout: Name of the corpus layout, or `auto`.
        layout_options: Options of the layout, `name=value` each.
        asv_scores_dev: As the setting `evaluation.asv_scores_dev`.
        asv_scores_eval: As the setting `evaluation.asv_scores_eval`.
    """

    corpus_root: str
    layout: str
    layout_options: tuple[str, ...] = ()
    asv_scores_dev: str = "auto"
    asv_scores_eval: str = "auto"

    def __post_init__(self) -> None:
        """Checks the layout and its options.

        Raises:
            SettingsError: An option is unknown.
            CorpusError: The layout is unknown, or does not take an option.
        """
        super().__post_init__()
        corpora.check(self.layout, self.options)

    @property
    def options(self) -> corpora.Options:
        """`layout_options`, parsed."""
        return corpora.Options.parse(self.layout_options)
