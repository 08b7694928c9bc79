"""Where a recording is cut into clips of the length that the model scores: over speech only.

A stretch of speech is speech whose pauses are at most `MAX_PAUSE_SECONDS`. It begins with the first
sound around its first frame of speech and ends with the last sound around its last one
(`bonafide.audio.activity`), to the sample: a detector may score a clip differently that begins a
millisecond later. Where the sound has no edge there, such as speech in noise, a stretch begins and
ends with these frames.

A model takes the first part of what is longer than its clip. So a longer stretch is scored in
windows of a clip's length, each starting half a clip after the one before, and the last one flush
with the end of the stretch: all speech is scored, and what is shorter than half a clip lies whole
in a window. A shorter stretch is one window of its own length.

So silence, noise and hold music between and around the speech are in no window but for short
pauses, and silence or faint noise around a stretch does not move its windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bonafide.audio import activity

MAX_PAUSE_SECONDS = 0.5
# In less there is no word.
MIN_STRETCH_SECONDS = 0.3
# What counts as a sound, as a sample: -46 dBFS, which noise at -60 dBFS does not reach.
SOUND = 164
# How many frames the first sound may be away from the first frame of speech, and the last sound
# from the last one.
_REACH_FRAMES = 3


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a recording, to be scored.

    Attributes:
        start: In samples.
        samples: int16 [N], N at most the length of a clip.
        speech_seconds: How much of it is speech.
    """

    start: int
    samples: np.ndarray
    speech_seconds: float


class Meter(Protocol):
    """Says which frames are speech; see `bonafide.audio.activity.ActivityMeter`."""

    def add(self, block: np.ndarray) -> np.ndarray:
        """Takes samples and returns probabilities."""

    def finish(self) -> np.ndarray:
        """Returns the rest of the probabilities."""


