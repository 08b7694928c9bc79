"""Reads text files; errors name the file and the reason."""

from __future__ import annotations

import codecs
import gzip
import os
import pathlib
import zlib


class FileError(ValueError):
    """A file cannot be used; the message states place, problem and remedy."""


def read_text(path: str | os.PathLike[str]) -> str:
    """Returns the content of a UTF-8 file.

    Raises:
        FileError: The file cannot be read or is not text.
    """
    return decode_text(read_bytes(path), str(path))


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Returns the content of a file.

    Raises:
        FileError: The file cannot be read.
    """
    try:
        return pathlib.Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise FileError(f"cannot read {path}: {getattr(error, 'strerror', error)}") from error


def decode_text(data: bytes, where: str) -> str:
    """Decodes UTF-8, with or without byte order mark.

    Gzip is unpacked, and UTF-16 with a byte order mark is read, too. Lines that end in CR alone
    end in LF in the text.

    Raises:
        FileError: The data is not UTF-8; the message names `where`.
    """
    if data.startswith(_GZIP):
        data = _unpacked(data, where)
    utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(
            f"{where}: not a UTF-8 text file: {error}. Save it in the encoding UTF-8"
        ) from error
    return text if "\n" in text else text.replace("\r", "\n")


_GZIP = b"\x1f\x8b"


def _unpacked(data: bytes, where: str) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(
            f"{where}: begins as a gzip file and cannot be unpacked: {error}. Copy the file again"
        ) from error
