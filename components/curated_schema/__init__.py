"""CuratedSchema: the hand-written schema as an artifact."""

from components.curated_schema.component import CuratedSchema

__all__ = ["CuratedSchema"]
