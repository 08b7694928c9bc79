"""MPEG audio: MP3 (and layers I and II), and AAC in ADTS frames, without a container."""

from __future__ import annotations

import dataclasses
import functools

from bonafide.audio.containers import tags
from bonafide.audio.containers.container import Container
from bonafide.audio.sources import Source

_CHUNK_BYTES = 1 << 20
_LOOKED_THROUGH = 1 << 16  # Bytes searched for a first frame.
_SURE = 4  # Consecutive frames; by chance at one in billions of positions.
_MAX_JUNK_BYTES = 4096  # After the last frame: parts of unrecognised tags.
_LONGEST_HEADER = 7
# ISO 11172-3 and 13818-3: kbit/s by the index in the header, for layers I, II and III.
_MPEG1 = {
    1: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_MPEG2 = {
    1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = (44_100, 48_000, 32_000)
_AAC_RATES_HZ = (
    *(96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000),
    *(22_050, 16_000, 12_000, 11_025, 8_000, 7_350),
)
_AAC_SAMPLES = 1024
_INCOMPLETE = "its last frame is not complete"


@dataclasses.dataclass(frozen=True)
class Frame:
    """Header of a frame.

    Attributes:
        size: In bytes, including the header.
        samples: Samples per channel.
        rate_hz: Sampling rate.
        kbits: Bit rate in the header; 0 in ADTS.
        layer: 1 to 3; 0 in ADTS.
    """

    size: int
    samples: int
    rate_hz: int
    kbits: int
    layer: int


@functools.lru_cache(maxsize=4096)
def frame(head: bytes) -> Frame | None:
    """Reads the header of a frame, 7 bytes; None if invalid (or of free format)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:
        return _adts(head)
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    kbits = (_MPEG1 if version == 3 else _MPEG2)[layer][bitrate - 1]
    rate_hz = _RATES_HZ[rate] >> {3: 0, 2: 1, 0: 2}[version]
    padding = head[2] >> 1 & 1
    if layer == 1:
        return Frame((12_000 * kbits // rate_hz + padding) * 4, 384, rate_hz, kbits, 1)
    samples = 576 if layer == 3 and version != 3 else 1152
    return Frame(samples * 125 * kbits // rate_hz + padding, samples, rate_hz, kbits, layer)


def _adts(head: bytes) -> Frame | None:
    rate, size = head[2] >> 2 & 15, (head[3] & 3) << 11
    if len(head) < _LONGEST_HEADER or rate >= len(_AAC_RATES_HZ):
        return None
    size |= head[4] << 3 | head[5] >> 5
    blocks = 1 + (head[6] & 3)
    return Frame(size, blocks * _AAC_SAMPLES, _AAC_RATES_HZ[rate], 0, 0) if size > 7 else None


def begins(source: Source, place: int, stop: int, count: int = 2) -> bool:
    """Whether `count` consecutive frames begin here, or fewer up to the end of the file."""
    layer = None
    for _ in range(count):
        head = source[place : min(stop, place + _LONGEST_HEADER)]
        if layer is not None and len(head) < _LONGEST_HEADER:
            return place <= stop
        found = frame(head)
        if found is None or layer not in (None, found.layer):
            return False
        layer = found.layer
        place += found.size
    return True


def find(source: Source, start: int, stop: int) -> int:
    """Returns the position of the first frame; -1 if none is found near the start."""
    head = source[start : min(stop, start + _LOOKED_THROUGH)]
    place = head.find(b"\xff")
    while place >= 0:
        if begins(source, start + place, stop, _SURE):
            return start + place
        place = head.find(b"\xff", place + 1)
    return -1


def mpeg(source: Source, start: int, stop: int) -> Container:
    """Reads files of frames, with or without a tag with their number.

    libsndfile estimates the length from the first frame, which is correct if that frame is such a
    tag or all frames have the same bit rate. FFmpeg reads the others, frame by frame.
    """
    stop = tags.back(source, start)
    first = frame(source[start : start + _LONGEST_HEADER])
    if first is None:  # free format
        return Container("MP3", ((start, stop),), demuxer="mp3")
    head = source[start : start + first.size]
    if first.layer == 3 and has_length_tag(head):
        return _tagged(source, head, start, stop)
    walked = _walk(source, start, stop)
    cut = _INCOMPLETE if walked.incomplete else ""
    if first.layer == 0:
        seconds = walked.samples / first.rate_hz
        place = ((start, stop),)
        return Container("ADTS", place, "ffmpeg", demuxer="aac", cut=cut, seconds=seconds)
    # libsndfile's decoder prints a warning for a single frame or a part of one.
    whole = walked.is_constant and walked.frames > 1 and not walked.incomplete
    whole = whole and stop - walked.stop <= _MAX_JUNK_BYTES
    return Container(
        "MP3",
        ((start, walked.stop if whole else stop),),
        reader="libsndfile" if whole else "ffmpeg",
        demuxer="mp3",
        cut=cut,
    )


def has_length_tag(head: bytes) -> bool:
    """Whether the first frame of an MP3 is a tag with the number of frames, of bytes, or both.

    Without one, the length that libsndfile reports is an estimate.
    """
    # The tag follows the frame's header and side information, at most 40 bytes.
    return b"Xing" in head[:48] or b"Info" in head[:48]


def _tagged(source: Source, head: bytes, start: int, stop: int) -> Container:
    place = max(head[:48].find(b"Xing"), head[:48].find(b"Info")) + 4
    flags = int.from_bytes(head[place : place + 4], "big")
    numbers = [int.from_bytes(head[i : i + 4], "big") for i in (place + 4, place + 8)]
    frames = numbers[0] if flags & 1 else None  # without this one
    size = numbers[flags & 1] if flags & 2 else None  # with this one
    # If the sizes differ by more, libsndfile's decoder prints a warning; if the file is longer, it
    # ignores the rest.
    is_right = frames and size and abs(size - (stop - start)) <= 0.01 * size
    cut = ""
    if not is_right:
        walked = _walk(source, start, stop)
        there = max(0, walked.frames - 1)
        if frames and there < frames:
            cut = f"{there:,} of {frames:,} frames are there"
        elif walked.incomplete:
            cut = _INCOMPLETE
    return Container(
        "MP3",
        ((start, stop),),
        reader="libsndfile" if is_right else "ffmpeg",
        demuxer="mp3",
        cut=cut,
        counts_samples=bool(frames),
    )


@dataclasses.dataclass(frozen=True)
class _Walked:
    """Result of walking from frame to frame: end position and number of frames."""

    stop: int
    frames: int
    samples: int
    incomplete: bool
    is_constant: bool


def _walk(source: Source, start: int, stop: int) -> _Walked:
    place = base = start
    chunk, kinds = b"", set()
    frames = samples = 0
    incomplete = False
    while place < stop:
        if place + _LONGEST_HEADER > base + len(chunk):
            base, chunk = place, source[place : min(stop, place + _CHUNK_BYTES)]
        head = chunk[place - base : place - base + _LONGEST_HEADER]
        found = frame(head)
        if found is None:
            # Fewer bytes than a header may be a truncated one.
            incomplete = len(head) < _LONGEST_HEADER and head[0] == 0xFF and frames > 0
            break
        if found.size > stop - place:
            incomplete = True
            break
        kinds.add((found.kbits, found.rate_hz, found.layer))
        place, frames, samples = place + found.size, frames + 1, samples + found.samples
    return _Walked(place, frames, samples, incomplete, len(kinds) == 1)
