"""Redirects the logs of engine and workers to a file."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import TextIO

from bonafide import logs


class JobError(Exception):
    """The engine failed; finished shards are kept, and the same command resumes."""


@contextlib.contextmanager
def log_aside() -> Iterator[TextIO]:
    """Redirects the output of this process and its workers to a file, kept after a failure.

    Yields:
        A stream on the console.

    Raises:
        JobError: The error of the block, with the name of the file.
    """
    descriptor, name = tempfile.mkstemp(prefix="bonafide-", suffix=".log")
    os.close(descriptor)
    log = pathlib.Path(name)
    try:
        with logs.everything_into(log) as screen:
            yield screen
    except JobError as error:
        raise JobError(f"{error}\n  full log  {log}") from error
    except BaseException:
        log.unlink()
        raise
    log.unlink()
