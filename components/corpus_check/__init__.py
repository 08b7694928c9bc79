"""CorpusCheck: looks at the corpus when a compiled pipeline begins to run."""

from components.corpus_check.component import CorpusCheck

__all__ = ["CorpusCheck"]
