"""CorpusCheck: looks at the corpus when a compiled pipeline begins to run."""
