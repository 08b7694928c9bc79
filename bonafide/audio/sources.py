"""Audio files for decoders: seekable, sliceable, without a name."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

# Parts up to this size are copied into memory, so that the many small reads of decoders are served
# by C code instead of Python.
_SMALL_BYTES = 1 << 24


class Source:
    """A file for decoders, with slices as if its bytes were in memory.

    It has no name: soundfile would read a file named `.raw` as samples without a header.

    Args:
        file: Seekable.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self.tell, self.read = file.tell, file.read
        self.readinto = file.readinto  # type: ignore[attr-defined]
        file.seek(0)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seeks, but not before the start: libsndfile tries that in truncated files."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._file.tell(), io.SEEK_END: self._size}[whence]
        return self._file.seek(start + offset) if start + offset >= 0 else -1

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size)
        self._file.seek(start)
        return self._file.read(max(0, stop - start))

    def part(self, start: int, stop: int, prefix: bytes = b"") -> Source:
        """Returns the bytes from `start` to before `stop` as a separate file.

        It reads from the same file, so only one of this and its parts can be read at a time.

        Args:
            start: Position of the first byte.
            stop: Position after the last byte.
            prefix: Bytes to prepend.
        """
        if (start, stop, prefix) == (0, self._size, b""):
            self.seek(0)
            return self
        if stop - start <= _SMALL_BYTES:
            return Source(io.BytesIO(prefix + self[start:stop]))
        return Source(io.BufferedReader(_Window(self._file, start, stop - start, prefix)))


class _Window(io.RawIOBase):
    """A prefix and a range of bytes of a file."""

    def __init__(self, file: BinaryIO, start: int, size: int, prefix: bytes) -> None:
        super().__init__()
        self._file, self._start, self._prefix = file, start - len(prefix), prefix
        self._size, self._place = len(prefix) + size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        wanted = max(0, min(len(view), self._size - self._place))
        data = self._prefix[self._place : self._place + wanted]
        if not data:
            self._file.seek(self._start + self._place)
            data = self._file.read(wanted)
        view[: len(data)] = data
        self._place += len(data)
        return len(data)
