"""Ogg (RFC 3533): pages of one or several streams, multiplexed or chained."""

from __future__ import annotations

import dataclasses

from bonafide.audio.containers.container import Container
from bonafide.audio.facts import AudioError
from bonafide.audio.sources import Source

_HEADER_BYTES = 27
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_MOST_LINKS = 1_000
_LOOKED_THROUGH = 1 << 20  # Maximum number of consecutive bytes to skip between pages.
_AUDIO = {
    b"\x01vorbis": "VORBIS",
    b"OpusHead": "OPUS",
    b"Speex   ": "SPEEX",
    b"\x7fFLAC": "FLAC",
}
_READ_BY_LIBSNDFILE = ("VORBIS", "OPUS")
NO_END_MARK = (
    "its last page is not marked as the end: it was cut off, or written by a program that leaves "
    "the mark out, as some telephones do"
)


@dataclasses.dataclass
class _Link:
    """Streams that begin together."""

    start: int
    stop: int = 0
    last_page: int = 0
    codecs: list[str] = dataclasses.field(default_factory=list)
    begun: bool = False  # whether a page other than the first of a stream was read
    problem: str = ""
    open_packet: bool = False
    end_mark: bool = False


def ogg(source: Source, start: int, stop: int) -> Container:
    """Finds the links of a chain; each is a separate file.

    Truncation between two pages shows only in the missing end mark. Some recorders, such as
    Telegram on Android, never write one: its absence is a note, not an error.
    """
    links = _links(source, start, stop)
    last = links[-1]
    open_packet = "a packet continues behind its last page" if last.open_packet else ""
    cut = next((link.problem for link in links if link.problem), open_packet)
    codecs = [codec for link in links for codec in link.codecs]
    if not any(codecs):
        raise AudioError(f"cut off: {cut}" if cut else "an Ogg container without audio")
    # Links that libsndfile cannot open are passed to FFmpeg one by one.
    plain = all(len(link.codecs) == 1 for link in links)
    plain = plain and any(codec in _READ_BY_LIBSNDFILE for codec in codecs)
    return Container(
        "OGG",
        tuple((link.start, link.stop) for link in links if any(link.codecs)),
        reader="libsndfile" if plain else "ffmpeg",
        demuxer="ogg",
        cut=cut,
        notes=() if last.end_mark or cut else (NO_END_MARK,),
    )


def _links(source: Source, place: int, stop: int) -> list[_Link]:
    links = [_Link(place)]
    while place < stop:
        head = source[place : min(stop, place + _HEADER_BYTES + 255)]
        if head[:4] != b"OggS":
            place = _resumed(source, links[-1], place, stop)
            continue
        link = links[-1]
        count = head[26] if len(head) >= _HEADER_BYTES else 0
        lacing = head[_HEADER_BYTES : _HEADER_BYTES + count]
        end = place + _HEADER_BYTES + count + sum(lacing)
        if len(head) < _HEADER_BYTES + count or end > stop:
            link.problem, link.stop = "its last page is not complete", stop
            break
        flags = head[5]
        if flags & _FIRST:
            if link.begun:
                link.stop = place
                link = _Link(place)
                links.append(link)
                if len(links) > _MOST_LINKS:
                    raise AudioError(f"a chain of more than {_MOST_LINKS:,} Ogg streams")
            first = source[place + _HEADER_BYTES + count : end][:8]
            known = (codec for magic, codec in _AUDIO.items() if first.startswith(magic))
            link.codecs.append(next(known, ""))
        else:
            link.begun = True
        link.open_packet = bool(lacing) and lacing[-1] == 255
        link.end_mark = bool(flags & _LAST)
        link.last_page, link.stop = place, end
        place = end
    return links


def _resumed(source: Source, link: _Link, place: int, stop: int) -> int:
    """Returns where to resume if no page begins where one should."""
    if link.begun:
        inside = source[link.last_page + 1 : place].find(b"OggS\0")
        if inside >= 0:  # Another file was appended to a truncated one.
            link.problem = "a page in the middle is not complete"
            return link.last_page + 1 + inside
    return _next_page(source, place, stop)


def _next_page(source: Source, place: int, stop: int) -> int:
    """Returns the position of the next page; the end if there is none."""
    while place < stop:
        found = source[place : min(stop, place + _LOOKED_THROUGH)].find(b"OggS", 1)
        if found > 0:
            return place + found
        place += max(1, _LOOKED_THROUGH - 4)
    return stop
