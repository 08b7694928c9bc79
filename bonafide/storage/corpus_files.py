"""A corpus as its readers see it: files by path, on any store, or in a dictionary of a test."""

import dataclasses
import re
from typing import Protocol

_PART = re.compile(r"(.+\.tfrec(?:ord)?s?)#(\d+):(\d+)")


@dataclasses.dataclass(frozen=True, slots=True)
class FileInfo:
    """Size and time of a file, from the listing of its folder, without opening it."""

    size_bytes: int
    modified_seconds: float


class CorpusFiles(Protocol):
    """The corpus as a reader sees it. Paths are relative to `root`, with forward slashes.

    A path may also be an absolute one, or the URI of another place; for `read_bytes`, a `Part`.
    """

    root: str

    def at(self, root: str) -> "CorpusFiles":
        """The same for another root."""

    def uri(self, path: str) -> str:
        """The address of a path below the root, which every root understands."""

    def exists(self, path: str) -> bool:
        """Whether there is a file (or, where the store has them, a folder) at `path`."""

    def read_bytes(self, path: str) -> bytes:
        """The content of a file."""

    def read_text(self, path: str) -> str:
        """The content of a UTF-8 file, without byte order mark; FileError if it is not text."""

    def list(self, folder: str) -> dict[str, FileInfo]:
        """The files right inside a folder by name; empty if there is no such folder."""

    def walk(self, folder: str) -> dict[str, FileInfo]:
        """The files at any depth by path below `folder`; empty if there is no such folder."""


@dataclasses.dataclass(frozen=True)
class Part:
    """Some bytes of a TFRecord file; as a path `shard.tfrec#OFFSET:LENGTH`."""

    path: str
    offset: int
    length: int

    def __str__(self) -> str:
        return f"{self.path}#{self.offset}:{self.length}"


def split_part(path: str) -> Part | None:
    """The part of a TFRecord file that a path names; None if it names a whole file."""
    match = _PART.fullmatch(path)
    return Part(match[1], int(match[2]), int(match[3])) if match else None
