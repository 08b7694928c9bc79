"""ISO base media files (ISO 14496-12) and QuickTime: MP4, M4A, 3GP, MOV. Boxes within boxes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from bonafide.audio.containers.container import Container
from bonafide.audio.facts import AudioError
from bonafide.audio.sources import Source

_FIRST = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"moof")
# Boxes that contain other boxes, among them those that are read here.
_HOLDERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf")
_ENCRYPTED = (b"enca", b"drms")  # Common encryption; Apple's FairPlay.
_MOST_BOXES = 1_000_000
_MOST_BYTES_OF_A_TABLE = 1 << 24
# FFmpeg builds an index with an entry for each stated sample before it reads one, and a file of a
# hundred bytes can state billions. A day of audio has at most this many frames.
_MOST_SAMPLES = 10_000_000


@dataclasses.dataclass(frozen=True)
class _Box:
    """A box: its name, and where its content begins and ends."""

    name: bytes
    begin: int
    end: int


def is_mp4(head: bytes) -> bool:
    """Whether a file begins with a box that MP4 files begin with."""
    return head[4:8] in _FIRST


def mp4(source: Source, start: int, stop: int) -> Container:
    """Checks that all boxes are present, and that a track contains readable audio."""
    names: set[bytes] = set()
    handlers: list[bytes] = []
    cut, index = "", _Index()
    for box in _boxes(source, start, stop):
        names.add(box.name)
        if box.end > stop and box.name not in (b"free", b"skip"):
            lacking = box.end - stop
            cut = cut or f"{lacking:,} bytes of its box {box.name.decode('latin-1')!r} are missing"
        elif box.name == b"hdlr":
            handlers.append(source[box.begin + 8 : box.begin + 12])
        elif box.name == b"stsd" and source[box.begin + 12 : box.begin + 16] in _ENCRYPTED:
            raise AudioError(
                "encrypted (protected against copying): ask for a copy without protection"
            )
        index.add(source, box)
    if not names & {b"moov", b"moof"}:
        cut = cut or "its index (moov) is missing, which is written last"
    elif not names & {b"mdat", b"moof"}:
        cut = cut or "its samples (mdat) are missing"
    if not cut and handlers and b"soun" not in handlers:
        raise AudioError("an MP4 container without audio")
    return Container("MP4", ((start, stop),), "ffmpeg", demuxer="mp4", cut=cut)


def _boxes(source: Source, place: int, stop: int) -> Iterator[_Box]:
    """Yields all boxes, also those inside _HOLDERS, each holder before its content."""
    for _ in range(_MOST_BOXES):
        head = source[place : place + 16]
        if place >= stop or len(head) < 8:
            return
        size, name, begin = int.from_bytes(head[:4], "big"), head[4:8], place + 8
        if not name.isascii() or min(name) < 0x20:  # No box: data after the last one.
            return
        if size == 1:
            size, begin = int.from_bytes(head[8:16], "big"), place + 16
        end = place + size if size else stop
        yield _Box(name, begin, end)
        # The content of a holder is read as if it followed the holder.
        place = begin if name in _HOLDERS else max(end, begin)
    raise AudioError("unreadable as audio: more boxes than a file may hold")


class _Index:
    """Counts the entries of FFmpeg's index that boxes request by a mere number."""

    def __init__(self) -> None:
        self.entries = 0
        self._by_chunk = False

    def add(self, source: Source, box: _Box) -> None:
        """Adds the next box.

        Raises:
            AudioError: The file has more entries than allowed.
        """
        if box.name == b"stbl":
            self._by_chunk = False
        elif box.name == b"trun":
            self.entries += _number(source, box.begin + 4)
        elif box.name == b"stsz":
            # Without a common size, the box itself has an entry for each sample.
            is_counted = _number(source, box.begin + 4) and not self._by_chunk
            self.entries += _number(source, box.begin + 8) if is_counted else 0
        elif box.name in (b"stts", b"ctts"):
            table = source[box.begin + 8 : min(box.end, box.begin + 8 + _MOST_BYTES_OF_A_TABLE)]
            pairs = np.frombuffer(table[: len(table) // 8 * 8], ">u4").reshape(-1, 2)
            # In PCM, each sample lasts one tick, and the index has an entry for each chunk.
            if box.name == b"stts":
                self._by_chunk = len(pairs) == 1 and pairs[0, 1] == 1
            self.entries += 0 if self._by_chunk else int(pairs[:, 0].sum(dtype=np.uint64))
        if self.entries > _MOST_SAMPLES:
            raise AudioError("unreadable as audio: promises more samples than a file may hold")


def _number(source: Source, place: int) -> int:
    return int.from_bytes(source[place : place + 4], "big")
