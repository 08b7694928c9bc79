"""ModelPusher: publishes a blessed model completely or not at all."""

from components.model_pusher.component import ModelPusher

__all__ = ["ModelPusher"]
