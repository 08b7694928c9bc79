"""ModelPusher: publishes a blessed model whole or not at all."""

from components.model_pusher.component import ModelPusher

__all__ = ["ModelPusher"]
