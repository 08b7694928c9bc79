"""What a file is by its content: container, where its audio lies, whether its end is missing."""

from bonafide.audio.containers.container import Container
from bonafide.audio.containers.detection import inspect

__all__ = ["Container", "inspect"]
