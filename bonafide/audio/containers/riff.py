"""Containers of chunks, each with its size: WAV, RF64, AIFF, W64, AU, CAF, NIST SPHERE.

Only the size of the chunk of samples is used. The size of the whole file, in the first header, is
often wrong.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Literal, NamedTuple

from bonafide.audio.containers.container import Container, is_unknown, missing
from bonafide.audio.facts import AudioError
from bonafide.audio.sources import Source

_MOST_CHUNKS = 10_000
_READ_AHEAD = 512  # bytes: most headers are shorter
_RIFFS = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM")
_W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
_LONGEST_FORMAT, _LONGEST_HEADER = 1024, 1 << 16  # bytes
_PCM_FORMAT = struct.Struct("<HHIIHH")
_AU_UNKNOWN = b"\xff\xff\xff\xff"
_BEHIND_SAMPLES = (b"LIST", b"PEAK", b"fact", b"bext", b"id3 ", b"ID3 ")
_NO_END = "its header ends before its samples begin"


class _Chunk(NamedTuple):
    name: bytes
    start: int  # of its content
    size: int  # of its content, as stated


def wav(source: Source, start: int, stop: int) -> Container:
    """RIFF, RIFX, RF64 and BW64 files of the form WAVE."""
    kind = source[start : start + 4]
    order: Literal["big", "little"] = "big" if kind == b"RIFX" else "little"
    size_64, form = 0, b""
    for chunk in _chunks(source, start + 12, stop, order):
        if chunk.name == b"ds64":
            size_64 = int.from_bytes(source[chunk.start + 8 : chunk.start + 16], "little")
        if chunk.name == b"fmt ":
            form = source[chunk.start : chunk.start + min(chunk.size, _LONGEST_FORMAT)]
        if chunk.name == b"data":
            is_long = kind in (b"RF64", b"BW64") and chunk.size == 0xFFFF_FFFF
            size, bits = (size_64, 64) if is_long else (chunk.size, 32)
            is_open = _is_open(source, chunk.start, stop, size, bits)
            if kind == b"RIFF" and (pcm := _pcm16(form)):
                _refuse_second("WAV", source, chunk.start + size, stop)
                left = stop - chunk.start
                place = (chunk.start, stop if is_open else min(stop, chunk.start + size))
                return Container("WAV", (place,), "pcm", cut=missing(size, left), pcm=pcm)
            if order == "little" and form and is_open:
                return _rewritten("WAV", form, chunk.start, stop)
            return _samples("WAV", "wav", source, (start, stop), chunk.start, size, bits)
    return Container("WAV", ((start, stop),), demuxer="wav", cut=_NO_END)


def aiff(source: Source, start: int, stop: int) -> Container:
    """FORM files: AIFF, AIFC, and others that libsndfile reads."""
    for chunk in _chunks(source, start + 12, stop, "big"):
        if chunk.name in (b"SSND", b"BODY"):
            return _samples("AIFF", "aiff", source, (start, stop), chunk.start, chunk.size, 32)
    return Container("AIFF", ((start, stop),), demuxer="aiff", cut=_NO_END)


def w64(source: Source, start: int, stop: int) -> Container:
    """Sony's Wave64: names of 16 bytes, sizes of 8 bytes that include the chunk header."""
    place, form = start + 40, b""
    for _ in range(_MOST_CHUNKS):
        head = source[place : place + 24]
        if len(head) < 24:
            break
        size = int.from_bytes(head[16:], "little")
        if head[:4] == b"fmt ":
            form = source[place + 24 : place + min(size, _LONGEST_FORMAT)]
        if head[:16] == _W64_DATA:
            if form and _is_open(source, place + 24, stop, size, 64):
                return _rewritten("W64", form, place + 24, stop)
            content = 0 if size < 24 else size if is_unknown(size, 64) else size - 24
            return _samples("W64", "w64", source, (start, stop), place + 24, content, 64)
        place += max(24, size + -size % 8)
    return Container("W64", ((start, stop),), demuxer="w64", cut=_NO_END)


def au(source: Source, start: int, stop: int) -> Container:
    """Sun's and NeXT's files: `.au`, `.snd`."""
    order: Literal["big", "little"] = "big" if source[start : start + 4] == b".snd" else "little"
    head = source[start + 4 : start + 12]
    begin, size = (int.from_bytes(part, order) for part in (head[:4], head[4:]))
    if size == 0 and 24 <= begin <= _LONGEST_HEADER and start + begin < stop:
        prefix = source[start : start + 8] + _AU_UNKNOWN + source[start + 12 : start + begin]
        return Container("AU", ((start + begin, stop),), demuxer="au", prefix=prefix)
    return _samples("AU", "au", source, (start, stop), start + begin, size, 32)


