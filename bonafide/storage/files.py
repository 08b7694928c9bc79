"""Atomic file writes: a file is written completely or not at all. Imports no framework."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_LEFTOVER = (".bonafide.", ".tmp")


def is_leftover(name: str) -> bool:
    """Returns whether a file name is a temporary one of `replacing`."""
    return name.startswith(_LEFTOVER[0]) and name.endswith(_LEFTOVER[1])


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path beside `path`, which replaces `path` if the block succeeds.

    After an error it is removed. If `path` is a symbolic link, its target is replaced.

    Raises:
        OSError: It cannot be written.
    """
    target = Path(os.path.realpath(path))
    # Without the target's name, which may have the maximum length.
    part = target.with_name(f"{_LEFTOVER[0]}{os.getpid()}{_LEFTOVER[1]}")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def why_not_writable(path: str | os.PathLike[str]) -> str | None:
    """Returns why a file cannot be written, before any work is done; None if it can.

    Raises:
        OSError: The path cannot be inspected, for example because a name is too long.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        return f"there is no folder {target.parent}"
    if target.exists() and not target.is_file():
        return "it exists and is not a file"
    if not os.access(target.parent, os.W_OK):
        return "the folder is read-only"
    return None


def printable(path: str) -> str:
    """Returns a path as text with escapes for bytes that are not UTF-8."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")
