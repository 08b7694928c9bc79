"""CuratedSchema: the hand-written schema as an artifact."""
