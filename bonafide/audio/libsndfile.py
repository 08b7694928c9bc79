"""Formats that libsndfile reads (FLAC, WAV, OGG, MP3, AIFF, ...), through soundfile: fast path."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np
import soundfile

from bonafide.audio.facts import AudioError
from bonafide.audio.quiet import without_mpg123
from bonafide.audio.sources import Source

# libsndfile stores the error of opening a file in one global variable: another thread that opens a
# file meanwhile overwrites it.
_OPENING = threading.Lock()
# The format tag of MP3 inside of a WAV file.
_MP3_IN_WAV = b"\x55\x00"


class Sound:
    """An open file.

    Args:
        source: Its content. Do not read from it meanwhile.

    Attributes:
        rate_hz: Its sampling rate.
        channels: Number of channels.
        encoding: Container and encoding, such as `FLAC/PCM_16`.
        promised: Number of samples per channel, as stated by the file or estimated by libsndfile.
        is_pcm16: Whether samples are stored as plain int16.
        notes: Always empty.

    Raises:
        AudioError: libsndfile cannot read it.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, source: Source) -> None:
        try:
            with _OPENING, self._quiet(source):
                self._file = soundfile.SoundFile(source)
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise AudioError(f"unreadable as audio: {_reason(error)}") from error
        self.rate_hz, self.channels = self._file.samplerate, self._file.channels
        subtype = self._file.subtype  # Each access calls libsndfile.
        self.encoding = f"{self._file.format}/{subtype}"
        self.promised = self._file.frames
        self.is_pcm16 = subtype == "PCM_16"

    def _quiet(self, source: Source) -> contextlib.AbstractContextManager[None]:
        """Returns what keeps libmpg123 quiet; nothing for formats that it does not decode."""
        head = source[:22]
        source.seek(0)
        synced = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
        in_wav = head.startswith(b"RIFF") and head[20:] == _MP3_IN_WAV
        self._may_be_mp3 = synced or in_wav or head.startswith(b"ID3")
        return without_mpg123() if self._may_be_mp3 else contextlib.nullcontext()

    def close(self) -> None:
        """Frees the resources of libsndfile; the source stays open."""
        self._file.close()

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Reads to the end; once.

        Args:
            frames: Maximum number of samples per channel in a block: a header that states more
                samples than the file contains must not cost memory.

        Yields:
            float32 [M, channels], full scale 1.

        Raises:
            AudioError: The file is damaged.
        """
        return self._read(frames, "float32", always_2d=True)

    def plain_blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Reads one channel of an `is_pcm16` file without conversion to float32.

        Yields:
            int16 [M]; see `blocks`.
        """
        return self._read(frames, "int16", always_2d=False)

    def _read(self, frames: int, dtype: str, *, always_2d: bool) -> Iterator[np.ndarray]:
        read = 0
        try:
            while read < self.promised:
                with without_mpg123() if self._may_be_mp3 else contextlib.nullcontext():
                    block = self._file.read(frames, dtype=dtype, always_2d=always_2d)
                if not len(block):
                    return
                read += len(block)
                yield block
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise AudioError(f"unreadable as audio: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Returns the message of libsndfile without the repr of the file, which soundfile prepends."""
    text = getattr(error, "error_string", None) or str(error)
    return " ".join(str(text).split()).rstrip(".")
