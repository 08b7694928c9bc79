"""Batches across requests: one thread calls the model with what is waiting."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from bonafide.scoring.engine import BATCH_CLIPS
from bonafide.scoring.single import ScoreBatch


@dataclass(eq=False)
class _Waiting:
    """Clips of one recording that wait for the model."""

    score: ScoreBatch
    clips: Sequence[bytes]
    scores: Future[np.ndarray] = field(default_factory=Future)


class Batcher:
    """Joins the clips of several recordings to batches.

    A batch is what waits when the model has become free, in the order of arrival, so that a single
    client waits for nobody, and batches grow with the load. The clips that a recording hands over
    together stay together.

    Args:
        watch: Called with the number of clips of each batch.
        batch_clips: Largest batch.
    """

    def __init__(
        self, watch: Callable[[int], None] = lambda _: None, batch_clips: int = BATCH_CLIPS
    ) -> None:
        self._watch, self._most = watch, batch_clips
        self._waiting: deque[_Waiting] = deque()
        self._change = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="batches", daemon=True)
        self._thread.start()

    def through(self, score: ScoreBatch) -> ScoreBatch:
        """Returns a function that scores clips in batches with those of others; it blocks."""

        def wait(clips: Sequence[bytes]) -> np.ndarray:
            one = _Waiting(score, clips)
            with self._change:
                if self._closed:
                    raise RuntimeError("the batches are closed")
                self._waiting.append(one)
                self._change.notify()
            return one.scores.result()

        return wait

    @property
    def waiting_clips(self) -> int:
        """Number of clips that wait for the model."""
        return sum(len(one.clips) for one in tuple(self._waiting))

    def close(self) -> None:
        """Scores what is waiting, then ends the thread."""
        with self._change:
            self._closed = True
            self._change.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            clips = [clip for one in batch for clip in one.clips]
            self._watch(len(clips))
            try:
                scores = batch[0].score(clips)
            except Exception as error:  # noqa: BLE001 (raised where the scores are awaited)
                for one in batch:
                    one.scores.set_exception(error)
                continue
            ends = np.cumsum([len(one.clips) for one in batch])
            for one, end in zip(batch, ends, strict=True):
                one.scores.set_result(scores[end - len(one.clips) : end])

    def _next(self) -> list[_Waiting]:
        """Returns what is scored next, by one model; empty at the end."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return []
            batch = [self._waiting.popleft()]
            count = len(batch[0].clips)
            while self._waiting:
                one = self._waiting[0]
                count += len(one.clips)
                if one.score is not batch[0].score or count > self._most:
                    break
                batch.append(self._waiting.popleft())
            return batch
