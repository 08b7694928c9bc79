"""Facts about a file before it is decoded."""

from __future__ import annotations

import dataclasses
from typing import Literal

# A program that writes into a pipe does not know the size, and writes the maximum of the field or
# nearly so: within this many bytes.
_NEARLY = 1 << 16
_LEAST_ROUND = 10**8
_ROUND = (10**7, 1 << 24)


@dataclasses.dataclass(frozen=True)
class Container:
    """Statements of the header of a container.

    Attributes:
        kind: Its name, for messages and in `FileFacts.encoding`.
        parts: Positions of its audio: first byte and byte after the last, each a separate file.
        prefix: A header to prepend to each part, in place of an incomplete one.
        reader: Reader to try first; `pcm` for uncompressed samples.
        demuxer: FFmpeg's name of the format; empty if FFmpeg is not to be tried.
        cut: Evidence that the end is missing; empty if there is none.
        pcm: Sampling rate and number of channels, if the reader is `pcm`.
        counts_samples: Whether it states an exact number of samples, which is checked.
        seconds: Duration that it states; checked when FFmpeg decodes. None if it is not reliable.
        notes: Warnings about a file that can be used.
        what: What it is instead of audio, if identified.
    """

    kind: str
    parts: tuple[tuple[int, int], ...]
    reader: Literal["pcm", "libsndfile", "ffmpeg"] = "libsndfile"
    demuxer: str = ""
    prefix: bytes = b""
    cut: str = ""
    pcm: tuple[int, int] = (0, 0)
    counts_samples: bool = False
    seconds: float | None = None
    notes: tuple[str, ...] = ()
    what: str = ""


def is_unknown(size: int, bits: int = 32) -> bool:
    """Whether a size of samples is a placeholder for an unknown size.

    Placeholders are zero, the maximum of a signed or unsigned field, or a round number, as servers
    of synthetic speech write (10^9, 2 * 10^9). One in ten million sizes of real files is as round.

    Args:
        size: In bytes, unsigned.
        bits: Width of the field.
    """
    largest = (1 << bits, 1 << (bits - 1), 1 << 32, 1 << 31)
    if size == 0 or any(top - _NEARLY <= size < top + _NEARLY for top in largest):
        return True
    return size >= _LEAST_ROUND and any(size % unit == 0 for unit in _ROUND)


def missing(size: int, left: int, bits: int = 32) -> str:
    """Returns evidence of missing samples; empty if none are missing or the size is unknown.

    Args:
        size: Size of the samples in bytes, as stated by the container.
        left: Number of bytes to the end of the file.
        bits: Width of the field that holds it.
    """
    if is_unknown(size, bits) or size <= left:
        return ""
    return f"{size - left} bytes fewer than its header promises"
