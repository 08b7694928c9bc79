"""Expands the paths of the command line to recordings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from bonafide.audio import endings


class InputError(Exception):
    """A list of recordings cannot be read."""


def expand(paths: Iterable[str], *, recursive: bool) -> Iterator[str]:
    """Yields the recordings: the given files, and the sorted content of folders.

    In folders, only files with an extension of an audio format are used. Hidden files are skipped,
    and links to folders are not followed.

    Args:
        paths: Files and folders.
        recursive: Whether folders are expanded; otherwise they are returned unchanged.
    """
    for path in paths:
        if recursive and os.path.isdir(path):  # noqa: PTH112 (a str that may be odd)
            yield from _below(path)
        else:
            yield path


def _below(folder: str) -> Iterator[str]:
    # An unreadable folder is returned as a path: opening it raises the error.
    unreadable: list[str] = []
    for parent, folders, names in os.walk(folder, onerror=lambda e: unreadable.append(e.filename)):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and endings.is_audio(name):
                yield os.path.join(parent, name)  # noqa: PTH118
    yield from unreadable


def read_list(path: str) -> list[str]:
    """Returns the paths in a file, one per line; empty lines are skipped.

    Paths are bytes, as on disk, and need not be UTF-8.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            content = file.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"--list {path} cannot be read: {reason}") from error
    return listed(content)


def listed(content: bytes) -> list[str]:
    """Returns the paths in the content of a list, with or without a byte order mark."""
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [os.fsdecode(line) for raw in lines if (line := raw.removesuffix(b"\r"))]
