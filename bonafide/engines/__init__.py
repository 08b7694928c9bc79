"""Engines of the Beam steps: settings, Beam's options, restarts on Flink, pools of workers.

This module does not import Beam.
"""

from bonafide.engines.settings import (
    MOST_WORKERS,
    RUNNERS,
    WORTH_WORKERS_UTTERANCES,
    BeamConfig,
    Runner,
    beam_args,
    choose_workers,
    describe,
)

__all__ = [
    "MOST_WORKERS",
    "RUNNERS",
    "WORTH_WORKERS_UTTERANCES",
    "BeamConfig",
    "Runner",
    "beam_args",
    "choose_workers",
    "describe",
]
