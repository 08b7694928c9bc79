"""Telephone formats, which consist of frames: AMR, GSM 06.10, G.729."""

from __future__ import annotations

from bonafide.audio.containers.container import Container
from bonafide.audio.facts import AudioError
from bonafide.audio.sources import Source

AMR, AMR_WIDE = b"#!AMR\n", b"#!AMR-WB\n"
_CHUNK_BYTES = 1 << 20
# Bytes of a frame with its first, by the kind that this one names (RFC 4867, section 5.3); 0 where
# there is no such kind.
_AMR_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)
_AMR_WIDE_BYTES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1)
_AMR_SECONDS = 0.02
_GSM_BYTES, _GSM_MARK, _GSM_SURE, _GSM_SECONDS = 33, 0xD, 16, 0.02
_G729_BYTES, _G729_SECONDS = 10, 0.01
_INCOMPLETE = "its last frame is not complete"


def amr(source: Source, start: int, stop: int) -> Container:
    """AMR and AMR-WB with one channel; each frame states its size."""
    is_wide = source[start : start + len(AMR_WIDE)] == AMR_WIDE
    sizes = _AMR_WIDE_BYTES if is_wide else _AMR_BYTES
    place, frames, cut = start + len(AMR_WIDE if is_wide else AMR), 0, ""
    base, chunk = place, b""
    while place < stop:
        if place >= base + len(chunk):
            base, chunk = place, source[place : min(stop, place + _CHUNK_BYTES)]
        size = sizes[chunk[place - base] >> 3 & 15]
        if not size:
            raise AudioError(f"damaged at {frames * _AMR_SECONDS:.2f} s: not a frame of AMR")
        if place + size > stop:
            cut = _INCOMPLETE
            break
        place, frames = place + size, frames + 1
    seconds = frames * _AMR_SECONDS
    return Container("AMR", ((start, stop),), "ffmpeg", demuxer="amr", cut=cut, seconds=seconds)


def is_gsm(source: Source, start: int, stop: int) -> bool:
    """Whether the file consists of GSM 06.10 frames: each begins with the same four bits."""
    begins = source[start : min(stop, start + 1000 * _GSM_BYTES)][::_GSM_BYTES]
    return len(begins) >= _GSM_SURE and all(byte >> 4 == _GSM_MARK for byte in begins)


def gsm(start: int, stop: int) -> Container:
    """GSM 06.10 full rate, without a header."""
    return _frames("GSM", "gsm", (start, stop), _GSM_BYTES, _GSM_SECONDS)


def g729(start: int, stop: int) -> Container:
    """G.729, 8 kbit/s, without a header or signature."""
    return _frames("G729", "g729", (start, stop), _G729_BYTES, _G729_SECONDS)


def _frames(
    kind: str, demuxer: str, place: tuple[int, int], size: int, seconds: float
) -> Container:
    frames, rest = divmod(place[1] - place[0], size)
    cut = _INCOMPLETE if rest else ""
    return Container(kind, (place,), "ffmpeg", demuxer=demuxer, cut=cut, seconds=frames * seconds)