def hop(clip_samples: int) -> int:
    """Returns the distance between the starts of windows, in samples: half a clip."""
    return max(1, clip_samples // 2)


def starts(samples: int, clip_samples: int) -> list[int]:
    """Returns where the windows of a stretch start, in samples from its start.

    Args:
        samples: Length of the stretch, above 0.
        clip_samples: Length of a window, above 0.

    Returns:
        A single 0 for what is not longer than a window.
    """
    last = max(0, samples - clip_samples)
    return [*range(0, last, hop(clip_samples)), last]


class SpeechCutter:
    """Cuts a stream into windows over its speech, holding little more than a window and a block.

    Args:
        sample_rate: In Hz.
        clip_samples: Length of a window, above 0.
        meter: Says what is speech; by default the detector of `bonafide.audio.activity`.
        frame_samples: How many samples a frame of the meter's stands for.

    Attributes:
        samples: Length of what has come so far.
        speech_seconds: Speech in the stretches that have been cut so far.
    """

    def __init__(
        self,
        sample_rate: int,
        clip_samples: int,
        *,
        meter: Meter | None = None,
        frame_samples: int | None = None,
    ) -> None:
        self._rate, self._clip = sample_rate, clip_samples
        self._meter = meter or activity.ActivityMeter(sample_rate)
        self._frame = frame_samples or activity.hop_samples(sample_rate)
        self._max_pause = round(MAX_PAUSE_SECONDS * sample_rate / self._frame)
        self.samples = 0
        self.speech_seconds = 0.0
        self._held, self._held_from = np.zeros(0, np.int16), 0  # samples, and where they start
        self._decided = 0  # frames
        self._stretch: _Stretch | None = None
        self._cut_until = 0  # end of the last stretch, in samples

    def cut(self, blocks: Iterable[np.ndarray]) -> Iterator[Window]:
        """Yields the windows of a recording, each as soon as it is certain.

        Args:
            blocks: int16 samples of a recording, in blocks of any lengths.
        """
        for block in blocks:
            self.samples += len(block)
            self._held = np.concatenate([self._held, block])
            yield from self._decide(self._meter.add(block))
            self._let_go()
        yield from self._decide(self._meter.finish())
        if self._stretch:
            yield from self._close(self._stretch)

    def _decide(self, probabilities: np.ndarray) -> Iterator[Window]:
        """Goes on with frames of which it is known now whether they are speech."""
        speech = probabilities >= activity.SPEECH_FROM
        # Runs of speech: where they begin, and where they have ended.
        edges = np.flatnonzero(np.diff(speech, prepend=False, append=False)) + self._decided
        self._decided += len(speech)
        for first, end in zip(edges[::2], edges[1::2], strict=True):
            stretch = self._stretch
            if stretch and first - stretch.runs[-1][1] > self._max_pause:
                yield from self._close(stretch)
                stretch = None
            if stretch is None:
                stretch = self._stretch = _Stretch(self._begin(int(first)))
            stretch.add(int(first), int(end))
            yield from self._certain(stretch)
        if self._stretch and self._decided - self._stretch.runs[-1][1] > self._max_pause:
            yield from self._close(self._stretch)

    def _certain(self, stretch: _Stretch) -> Iterator[Window]:
        """Windows that do not depend on where the stretch will end."""
        end = (stretch.runs[-1][1] - 1 - _REACH_FRAMES) * self._frame
        yield from self._until(stretch, end)
        stretch.forget(stretch.last // self._frame)

    def _close(self, stretch: _Stretch) -> Iterator[Window]:
        """The last windows of a stretch, unless there is too little speech in it."""
        self._stretch = None
        if self._is_long_enough(stretch):
            end = self._cut_until = self._end(stretch)
            yield from self._until(stretch, end)
            self.speech_seconds += stretch.frames * self._frame / self._rate
            yield self._window(stretch, max(stretch.start, end - self._clip), end)

    def _until(self, stretch: _Stretch, end: int) -> Iterator[Window]:
        """Whole windows before an end."""
        while end > stretch.following + self._clip:
            if self._is_long_enough(stretch):
                yield self._window(stretch, stretch.following, stretch.following + self._clip)
            stretch.last = stretch.following
            stretch.following += hop(self._clip)

    def _begin(self, frame: int) -> int:
        """Where the sound around a first frame of speech begins, in samples."""
        first, sounds = self._sounds(frame)
        if not len(sounds) or (first and sounds[0] < self._frame):
            return frame * self._frame
        return first + int(sounds[0])

    def _end(self, stretch: _Stretch) -> int:
        """Where the sound around the last frame of speech ends, in samples."""
        frame = stretch.runs[-1][1] - 1
        first, sounds = self._sounds(frame)
        beyond = (frame + _REACH_FRAMES) * self._frame - first
        if not len(sounds) or sounds[-1] >= beyond:
            end = (frame + 1) * self._frame
        else:
            end = first + int(sounds[-1]) + 1
        return min(max(end, stretch.start + 1), self.samples)

    def _sounds(self, frame: int) -> tuple[int, np.ndarray]:
        """A sample before a frame, and which samples around the frame are sounds, from it on.

        Sound that reaches as far as this looks has no edge here: it is noise, a tone or music
        beside the speech.
        """
        first = max((frame - _REACH_FRAMES) * self._frame, self._cut_until)
        end = (frame + 1 + _REACH_FRAMES) * self._frame
        part = self._held[first - self._held_from : end - self._held_from]
        return first, np.flatnonzero((part >= SOUND) | (part <= -SOUND))

    def _is_long_enough(self, stretch: _Stretch) -> bool:
        return stretch.frames * self._frame >= MIN_STRETCH_SECONDS * self._rate

    def _window(self, stretch: _Stretch, start: int, end: int) -> Window:
        samples = self._held[start - self._held_from : end - self._held_from]
        runs = np.array(stretch.runs) * self._frame
        speech = np.minimum(runs[:, 1], end) - np.maximum(runs[:, 0], start)
        return Window(start, samples, float(speech.clip(0).sum() / self._rate))

    def _let_go(self) -> None:
        """Drops samples that no window can hold any more."""
        needed = max(0, self._decided - _REACH_FRAMES) * self._frame
        if self._stretch:
            # The last window may start at any place after the start of the one before.
            needed = self._stretch.last
        self._held = self._held[needed - self._held_from :]
        self._held_from = needed


class _Stretch:
    """A stretch of speech that has not ended.

    Args:
        start: In samples.

    Attributes:
        start: In samples.
        runs: First frame and end of each run of speech in it, but for what `forget` has dropped.
        frames: How many frames of speech all runs have.
        following: Where the window starts that comes next, in samples.
        last: Where the window before starts.
    """

    def __init__(self, start: int) -> None:
        self.start = self.following = self.last = start
        self.runs: list[tuple[int, int]] = []
        self.frames = 0

    def add(self, first: int, end: int) -> None:
        """Appends a run."""
        self.runs.append((first, end))
        self.frames += end - first

    def forget(self, frame: int) -> None:
        """Drops runs that end before a frame: a stretch may be as long as its recording.

        The last run stays: a stretch whose sound begins behind its first frame of speech may have
        no other one.
        """
        while len(self.runs) > 1 and self.runs[0][1] < frame:
            self.runs.pop(0)
