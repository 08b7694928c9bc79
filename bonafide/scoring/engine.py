"""From clips to recordings: batches across files, and one score for a whole recording."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bonafide.scoring.ahead import Clip, End, Idle, TrackEnd
from bonafide.scoring.qualities import Values

BATCH_CLIPS = 32
# What is said in less is too little to decide on.
MIN_SPEECH_SECONDS = 1.0


@dataclass
class Segment:
    """A part of a recording that was scored.

    Attributes:
        start: In samples.
        end: In samples.
        speech_seconds: How much of it is speech.
        score: A natural-log likelihood ratio, higher = more bona fide.
    """

    start: int
    end: int
    speech_seconds: float
    score: float


@dataclass
class Track:
    """What was found of one channel of a recording, or of the mean of its channels.

    The score is the **mean of the scores of its segments, each weighted by its seconds of speech**.
    Not their sum: windows overlap and share speaker, microphone and synthesis, and adding up
    evidence that is not independent makes a long recording as sure as one likes. Not their minimum:
    of many segments the lowest is low by chance, so that the longer a real recording, the surer it
    would be rejected. The mean stays on the scale on which the thresholds were found, that of
    single clips. What it hides is a recording that is spoofed only in part: for that there are
    `lowest` and `bonafide.scoring.partial`.

    Attributes:
        channel: Its name, such as `mono`, `mix` or `left`.
        samples: Its length at the model's rate.
        speech_seconds: How much of it is speech.
        segments: In the order of their starts.
        qualities: Of its speech (`bonafide.scoring.qualities`); None where not measured.
    """

    channel: str = "mono"
    samples: int = 0
    speech_seconds: float = 0.0
    segments: list[Segment] = field(default_factory=list)
    qualities: Values | None = None

    @property
    def has_score(self) -> bool:
        """Whether there is enough speech to decide on."""
        # Frames make steps of 16 ms: a second of speech must not fail by the last one.
        return bool(self.segments) and self.speech_seconds > MIN_SPEECH_SECONDS - 0.016

    @property
    def score(self) -> float:
        """The score of the whole; only where it has one."""
        weights = [segment.speech_seconds for segment in self.segments]
        return float(np.average([segment.score for segment in self.segments], weights=weights))

    @property
    def lowest(self) -> Segment:
        """The segment with the lowest score, the first of equals."""
        return min(self.segments, key=lambda segment: segment.score)


@dataclass
class Recording:
    """What was found of one recording.

    Attributes:
        path: As it was given.
        tracks: Of a recording whose channels are alike, their mean; else its channels, each scored
            by itself. Empty where it cannot be used.
        note: What is to be known of it that is no error, a sentence.
        error: Why it cannot be used; empty where it can.
    """

    path: str
    tracks: list[Track] = field(default_factory=list)
    note: str = ""
    error: str = ""

    @property
    def verdict(self) -> Track:
        """The track that decides: of those with a score the lowest, else that with most speech.

        One channel with a synthetic voice makes the recording synthetic.
        """
        scored = [track for track in self.tracks if track.has_score]
        if scored:
            return min(scored, key=lambda track: track.score)
        return max(self.tracks, key=lambda track: track.speech_seconds)

    @property
    def has_score(self) -> bool:
        """Whether it can be decided on."""
        return not self.error and self.verdict.has_score

    @property
    def reason(self) -> str:
        """Why it has no score; empty where it has one."""
        if self.error or self.has_score:
            return self.error
        return (
            f"{self.verdict.speech_seconds:.1f} s of speech, at least {MIN_SPEECH_SECONDS:g} s are "
            "needed"
        )


def score_recordings(
    paths: Sequence[str],
    clips: Iterable[Clip | TrackEnd | End | Idle],
    score_batch: Callable[[Sequence[bytes]], np.ndarray],
    *,
    batch_clips: int = BATCH_CLIPS,
) -> Iterator[Recording]:
    """Scores recordings, filling batches with clips of as many files as it takes.

    Args:
        paths: Of the recordings.
        clips: Of each recording, for each of its tracks its clips and the track's end; then the
            recording's end. Where Idle comes, a batch is not waited for.
        score_batch: int16 bytes of B clips -> scores [B].
        batch_clips: The largest B.

    Yields:
        The recordings in order, each as soon as its last clip is scored.
    """
    pending: list[tuple[Track, Clip]] = []
    ended: deque[Recording] = deque()
    names = iter(paths)
    current: Recording | None = None
    track = Track()
    for item in clips:
        current = current or Recording(next(names))
        if isinstance(item, Clip):
            pending.append((track, item))
        elif isinstance(item, TrackEnd):
            track.channel, track.samples = item.channel, item.samples
            track.speech_seconds, track.qualities = item.speech_seconds, item.qualities
            current.tracks.append(track)
            track = Track()
        elif isinstance(item, End):
            current.note, current.error = item.note, item.error
            ended.append(current)
            current, track = None, Track()
        if len(pending) == batch_clips or isinstance(item, Idle):
            _score(pending, score_batch)
        if not pending:
            yield from _finished(ended)
    _score(pending, score_batch)
    yield from _finished(ended)


def _score(
    pending: list[tuple[Track, Clip]], score_batch: Callable[[Sequence[bytes]], np.ndarray]
) -> None:
    if not pending:
        return
    scores = score_batch([clip.pcm16 for _, clip in pending])
    for (track, clip), score in zip(pending, scores, strict=True):
        track.segments.append(Segment(clip.start, clip.end, clip.speech_seconds, float(score)))
    pending.clear()


def _finished(ended: deque[Recording]) -> Iterator[Recording]:
    """Hands out what has ended; a file that turned out to be bad keeps no scores."""
    while ended:
        recording = ended.popleft()
        scores = [segment.score for track in recording.tracks for segment in track.segments]
        if not recording.error and not np.isfinite(scores).all():
            recording.error = "the model gives it a score that is not a finite number"
        if recording.error:
            recording.tracks = []
        yield recording
