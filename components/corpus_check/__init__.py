"""CorpusCheck: inspects the corpus at the start of a run of a compiled pipeline."""

from components.corpus_check.component import CorpusCheck

__all__ = ["CorpusCheck"]
