"""Decodes recordings in threads, ahead of the model, in bounded memory and in a fixed order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bonafide.scoring import windows
from bonafide.scoring.reading import AudioError

WORKERS = 2
_RECORDINGS_AHEAD = 64
# Of one recording. Together at most 512 clips wait: 64 MiB where a clip is 4 s at 16 kHz.
_CLIPS_AHEAD = 8
_POLL_SECONDS = 0.1
# Much longer than it takes to decode a batch: only who waits for a pipe waits so long.
_IDLE_SECONDS = 0.5


@dataclass(frozen=True)
class Clip:
    """A window of a recording, to be scored.

    Attributes:
        start: In samples.
        pcm16: Little-endian int16 samples.
    """

    start: int
    pcm16: bytes


@dataclass(frozen=True)
class End:
    """What is known of a recording when all of its clips have come.

    Attributes:
        samples: Its length.
        error: Why it cannot be scored; empty where it can.
    """

    samples: int
    error: str = ""


@dataclass(frozen=True)
class Idle:
    """Nothing came for a while: what has come so far should not wait for more."""


class Decoder:
    """Decodes recordings in threads that start at once.

    Clips come in the order of the recordings, whichever thread is faster: so batches are the same
    in every run, and with them the last digits of scores.

    Args:
        paths: Of the recordings.
        read: Path -> blocks of int16 samples; raises AudioError.
        clip_samples: Length of the model's clip.
        workers: Threads.
    """

    def __init__(
        self,
        paths: Sequence[str],
        read: Callable[[str], Iterable[np.ndarray]],
        clip_samples: int,
        *,
        workers: int = WORKERS,
    ) -> None:
        self._paths = paths
        self._read = read
        self._clip_samples = clip_samples
        self._stopped = threading.Event()
        self._room = threading.Semaphore(_RECORDINGS_AHEAD)
        self._lock = threading.Lock()
        self._taken = 0
        self._queues: dict[int, queue.Queue[Clip | End]] = {}
        self._opened = threading.Condition(self._lock)
        for _ in range(min(workers, len(paths))):
            # Daemons: one that waits for standard input must not keep the process from ending.
            threading.Thread(target=self._work, daemon=True).start()

    def stop(self) -> None:
        """Makes the threads end soon, wherever they are."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Clip | End | Idle]:
        """Yields the clips of each recording and then its End, in order; once."""
        for index in range(len(self._paths)):
            with self._opened:
                self._opened.wait_for(lambda index=index: index in self._queues)
                waiting = self._queues[index]
            item: Clip | End | Idle = Idle()
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
            self._put(out, self._decode(self._paths[index], out))

    def _decode(self, path: str, out: queue.Queue[Clip | End]) -> End:
        samples = 0

        def counted() -> Iterator[np.ndarray]:
            nonlocal samples
            for block in self._read(path):
                samples += len(block)
                yield block

        try:
            for start, clip in windows.cut(counted(), self._clip_samples):
                if not self._put(out, Clip(start, clip.astype("<i2").tobytes())):
                    break
        except AudioError as error:
            return End(samples, str(error))
        except Exception as error:  # noqa: BLE001 (the others are scored, whatever this one is)
            return End(samples, f"{type(error).__name__}: {error}")
        return End(samples)

    def _put(self, out: queue.Queue[Clip | End], item: Clip | End) -> bool:
        """Puts an item where there is room; returns False where nobody wants it any more."""
        while not self._stopped.is_set():
            try:
                out.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False
