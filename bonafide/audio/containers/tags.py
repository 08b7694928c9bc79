"""Tags (names, pictures) before and after the audio."""

from __future__ import annotations

from bonafide.audio.sources import Source

_MOST = 16  # Tags at one end.
_APE_BYTES, _APE_HAS_HEADER, _APE_IS_HEADER = 32, 1 << 31, 1 << 29
_ID3V1_BYTES, _ID3V1_LONG_BYTES = 128, 227


def front(source: Source) -> int:
    """Returns where the audio begins: after ID3v2 and APE tags."""
    start = 0
    for _ in range(_MOST):
        head = source[start : start + _APE_BYTES]
        if head[:3] == b"ID3" and len(head) >= 10:
            # Its size has seven bits per byte.
            size = sum((byte & 0x7F) << 7 * (3 - i) for i, byte in enumerate(head[6:10]))
            start += 10 + size + (10 if head[5] & 0x10 else 0)
        elif head[:8] == b"APETAGEX":
            start += _APE_BYTES + int.from_bytes(head[12:16], "little")
        else:
            break
    return min(start, len(source))


def back(source: Source, start: int) -> int:
    """Returns where the audio ends: before ID3v1, Lyrics3, APE and appended ID3v2 tags.

    Args:
        source: The file.
        start: Where the audio begins; no tag begins before it.
    """
    stop = len(source)
    for _ in range(_MOST):
        size = _last(source[max(start, stop - _ID3V1_BYTES) : stop], source, stop)
        if not 0 < size <= stop - start:
            break
        stop -= size
    return stop


def _last(tail: bytes, source: Source, stop: int) -> int:
    """Returns the size of the tag that ends at `stop`; 0 if there is none."""
    if len(tail) == _ID3V1_BYTES and tail[:3] == b"TAG":
        longer = stop - _ID3V1_BYTES - _ID3V1_LONG_BYTES
        is_long = longer >= 0 and source[longer : longer + 4] == b"TAG+"
        return _ID3V1_BYTES + (_ID3V1_LONG_BYTES if is_long else 0)
    if tail[-_APE_BYTES:][:8] == b"APETAGEX":
        footer = tail[-_APE_BYTES:]
        flags = int.from_bytes(footer[20:24], "little")
        size = int.from_bytes(footer[12:16], "little")
        return 0 if flags & _APE_IS_HEADER else size + _APE_BYTES * bool(flags & _APE_HAS_HEADER)
    if tail[-10:-7] == b"3DI":
        return 20 + sum((byte & 0x7F) << 7 * (3 - i) for i, byte in enumerate(tail[-4:]))
    if tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
        return 15 + int(tail[-15:-9])
    return 0