def caf(source: Source, start: int, stop: int) -> Container:
    """Apple's Core Audio Format."""
    place, cut = start + 8, _NO_END
    reader: Literal["libsndfile", "ffmpeg"] = "libsndfile"
    for _ in range(_MOST_CHUNKS):
        head = source[place : place + 12]
        if len(head) < 12:
            break
        size = int.from_bytes(head[4:], "big", signed=True)
        left = stop - place - 12
        if head[:4] == b"data":
            cut = ""
            if size < 0:  # it is the last one
                break
            if is_unknown(size, 64):
                reader = "ffmpeg"
        if size < 0 or size > left:
            cut = missing(max(size, 0), left, 64) or cut
            break
        place += 12 + size
    return Container("CAF", ((start, stop),), reader, demuxer="caf", cut=cut)


def nist(source: Source, start: int, stop: int) -> Container:
    """NIST's SPHERE: a header of lines of text, then samples."""
    head = source[start : start + 1024]
    found = {
        name: re.search(rb"^%s -i (\d{1,18})\s*$" % name, head, re.MULTILINE)
        for name in (b"sample_count", b"sample_n_bytes", b"channel_count")
    }
    cut = ""
    if (begin := re.match(rb"NIST_1A\n\s*(\d{1,9})\n", head)) and all(found.values()):
        size = 1
        for number in found.values():
            size *= int(number[1]) if number else 1
        # Compressed samples take fewer bytes than stated.
        if re.search(rb"^sample_coding -s\d+ (pcm|ulaw|mu-law|alaw)\s*$", head, re.MULTILINE):
            cut = missing(size, stop - start - int(begin[1]), 64)
    return Container("NIST", ((start, stop),), cut=cut)


def _samples(
    kind: str,
    demuxer: str,
    source: Source,
    place: tuple[int, int],
    begin: int,
    size: int,
    bits: int,
) -> Container:
    """Returns a container with the stated position and size of its samples."""
    _refuse_second(kind, source, begin + size, place[1])
    return Container(kind, (place,), demuxer=demuxer, cut=missing(size, place[1] - begin, bits))


def _refuse_second(kind: str, source: Source, behind: int, stop: int) -> None:
    """Raises an error if another file begins after the samples of the first."""
    if behind + 12 > stop:
        return
    head = source[behind : behind + 5]
    for place in (0, 1):  # An odd number of bytes may be padded by one.
        if head[place : place + 4] in _RIFFS:
            second = behind + place
            raise AudioError(
                f"two {kind} files in one, the second from byte {second:,}: most programs play "
                f"the first alone. Split it (head -c {second} FILE, tail -c +{second + 1} FILE)"
            )


def _pcm16(form: bytes) -> tuple[int, int] | None:
    """Returns sampling rate and channels if samples are plain 16-bit integers, else None."""
    if len(form) < _PCM_FORMAT.size:
        return None
    tag, channels, rate_hz, _, frame_bytes, bits = _PCM_FORMAT.unpack_from(form)
    if (tag, bits) != (1, 16) or not channels or frame_bytes != 2 * channels:
        return None
    return rate_hz, channels


def _is_open(source: Source, begin: int, stop: int, size: int, bits: int) -> bool:
    """Whether there are samples whose size is not stated."""
    # If the size fits the field of a WAV file, libsndfile reads the samples that exist.
    if begin >= stop or not is_unknown(size, bits) or (size > 0 and bits == 32):
        return False
    return source[begin : begin + 4] not in _BEHIND_SAMPLES


def _rewritten(kind: str, form: bytes, begin: int, stop: int) -> Container:
    """Returns the same samples after a header with their size, at most 4 GiB."""
    size = min(stop - begin, 0xFFFF_0000)
    size -= size % max(1, int.from_bytes(form[12:14], "little"))
    chunks = b"fmt " + len(form).to_bytes(4, "little") + form + b"data" + size.to_bytes(4, "little")
    prefix = b"RIFF" + (4 + len(chunks) + size).to_bytes(4, "little") + b"WAVE" + chunks
    return Container(kind, ((begin, begin + size),), demuxer="wav", prefix=prefix)


def _chunks(
    source: Source, place: int, stop: int, order: Literal["big", "little"]
) -> Iterator[_Chunk]:
    """Yields the chunks, with names and sizes of 4 bytes."""
    base, read = place, source[place : place + _READ_AHEAD]
    for _ in range(_MOST_CHUNKS):
        if place + 8 > base + len(read):
            base, read = place, source[place : place + _READ_AHEAD]
        head = read[place - base : place - base + 8]
        if len(head) < 8 or place >= stop:
            return
        size = int.from_bytes(head[4:], order)
        yield _Chunk(head[:4], place + 8, size)
        place += 8 + size + size % 2
