"""Decodes recordings in threads ahead of the model, with bounded memory and in a fixed order."""

from __future__ import annotations

import functools
import operator
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bonafide.audio.facts import AudioError
from bonafide.scoring import windows
from bonafide.scoring.qualities import QualityMeter, Values
from bonafide.scoring.reading import Track

WORKERS = 2
_RECORDINGS_AHEAD = 64
# Per recording. At most 512 clips are queued in all: 64 MiB for clips of 4 s at 16 kHz.
_CLIPS_AHEAD = 8
_POLL_SECONDS = 0.1
# Much longer than the decoding of a batch; only a slow pipe takes so long.
_IDLE_SECONDS = 0.5


@dataclass(frozen=True)
class Clip:
    """A window of a recording, to be scored.

    Attributes:
        start: Start, in samples.
        end: End, in samples.
        speech_seconds: Amount of speech in it.
        pcm16: Little-endian int16 samples.
    """

    start: int
    end: int
    speech_seconds: float
    pcm16: bytes


@dataclass(frozen=True)
class TrackEnd:
    """Summary of a channel, or of the mean of all channels, after its last clip.

    Attributes:
        channel: Name of the channel.
        samples: Length of the channel.
        speech_seconds: Amount of speech in it.
        qualities: Qualities of its speech (`bonafide.scoring.qualities`); None if not measured.
    """

    channel: str
    samples: int
    speech_seconds: float
    qualities: Values | None = None


@dataclass(frozen=True)
class End:
    """Summary of a recording, after its last track.

    Attributes:
        error: Reason why it cannot be scored; empty if it can.
        note: Further information about it.
    """

    error: str = ""
    note: str = ""


@dataclass(frozen=True)
class Idle:
    """Nothing arrived for a while: pending clips should be scored now."""


Item = Clip | TrackEnd | End


def clips_of(
    tracks: Iterable[Track], sample_rate: int, clip_samples: int, *, qualities: bool = False
) -> Iterator[Item]:
    """Yields the clips of each track of a recording and its TrackEnd, and finally the End.

    Args:
        tracks: See `bonafide.scoring.reading.read_tracks`.
        sample_rate: Rate of the model, in Hz.
        clip_samples: Length of the model's clip.
        qualities: Whether the qualities of each track's speech are measured.

    Raises:
        AudioError: The recording cannot be used.
    """
    notes: dict[str, None] = {}
    for track in tracks:
        cutter = windows.SpeechCutter(sample_rate, clip_samples)
        meter = QualityMeter(sample_rate) if qualities else None
        cut = cutter.cut(track.blocks)
        for window in meter.watch(cut) if meter else cut:
            end = window.start + len(window.samples)
            pcm16 = window.samples.astype("<i2").tobytes()
            yield Clip(window.start, end, window.speech_seconds, pcm16)
        found = meter.values() if meter else None
        yield TrackEnd(track.channel, cutter.samples, cutter.speech_seconds, found)
        notes |= dict.fromkeys(track.notes)
    yield End(note="; ".join(notes))


class Decoder:
    """Decodes recordings in threads that start immediately.

    Clips are in the order of the recordings, independent of the threads: batches are the same
    in every run, and therefore also the last digits of scores.

    Args:
        paths: Paths of the recordings.
        read: Function from a path to its tracks; raises AudioError.
        sample_rate: Rate of the model, in Hz.
        clip_samples: Length of the model's clip.
        workers: Number of threads.
        qualities: See `clips_of`.
    """

    def __init__(
        self,
        paths: Sequence[str],
        read: Callable[[str], Iterable[Track]],
        sample_rate: int,
        clip_samples: int,
        *,
        workers: int = WORKERS,
        qualities: bool = False,
    ) -> None:
        self._paths = paths
        self._read = read
        self._cut = functools.partial(
            clips_of, sample_rate=sample_rate, clip_samples=clip_samples, qualities=qualities
        )
        self._stopped = threading.Event()
        self._room = threading.Semaphore(_RECORDINGS_AHEAD)
        self._lock = threading.Lock()
        self._taken = 0
        self._queues: dict[int, queue.Queue[Item]] = {}
        self._opened = threading.Condition(self._lock)
        for _ in range(min(workers, len(paths))):
            # Daemons: a thread that waits for standard input must not block the exit.
            threading.Thread(target=self._work, daemon=True).start()

    def stop(self) -> None:
        """Stops the threads soon."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Item | Idle]:
        """Yields the items of `clips_of` for each recording, in order; can be iterated once."""
        for index in range(len(self._paths)):
            with self._opened:
                self._opened.wait_for(functools.partial(operator.contains, self._queues, index))
                waiting = self._queues[index]
            item: Item | Idle = Idle()
            while not isinstance(item, End):
                try:
                    item = waiting.get(timeout=_IDLE_SECONDS)
                except queue.Empty:
                    item = Idle()
                yield item
            with self._lock:
                del self._queues[index]
            self._room.release()

    def _work(self) -> None:
        while not self._stopped.is_set():
            if not self._room.acquire(timeout=_POLL_SECONDS):
                continue
            with self._opened:
                index = self._taken
                if index == len(self._paths):
                    return
                self._taken += 1
                out = self._queues[index] = queue.Queue(_CLIPS_AHEAD)
                self._opened.notify_all()
            self._decode(self._paths[index], out)

    def _decode(self, path: str, out: queue.Queue[Item]) -> None:
        try:
            for item in self._cut(self._read(path)):
                if not self._put(out, item):
                    break
        except AudioError as error:
            self._put(out, End(str(error)))
        except Exception as error:  # noqa: BLE001 (the others are scored in any case)
            self._put(out, End(f"{type(error).__name__}: {error}"))

    def _put(self, out: queue.Queue[Item], item: Item) -> bool:
        """Puts an item when there is space; returns False after `stop`."""
        while not self._stopped.is_set():
            try:
                out.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False
