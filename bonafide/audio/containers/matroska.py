"""Matroska and WebM (RFC 9559): EBML elements within elements."""

from __future__ import annotations

import struct

from bonafide.audio.containers.container import Container
from bonafide.audio.sources import Source

_EBML, _SEGMENT, _CLUSTER, _INFO = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1549A966
_TIMESTAMP_SCALE, _DURATION, _DOC_TYPE, _TRACKS = 0x2AD7B1, 0x4489, 0x4282, 0x1654AE6B
_TRACK_ENTRY, _TRACK_TYPE, _VIDEO = 0xAE, 0x83, 1
_HOLDERS = (_EBML, _SEGMENT, _INFO, _TRACKS, _TRACK_ENTRY)
_MOST_ELEMENTS = 5_000_000  # Several days of WebM as recorded by browsers.
_HEAD_BYTES = 12


def matroska(source: Source, start: int, stop: int) -> Container:
    """Checks that all elements are present.

    Browsers write neither sizes nor a duration when they record: a truncated file is recognised by
    its incomplete last block, and truncation between two blocks cannot be detected.
    """
    place, cut, doc_type = start, "", b""
    scale, ticks, has_video = 1_000_000, 0.0, False
    for _ in range(_MOST_ELEMENTS):
        head = source[place : min(stop, place + _HEAD_BYTES)]
        if not head:
            break
        found = _element(head)
        if found is None:
            # Zeros after the last element are harmless.
            cut = "" if not any(head) else "its last element is not complete"
            break
        name, size, begin = found[0], found[1], place + found[2]
        if size is not None and begin + size > stop:
            cut = f"{begin + size - stop:,} bytes fewer than its header promises"
            break
        content = source[begin : begin + min(size or 0, 8)]
        if name == _DOC_TYPE:
            doc_type = content.rstrip(b"\0")
        elif name == _TIMESTAMP_SCALE:
            scale = int.from_bytes(content, "big")
        elif name == _DURATION and size in (4, 8):
            [ticks] = struct.unpack(">f" if size == 4 else ">d", content)
        elif name == _TRACK_TYPE:
            has_video |= content == bytes([_VIDEO])
        # The content of an element without a size is read as if it followed the element.
        place = begin if name in _HOLDERS or size is None else begin + size
    seconds = ticks * scale / 1e9
    # In a file with video, the duration may be that of the video.
    is_known = not has_video and 0 < seconds < 1e7
    return Container(
        "WEBM" if doc_type == b"webm" else "MATROSKA",
        ((start, stop),),
        "ffmpeg",
        demuxer="matroska",
        cut=cut,
        seconds=seconds if is_known else None,
    )


def _element(head: bytes) -> tuple[int, int | None, int] | None:
    """Returns name, size (None if unknown) and header length of an element; None if invalid."""
    length = 9 - head[0].bit_length() if head[0] else 9
    if length > 4 or len(head) <= length:
        return None
    name = int.from_bytes(head[:length], "big")
    first = head[length]
    width = 9 - first.bit_length() if first else 9
    if width > 8 or len(head) < length + width:
        return None
    size = int.from_bytes(head[length : length + width], "big") & ((1 << 7 * width) - 1)
    return name, None if size == (1 << 7 * width) - 1 else size, length + width
