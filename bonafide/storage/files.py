"""Atomic file writes: a file is written completely or not at all. Imports no framework."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_LEFTOVER = (".bonafide.", ".tmp")


def is_leftover(name: str) -> bool:
    """Whether a file name is one that a killed `replacing` left, or one of a running process."""
    return name.startswith(_LEFTOVER[0]) and name.endswith(_LEFTOVER[1])


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a place beside `path`; what is written there takes its place when all went well.

    Nothing is left beside it otherwise. A link stays, and what it points to is replaced.

    Raises:
        OSError: It cannot be written.
    """
    target = Path(os.path.realpath(path))
    # Not with the target's name in it: that may be as long as a name can be.
    part = target.with_name(f"{_LEFTOVER[0]}{os.getpid()}{_LEFTOVER[1]}")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def why_not_writable(path: str | os.PathLike[str]) -> str | None:
    """Returns what would keep a file from being written, before any work is done; None if nothing.

    Raises:
        OSError: It cannot even be looked at, as where a name is too long.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        return f"there is no folder {target.parent}"
    if target.exists() and not target.is_file():
        return "it is there and is not a file"
    if not os.access(target.parent, os.W_OK):
        return "the folder is read-only"
    return None


def printable(path: str) -> str:
    """Returns a path as text, in which bytes that are not UTF-8 are spelled out."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")
