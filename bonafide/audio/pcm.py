"""16-bit samples as they lie in a WAV file: nothing to decode, so no decoder is opened."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bonafide.audio.sources import Source

_BYTES = 2
_SCALE = np.float32(2.0**-15)


class Sound:
    """The samples of a file; see `bonafide.audio.libsndfile.Sound`, which gives the same ones.

    Args:
        source: The file. Do not read from it in the meantime.
        place: Its first byte of samples, and the one behind the last.
        rate_hz: Its sampling rate.
        channels: How many it has, at least one.
    """

    encoding = "WAV/PCM_16"
    is_pcm16 = True
    notes: tuple[str, ...] = ()

    def __init__(
        self, source: Source, place: tuple[int, int], *, rate_hz: int, channels: int
    ) -> None:
        self._source = source
        self._begin = place[0]
        self.rate_hz, self.channels = rate_hz, channels
        self.promised = (place[1] - place[0]) // (_BYTES * channels)

    def close(self) -> None:
        """Does nothing: the source stays open."""

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Reads to the end; once.

        Args:
            frames: Samples of a channel in a block, at most.

        Yields:
            float32 [M, channels], full scale 1.
        """
        for block in self._read(frames):
            yield block.reshape(-1, self.channels).astype(np.float32) * _SCALE

    def plain_blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Reads one channel as it is.

        Yields:
            int16 [M]; see `blocks`.
        """
        return self._read(frames)

    def _read(self, frames: int) -> Iterator[np.ndarray]:
        """Yields int16 [M * channels]."""
        self._source.seek(self._begin)
        left = self.promised
        while left:
            block = np.empty(min(frames, left) * self.channels, "<i2")
            read = self._source.readinto(block.view(np.uint8))
            whole = read // (_BYTES * self.channels)
            if not whole:
                return
            left -= whole
            yield block[: whole * self.channels].astype(np.int16, copy=False)
