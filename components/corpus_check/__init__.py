"""CorpusCheck: inspects the corpus at the start of a run of a compiled pipeline."""
