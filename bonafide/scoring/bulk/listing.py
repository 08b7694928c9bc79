"""Which recordings a list names, and where each of them lies."""

from __future__ import annotations

import os

from apache_beam.io.filesystems import FileSystems

from bonafide.corpora import manifest
from bonafide.scoring import inputs
from bonafide.storage import beam_files
from bonafide.storage.text_files import FileError, decode_text
from bonafide.trials import tables


class ListError(Exception):
    """A list that cannot be used; the message says why."""


def is_local(uri: str) -> bool:
    """Whether it is a path on this machine and not the URI of another filesystem."""
    return FileSystems.get_scheme(uri) is None


def absolute(uri: str) -> str:
    """Returns a URI as it is, and a local path from the root of the filesystem on.

    Workers need not be in the same folder as this process.
    """
    return os.path.abspath(os.path.expanduser(uri)) if is_local(uri) else uri  # noqa: PTH100, PTH111


def read(uri: str) -> tuple[str, ...]:
    """Returns the paths in a manifest or in a list with a path on each line.

    Args:
        uri: Of a Beam filesystem. By its ending (`tables.SUFFIXES`) a manifest as
            `bonafide.corpora.manifest` reads it, of which the column of paths is
            enough; anything else is a plain list, as `score.py --list` reads it.

    Raises:
        ListError: It cannot be read, is malformed, or names nothing.
    """
    try:
        content = beam_files.read_bytes(uri)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ListError(f"the list {uri} cannot be read: {reason}") from error
    if not uri.lower().endswith(tables.SUFFIXES):
        paths = tuple(inputs.listed(content))
    else:
        try:
            paths = tuple(manifest.paths(decode_text(content, uri), uri))
        except FileError as error:
            raise ListError(str(error)) from error
    if not paths:
        raise ListError(f"the list {uri} names no recording")
    return paths


def address(root: str, path: str) -> str:
    """Returns where a recording lies: URIs and absolute local paths are not below the root."""
    if "://" in path or (is_local(root) and path.startswith("/")):
        return path
    return beam_files.join(root, path)
