"""Interface through which readers access a corpus: files by path, on any store."""

import dataclasses
import re
from typing import Protocol

_PART = re.compile(r"(.+\.tfrec(?:ord)?s?)#(\d+):(\d+)")


@dataclasses.dataclass(frozen=True, slots=True)
class FileInfo:
    """Size and modification time of a file, from the listing of its folder."""

    size_bytes: int
    modified_seconds: float


class CorpusFiles(Protocol):
    """Files of a corpus. Paths are relative to `root`, with forward slashes.

    A path may also be absolute, or a URI; for `read_bytes`, a `Part`.
    """

    root: str

    def at(self, root: str) -> "CorpusFiles":
        """Returns the same access for another root."""

    def uri(self, path: str) -> str:
        """Returns the address of a path below the root, valid for every root."""

    def exists(self, path: str) -> bool:
        """Returns whether there is a file (or, if the store has folders, a folder) at `path`."""

    def read_bytes(self, path: str) -> bytes:
        """Returns the content of a file."""

    def read_text(self, path: str) -> str:
        """Returns the content of a UTF-8 file without byte order mark, or raises FileError."""

    def list(self, folder: str) -> dict[str, FileInfo]:
        """Returns the files directly in a folder by name; empty without such a folder."""

    def walk(self, folder: str) -> dict[str, FileInfo]:
        """Returns the files at any depth by path below `folder`; empty without such a folder."""


@dataclasses.dataclass(frozen=True)
class Part:
    """Byte range of a TFRecord file, as a path `shard.tfrec#OFFSET:LENGTH`."""

    path: str
    offset: int
    length: int

    def __str__(self) -> str:
        return f"{self.path}#{self.offset}:{self.length}"


def split_part(path: str) -> Part | None:
    """Returns the byte range in a path; None for a whole file."""
    match = _PART.fullmatch(path)
    return Part(match[1], int(match[2]), int(match[3])) if match else None
