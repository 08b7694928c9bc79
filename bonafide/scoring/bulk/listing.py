"""Reads a list of recordings and resolves their addresses."""

from __future__ import annotations

import os

from apache_beam.io.filesystems import FileSystems

from bonafide.corpora import manifest
from bonafide.scoring import inputs
from bonafide.storage import beam_files
from bonafide.storage.text_files import FileError, decode_text
from bonafide.trials import tables


class ListError(Exception):
    """A list cannot be used; the message states the reason."""


def is_local(uri: str) -> bool:
    """Returns whether it is a local path and not the URI of another filesystem."""
    return FileSystems.get_scheme(uri) is None


def absolute(uri: str) -> str:
    """Returns a URI unchanged, and a local path as an absolute path.

    Workers may have another working directory.
    """
    return os.path.abspath(os.path.expanduser(uri)) if is_local(uri) else uri  # noqa: PTH100, PTH111


def read(uri: str) -> tuple[str, ...]:
    """Returns the paths in a manifest or in a list with a path on each line.

    Args:
        uri: URI of a Beam filesystem. With an extension of `tables.SUFFIXES`, a manifest as in
            `bonafide.corpora.manifest`, which needs only the column of paths; anything else is a
            plain list, as for `bonafide score --list`.

    Raises:
        ListError: It cannot be read, is malformed, or is empty.
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
    """Returns the address of a recording; URIs and absolute local paths ignore the root."""
    if "://" in path or (is_local(root) and path.startswith("/")):
        return path
    return beam_files.join(root, path)
