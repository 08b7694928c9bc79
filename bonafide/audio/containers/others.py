"""Identifies files without audio or in unsupported formats, with advice."""

from __future__ import annotations

import codecs
from pathlib import PurePath

_CONVERT = "convert it first (ffmpeg -i FILE FILE.wav)"
_CHOOSE, _DECRYPT, _UNPACK = "choose a recording", "decrypt it first", "unpack it first"
_BY_HEAD: dict[str, dict[bytes, str]] = {
    _CONVERT: {
        b"MAC ": "Monkey's Audio (APE)",
        b"wvpk": "WavPack",
        b"TTA1": "True Audio (TTA)",
        b"MPCK": "Musepack",
        b"MP+": "Musepack",
        b"DSD ": "DSD audio (DSF)",
        b"FRM8": "DSD audio (DFF)",
        b".RMF": "RealMedia",
        b".ra\xfd": "RealAudio",
        b"FLV\x01": "Flash video",
        b"\x0b\x77": "AC-3",
        b"#!AMR_MC": "AMR with several channels",
        b"#!AMR-WB_MC": "AMR with several channels",
        b"#!SILK": "SILK (Skype)",
        b"\x02#!SILK": "SILK (WeChat)",
        b"\x00\x00\x01\xba": "an MPEG program stream",
    },
    _DECRYPT: {
        b"\x85\x01": "encrypted (OpenPGP)",
        b"\x85\x02": "encrypted (OpenPGP)",
        b"\x8c\x0d": "encrypted (OpenPGP)",
        b"-----BEGIN PGP": "encrypted (OpenPGP)",
        b"Salted__": "encrypted (OpenSSL)",
        b"age-encryption.org": "encrypted (age)",
    },
    _UNPACK: {
        b"PK\x03\x04": "a ZIP archive, or a document in one",
        b"Rar!": "a RAR archive",
        b"7z\xbc\xaf": "a 7z archive",
        b"\x1f\x8b": "compressed by gzip",
        b"BZh": "compressed by bzip2",
        b"\xfd7zXZ": "compressed by xz",
        b"\x28\xb5\x2f\xfd": "compressed by zstd",
    },
    _CHOOSE: {
        b"MThd": "MIDI (notes, and no sound)",
        b"\x89PNG": "an image (PNG)",
        b"\xff\xd8\xff": "an image (JPEG)",
        b"GIF8": "an image (GIF)",
        b"BM": "an image (BMP)",
        b"II*\x00": "an image (TIFF)",
        b"MM\x00*": "an image (TIFF)",
        b"%PDF": "a PDF document",
        b"\x7fELF": "a program",
        b"MZ": "a program",
        b"SQLite format 3": "a database (SQLite)",
        b"\x93NUMPY": "an array of numpy",
        b"\x89HDF": "an HDF5 file",
        b"version https://git-lfs": "a pointer of Git LFS (git lfs pull fetches the file)",
        b"#EXTM3U": "a playlist, which names recordings and holds none",
        b"[playlist]": "a playlist, which names recordings and holds none",
        b"<!DOCTYPE html": "a web page",
        b"<!doctype html": "a web page",
        b"<html": "a web page",
    },
}
_RIFF = {
    b"AVI ": ("an AVI video", _CONVERT),
    b"WEBP": ("an image (WebP)", _CHOOSE),
    b"RMID": ("MIDI (notes, and no sound)", _CHOOSE),
}
_HEADERLESS = {
    **dict.fromkeys((".raw", ".pcm", ".sln", ".s16", ".vox"), "s16le"),
    **dict.fromkeys((".ul", ".ulaw", ".mulaw"), "mulaw"),
    **dict.fromkeys((".al", ".alaw"), "alaw"),
}
_TEXT = frozenset(b"\t\n\r\f\x1b") | frozenset(range(0x20, 0x7F)) | frozenset(range(0x80, 0x100))
_BYTE_ORDER_MARKS = {b"\xff\xfe": 3, b"\xfe\xff": 2}  # And offset of the zeros in Latin text.


def named(head: bytes, name: str = "") -> str:
    """Returns what a file is and what to do with it; empty if not identified.

    Args:
        head: Its first 64 bytes, or fewer if it is shorter.
        name: Name of the file.
    """
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return "it is {}: {}".format(*_RIFF[head[8:12]])
    for remedy, names in _BY_HEAD.items():
        for magic, what in names.items():
            if head.startswith(magic):
                return f"it is {what}: {remedy}"
    if not any(head):
        return f"it begins with nothing but zeros: {_CHOOSE}"
    zeros = _BYTE_ORDER_MARKS.get(head[:2])
    if _is_text(head) or (zeros and not any(head[zeros::2])):
        return f"it is a text file: {_CHOOSE}"
    if kind := _HEADERLESS.get(PurePath(name).suffix.lower()):
        return (
            "it may be samples without a header: say what they are (ffmpeg -f "
            f"{kind} -ar 8000 -i FILE FILE.wav)"
        )
    return ""


def _is_text(head: bytes) -> bool:
    try:
        # The last character may be truncated.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return _TEXT.issuperset(head)
