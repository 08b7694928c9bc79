"""Identifies the container of a file by its first bytes, and reads its header."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from bonafide.audio.containers import asf, matroska, mp4, mpeg, ogg, others, riff, tags, telephone
from bonafide.audio.containers.container import Container
from bonafide.audio.sources import Source

_Reader = Callable[[Source, int, int], Container]
_HEAD_BYTES = 64


def inspect(source: Source, name: str = "") -> Container:
    """Identifies the container and reads its header; decodes nothing.

    Args:
        source: The file.
        name: Its name; the ending identifies formats without a header.

    Raises:
        AudioError: It contains no audio, or more than one recording.
    """
    start, stop = 0, len(source)
    head = source[:_HEAD_BYTES]
    if head[:3] == b"ID3" or head[:8] == b"APETAGEX":
        start = tags.front(source)
        head = source[start : start + _HEAD_BYTES]
    if reader := _reader(head):
        return reader(source, start, stop)
    if mpeg.begins(source, start, stop):
        return mpeg.mpeg(source, start, stop)
    if telephone.is_gsm(source, start, stop):
        return telephone.gsm(start, stop)
    what = others.named(head, name)
    # G.729 has no signature, so a file is read as G.729 only if no other format matches.
    if not what and PurePath(name).suffix.lower() == ".g729":
        return telephone.g729(start, stop)
    if not what and (first := mpeg.find(source, start, stop)) >= 0:
        return mpeg.mpeg(source, first, stop)
    # libsndfile reads some rare ones.
    return Container("", ((start, stop),), what=what)


def _reader(head: bytes) -> _Reader | None:
    if head[8:12] == b"WAVE" and head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return riff.wav
    if head[:4] == b"fLaC":
        return _flac
    if mp4.is_mp4(head):
        return mp4.mp4
    return next((reader for magic, reader in _MAGIC.items() if head.startswith(magic)), None)


def _flac(source: Source, start: int, stop: int) -> Container:
    """FLAC; libsndfile detects truncation itself."""
    # If an encoder wrote into a pipe, the 36 bits of the number of samples are zero.
    count = source[start + 21 : start + 26]
    knows = len(count) < 5 or bool(count[0] & 0x0F or any(count[1:]))
    place = ((start, stop),)
    return Container("FLAC", place, "libsndfile" if knows else "ffmpeg", demuxer="flac")


_MAGIC: dict[bytes, _Reader] = {
    b"OggS": ogg.ogg,
    b"FORM": riff.aiff,
    b"riff\x2e\x91\xcf\x11": riff.w64,
    b".snd": riff.au,
    b"dns.": riff.au,
    b"caff": riff.caf,
    b"NIST_1A": riff.nist,
    b"\x1aE\xdf\xa3": matroska.matroska,
    asf.MAGIC: asf.asf,
    telephone.AMR: telephone.amr,
    telephone.AMR_WIDE: telephone.amr,
}
