"""Champion: finds the model to beat and keeps a copy of it as evidence."""

from components.champion.component import Champion

__all__ = ["Champion"]
