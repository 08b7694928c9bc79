"""What is known of a file before it is decoded."""

from __future__ import annotations

import dataclasses
from typing import Literal

# Where a program that writes into a pipe does not know the size, it writes the largest that the
# field holds, or nearly so: within this many bytes.
_NEARLY = 1 << 16
_LEAST_ROUND = 10**8
_ROUND = (10**7, 1 << 24)


@dataclasses.dataclass(frozen=True)
class Container:
    """What the header of a container states.

    Attributes:
        kind: Its name, for people and in `FileFacts.encoding`.
        parts: Where its audio lies: from one byte to before another, each a file of its own.
        prefix: A header to put in front of each part, in place of an incomplete one.
        reader: What is tried first: `pcm` where samples lie there as they are.
        demuxer: FFmpeg's name of the format; empty where FFmpeg is not to be tried.
        cut: What shows that the end is missing; empty where nothing does.
        pcm: Sampling rate and number of channels, where the reader is `pcm`.
        counts_samples: Whether it states an exact number of samples, which is checked.
        seconds: Duration that it states; checked when FFmpeg decodes. None if it is not reliable.
        notes: Warnings about a file that can be used.
        what: What it is in place of audio, where that is known.
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
    """Whether a size of samples is what writers put where they do not know it.

    That is none, the largest of a signed or unsigned field, or a round number, which is what
    servers of synthetic speech write (10^9, 2 * 10^9). Of the sizes of real files, one in ten
    millions is as round.

    Args:
        size: In bytes, unsigned.
        bits: Width of the field.
    """
    largest = (1 << bits, 1 << (bits - 1), 1 << 32, 1 << 31)
    if size == 0 or any(top - _NEARLY <= size < top + _NEARLY for top in largest):
        return True
    return size >= _LEAST_ROUND and any(size % unit == 0 for unit in _ROUND)


def missing(size: int, left: int, bits: int = 32) -> str:
    """What shows that samples are missing; empty if none are, or the size is unknown.

    Args:
        size: Of the samples in bytes, as the container states.
        left: How many there are to the end of the file.
        bits: Width of the field that holds it.
    """
    if is_unknown(size, bits) or size <= left:
        return ""
    return f"{size - left} bytes fewer than its header promises"
