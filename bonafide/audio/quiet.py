"""Keeps the messages of libmpg123, which libsndfile decodes MP3 with, off the console.

libmpg123 writes to standard error itself (`[src/libmpg123/layer3.c:...] error: ...`), and
libsndfile does not let its users say no. What matters of them is in the errors of libsndfile.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator

_STDERR_FD = 2
_THEIRS = (b"libmpg123", b"mpg123")
# Without the name of a source file. Errors have it, and `error:` begins our own.
_NOTES = (b"Note:", b"Warning:")
_LOCK = threading.Lock()


class _Held:
    """What stands in for standard error while MP3 is decoded, in however many threads."""

    def __init__(self) -> None:
        self.users = self._read = 0
        self._screen = self._kept = -1

    def enter(self) -> None:
        self.users += 1
        if self.users == 1:
            self._read = 0
            self._screen = os.dup(_STDERR_FD)
            self._kept = os.memfd_create("stderr")
            # Linux guards the position of a memfd against no other thread: without this flag, two
            # writes at a time take one place.
            fcntl.fcntl(self._kept, fcntl.F_SETFL, os.O_APPEND)
            os.dup2(self._kept, _STDERR_FD)

    def leave(self) -> None:
        self.users -= 1
        is_last = self.users == 0
        if is_last:
            os.dup2(self._screen, _STDERR_FD)
        self._pass_on(is_last=is_last)
        if is_last:
            os.close(self._kept)
            os.close(self._screen)

    def _pass_on(self, *, is_last: bool) -> None:
        """Writes what is not libmpg123's; others may still write the line that comes last."""
        text = os.pread(self._kept, os.fstat(self._kept).st_size - self._read, self._read)
        if not is_last:
            text = text[: text.rfind(b"\n") + 1]
        self._read += len(text)
        for line in text.splitlines(keepends=True):
            if not _is_theirs(line):
                os.write(self._screen, line)

    def end(self) -> None:
        """Writes what is held when the process ends inside of a block."""
        if self.users:
            self.users = 1
            self.leave()


_HELD = _Held()
atexit.register(_HELD.end)


@contextlib.contextmanager
def without_mpg123() -> Iterator[None]:
    """Leaves out what libmpg123 writes; what others write meanwhile comes after the block."""
    try:
        with _LOCK:
            _HELD.enter()
    except OSError:  # standard error is closed, or there are no descriptors left
        with _LOCK:
            _HELD.users -= 1
        yield
        return
    try:
        yield
    finally:
        with _LOCK:
            _HELD.leave()


def _is_theirs(line: bytes) -> bool:
    return any(name in line for name in _THEIRS) or line.lstrip().startswith(_NOTES)
