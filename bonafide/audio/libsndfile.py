"""What libsndfile reads (FLAC, WAV, OGG, MP3, AIFF, ...), through soundfile: the fast path."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import soundfile

from bonafide.audio.facts import AudioError
from bonafide.audio.sources import Source

# libsndfile keeps why a file did not open in one place for all threads: another thread that opens
# its own in the meantime wipes it out.
_OPENING = threading.Lock()


class Sound:
    """An open file.

    Args:
        source: Its content; nobody else reads from it as long as this does.

    Attributes:
        rate_hz: Its sampling rate.
        channels: How many it has.
        encoding: Container and coding, such as `FLAC/PCM_16`.
        promised: How many samples a channel has, as the file says or as libsndfile estimates.
        is_pcm16: Whether samples are stored as int16 and nothing else.
        notes: Nothing.

    Raises:
        AudioError: libsndfile does not read it.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, source: Source) -> None:
        try:
            with _OPENING:
                self._file = soundfile.SoundFile(source)
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise AudioError(f"unreadable as audio: {_reason(error)}") from error
        self.rate_hz, self.channels = self._file.samplerate, self._file.channels
        self.encoding = f"{self._file.format}/{self._file.subtype}"
        self.promised = self._file.frames
        self.is_pcm16 = self._file.subtype == "PCM_16"

    def close(self) -> None:
        """Frees what libsndfile holds; the source stays open."""
        self._file.close()

    def blocks(self, frames: int, *, plain: bool) -> Iterator[np.ndarray]:
        """Reads to the end; once.

        Args:
            frames: Samples of a channel in a block, at most: a header that promises more than the
                file holds must not cost memory.
            plain: Whether one channel of `is_pcm16` is to come as it is, without a detour.

        Yields:
            float32 [M, channels], full scale 1; int16 [M] if plain.

        Raises:
            AudioError: The file is damaged.
        """
        dtype, read = ("int16" if plain else "float32"), 0
        try:
            while read < self.promised and len(
                block := self._file.read(frames, dtype=dtype, always_2d=not plain)
            ):
                read += len(block)
                yield block
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise AudioError(f"unreadable as audio: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What libsndfile says, without the repr of the BytesIO that soundfile puts before them."""
    text = getattr(error, "error_string", None) or str(error)
    return " ".join(str(text).split()).rstrip(".")
