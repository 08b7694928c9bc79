"""Scores one open file by the engine of `bonafide score`: what the page and the service call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import numpy as np

from bonafide.scoring import ahead, engine
from bonafide.scoring.engine import Recording
from bonafide.scoring.model import Model
from bonafide.scoring.reading import AUTO, AudioLimits, Track, tracks_of

ScoreBatch = Callable[[Sequence[bytes]], np.ndarray]


class OvertimeError(Exception):
    """Scoring takes longer than is allowed."""


def score_file(
    file: BinaryIO,
    name: str,
    model: Model,
    score_batch: ScoreBatch,
    *,
    channel: str = AUTO,
    limits: AudioLimits | None = None,
    watch: Callable[[Track], Track] | None = None,
    until: float | None = None,
) -> Recording:
    """Returns the recording with its scores, the same as those of `bonafide score`.

    Args:
        file: Seekable.
        name: Of the file; only its extension matters, for formats without a header.
        model: The model.
        score_batch: int16 bytes of B clips -> scores [B].
        channel: See `bonafide.scoring.reading.read_tracks`.
        limits: How much audio is accepted; None for any.
        watch: Passes through each track, for a picture.
        until: A time of `time.monotonic` at which the work is given up.

    Raises:
        AudioError: The recording cannot be used; `TooLongError` if it exceeds the limits.
        OvertimeError: It takes too long.
        ModelError: The model fails.
    """
    tracks: Iterator[Track] = tracks_of(file, model.sample_rate, channel, name=name, limits=limits)
    if watch:
        tracks = map(watch, tracks)
    if until is not None:
        tracks = (_until(track, until) for track in tracks)
    items = ahead.clips_of(
        tracks, model.sample_rate, model.clip_samples, qualities=model.training is not None
    )
    [recording] = engine.score_recordings([name], items, score_batch)
    return recording


def _until(track: Track, until: float) -> Track:
    def blocks() -> Iterator[np.ndarray]:
        for block in track.blocks:
            if time.monotonic() > until:
                raise OvertimeError
            yield block

    return track._replace(blocks=blocks())
