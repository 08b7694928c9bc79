"""From clips to recordings: batches across files, and one score for a whole recording."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bonafide.scoring.ahead import Clip, End, Idle

BATCH_CLIPS = 32


@dataclass
class Recording:
    """What was found of one recording.

    The score of the whole is the **mean of the scores of its segments**. Not their sum: windows
    overlap and share speaker, microphone and synthesis, and adding up evidence that is not
    independent makes a long recording as sure as one likes. Not their minimum: of many segments
    the lowest is low by chance, so that the longer a real recording, the surer it would be
    rejected. The mean stays on the scale on which the thresholds were found, that of single clips.
    What it hides is a recording that is spoofed only in part: for that there is `lowest`.

    Attributes:
        path: As it was given.
        samples: Its length at the model's rate.
        starts: Where its segments start, in samples.
        scores: Of its segments, natural-log likelihood ratios, higher = more bona fide.
        error: Why it has no score; empty where it has one.
    """

    path: str
    samples: int = 0
    starts: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def score(self) -> float:
        """The score of the whole recording."""
        return float(np.mean(self.scores))

    @property
    def lowest(self) -> int:
        """Which segment has the lowest score, the first of equals."""
        return int(np.argmin(self.scores))


def score_recordings(
    paths: Sequence[str],
    clips: Iterable[Clip | End | Idle],
    score_batch: Callable[[Sequence[bytes]], np.ndarray],
    *,
    batch_clips: int = BATCH_CLIPS,
) -> Iterator[Recording]:
    """Scores recordings, filling batches with clips of as many files as it takes.

    Args:
        paths: Of the recordings.
        clips: Of each recording its clips, then its end; where Idle comes, a batch is not waited
            for.
        score_batch: int16 bytes of B clips -> scores [B].
        batch_clips: The largest B.

    Yields:
        The recordings in order, each as soon as its last clip is scored.
    """
    pending: list[tuple[Recording, Clip]] = []
    ended: deque[Recording] = deque()
    names = iter(paths)
    current: Recording | None = None
    for item in clips:
        current = current or Recording(next(names))
        if isinstance(item, Clip):
            pending.append((current, item))
        elif isinstance(item, End):
            current.samples, current.error = item.samples, item.error
            ended.append(current)
            current = None
        if len(pending) == batch_clips or isinstance(item, Idle):
            _score(pending, score_batch)
        if not pending:
            yield from _finished(ended)
    _score(pending, score_batch)
    yield from _finished(ended)


def _score(
    pending: list[tuple[Recording, Clip]], score_batch: Callable[[Sequence[bytes]], np.ndarray]
) -> None:
    if not pending:
        return
    scores = score_batch([clip.pcm16 for _, clip in pending])
    for (recording, clip), score in zip(pending, scores, strict=True):
        recording.starts.append(clip.start)
        recording.scores.append(float(score))
    pending.clear()


def _finished(ended: deque[Recording]) -> Iterator[Recording]:
    """Hands out what has ended; a file that turned out to be bad keeps no scores."""
    while ended:
        recording = ended.popleft()
        if not recording.error and not np.isfinite(recording.scores).all():
            recording.error = "the model gives it a score that is not a finite number"
        if recording.error:
            recording.starts, recording.scores = [], []
        yield recording
