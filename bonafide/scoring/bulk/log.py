"""Keeps the console for people while engine and workers log."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import TextIO

from bonafide import logs


class JobError(Exception):
    """The engine failed; what it finished stays, and the same command goes on from there."""


@contextlib.contextmanager
def log_aside() -> Iterator[TextIO]:
    """Sends what this process and its workers print to a file, which stays if the engine fails.

    Yields:
        A stream on the console.

    Raises:
        JobError: As inside, with the name of the file.
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
