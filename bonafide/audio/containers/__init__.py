"""Identifies files by content: container, position of the audio, and truncation."""

from bonafide.audio.containers.container import Container
from bonafide.audio.containers.detection import inspect

__all__ = ["Container", "inspect"]
