"""WarmStart: finds the weights that a training starts from when a compiled pipeline runs."""

from components.warm_start.component import WarmStart

__all__ = ["WarmStart"]
