"""ASF: WMA, and WMV with sound. Objects with names of 16 bytes and sizes of 8."""

from __future__ import annotations

import uuid

from bonafide.audio.containers.container import Container
from bonafide.audio.facts import AudioError
from bonafide.audio.sources import Source

_MOST_OBJECTS = 10_000
_HEADER = uuid.UUID("75b22630-668e-11cf-a6d9-00aa0062ce6c").bytes_le
_FILE = uuid.UUID("8cabdca1-a947-11cf-8ee4-00c00c205365").bytes_le
_STREAM = uuid.UUID("b7dc0791-a9b7-11cf-8ee6-00c00c205365").bytes_le
_AUDIO = uuid.UUID("f8699e40-5b4d-11cf-a8fd-00805f5c442b").bytes_le
_DATA = uuid.UUID("75b22636-668e-11cf-a6d9-00aa0062ce6c").bytes_le
_ENCRYPTION = uuid.UUID("2211b3fb-bd23-11d2-b4b7-00a0c955fc6e").bytes_le
_IS_BROADCAST = 1
MAGIC = _HEADER


def asf(source: Source, start: int, stop: int) -> Container:
    """Compares the stated sizes of the file and of its data with the actual ones."""
    cut, streams, is_broadcast = "", [], False
    place = start
    for _ in range(_MOST_OBJECTS):
        head = source[place : place + 24]
        if place >= stop or len(head) < 24:
            break
        name, size = head[:16], int.from_bytes(head[16:], "little")
        if name == _FILE:
            content = source[place + 24 : place + 104]
            is_broadcast = bool(int.from_bytes(content[64:68], "little") & _IS_BROADCAST)
            lacking = int.from_bytes(content[16:24], "little") - (stop - start)
            if lacking > 0 and not is_broadcast:
                cut = f"{lacking:,} bytes fewer than its header promises"
        elif name == _STREAM:
            streams.append(source[place + 24 : place + 40])
        elif name == _ENCRYPTION:
            raise AudioError(
                "encrypted (protected against copying): ask for a copy without protection"
            )
        elif name == _DATA and place + size > stop and not is_broadcast:
            cut = cut or f"{place + size - stop:,} bytes fewer than its header promises"
        # The objects inside the header are read as if they followed it.
        place += 30 if name == _HEADER else max(24, size)
    if not cut and streams and _AUDIO not in streams:
        raise AudioError("a Windows Media container without audio")
    return Container("ASF", ((start, stop),), "ffmpeg", demuxer="asf", cut=cut)
