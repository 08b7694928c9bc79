"""Uncompressed 16-bit samples of a WAV file, read without a decoder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bonafide.audio.sources import Source

_BYTES = 2
_SCALE = np.float32(2.0**-15)


class Sound:
    """The samples of a file, the same as those of `bonafide.audio.libsndfile.Sound`.

    Args:
        source: The file. Do not read from it meanwhile.
        place: First byte of the samples, and the byte after the last.
        rate_hz: Its sampling rate.
        channels: Number of channels, at least one.
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
            frames: Maximum number of samples per channel in a block.

        Yields:
            float32 [M, channels], full scale 1.
        """
        for block in self._read(frames):
            yield block.reshape(-1, self.channels).astype(np.float32) * _SCALE

    def plain_blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Reads one channel without conversion.

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
