"""Scores the recordings of a request in threads, outside of the event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bonafide.audio.facts import AudioError
from bonafide.scoring import single
from bonafide.scoring.engine import Recording
from bonafide.scoring.model import ModelError
from bonafide.scoring.service import errors
from bonafide.scoring.service.batching import Batcher
from bonafide.scoring.service.logs import failure, log
from bonafide.scoring.service.metrics import Metrics
from bonafide.scoring.service.models import Loaded
from bonafide.scoring.service.settings import Limits
from bonafide.scoring.service.uploads import Upload

_T = TypeVar("_T")


class Desk:
    """Threads that decode, and the batches that they fill.

    Args:
        limits: What a recording may cost.
        metrics: Where batches are counted.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits, self._metrics = limits, metrics
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="decode")
        self.batcher = Batcher(self._watch)

    def _watch(self, clips: int) -> None:
        self._metrics.batches.observe(clips)
        self._metrics.waiting.set(self.batcher.waiting_clips)

    async def score(
        self, loaded: Loaded, uploads: Sequence[Upload], channel: str
    ) -> list[Recording]:
        """Returns the recordings with their scores, in the order of the uploads.

        Raises:
            ServiceError: It takes too long.
            ModelError: The model fails.
        """
        until = time.monotonic() + self._limits.answer_seconds
        score = self.batcher.through(loaded.score)

        def one(upload: Upload) -> Recording:
            if time.monotonic() > until:
                raise single.OvertimeError
            try:
                return single.score_file(
                    upload.file,
                    upload.name,
                    loaded.model,
                    score,
                    channel=channel,
                    limits=self._limits.audio,
                    until=until,
                )
            except AudioError as error:
                return Recording(upload.name, error=str(error))
            except (ModelError, single.OvertimeError):
                raise
            except Exception as error:  # noqa: BLE001 (a decoder's; the others are scored)
                log("decoder_failure", logging.ERROR, **failure(error))
                return Recording(upload.name, error=f"cannot be decoded ({type(error).__name__})")

        try:
            return list(await asyncio.gather(*(self.run(one, upload) for upload in uploads)))
        except single.OvertimeError:
            raise errors.overtime(self._limits.answer_seconds) from None

    async def run(self, function: Callable[..., _T], *arguments: object) -> _T:
        """Runs a function in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(cancel_futures=True)
        self.batcher.close()
