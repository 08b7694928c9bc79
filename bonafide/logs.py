"""Reserves the console for the user: the output of libraries goes to a file.

TFX, Beam, TensorFlow's C++ code and worker processes write thousands of lines to standard output
and standard error. Both file descriptors are redirected to the log file, and the console has a
descriptor of its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

import absl.logging

PEOPLE = logging.getLogger("bonafide")
"""Logger of console lines; components use it by this name."""


@contextlib.contextmanager
def everything_into(path: pathlib.Path) -> Iterator[TextIO]:
    """Redirects the output of this process and its children to `path`.

    Yields:
        A stream to the original console.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    console = os.fdopen(os.dup(kept[1]), "w", buffering=1, encoding="utf-8", errors="replace")
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        yield console
    finally:
        with contextlib.suppress(OSError):  # the reader of the console may have exited
            console.close()
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, original in kept.items():
            os.dup2(original, descriptor)
            os.close(original)
        os.close(log)


class _ToConsole(logging.Handler):
    """Passes console lines to a function."""

    def __init__(self, show: Callable[[int, str], None]) -> None:
        super().__init__(logging.INFO)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(record.levelno, record.getMessage())


@contextlib.contextmanager
def people_see(show: Callable[[int, str], None]) -> Iterator[None]:
    """Calls `show(level, message)` for each console line while the block runs.

    The lines also go to the log file, with all records from INFO on.
    """
    handler = _ToConsole(show)
    to_file = logging.StreamHandler(sys.stderr)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    # absl, imported by TFX, has installed its own handler.
    previous_handlers, previous_level = root.handlers[:], root.level
    previous_verbosity = absl.logging.get_verbosity()
    root.handlers = [to_file]
    root.setLevel(logging.INFO)
    # TFX logs through absl, which has its own threshold.
    absl.logging.set_verbosity(absl.logging.INFO)
    PEOPLE.addHandler(handler)
    PEOPLE.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        PEOPLE.removeHandler(handler)
        absl.logging.set_verbosity(previous_verbosity)
        root.handlers = previous_handlers
        root.setLevel(previous_level)
