"""Recordings as streams of samples, decoded as the pipeline decodes utterances."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

from bonafide.audio.decoding import AudioError, decode_blocks

__all__ = ["STDIN", "AudioError", "fetch_blocks", "read_blocks"]

STDIN = "-"
MIN_SECONDS = 0.3  # as the pipeline's presets: in less there is no word
_STDIN_FD = 0


def read_blocks(path: str, sample_rate: int) -> Iterator[np.ndarray]:
    """Decodes a recording: channels averaged, at the model's rate, in blocks.

    Args:
        path: Of a file or a named pipe; `-` is standard input.
        sample_rate: In Hz.

    Yields:
        int16 samples [M], as `bonafide.audio.decoding.decode_blocks`.

    Raises:
        AudioError: There is no such file, it cannot be opened, or its audio cannot be used.
    """
    with _reasons(), _opened(path) as file:
        yield from decode_blocks(file, sample_rate, MIN_SECONDS, name=path)


def fetch_blocks(path: str, sample_rate: int, fetch: Callable[[], bytes]) -> Iterator[np.ndarray]:
    """Decodes a recording that does not lie on this machine; see `read_blocks`.

    Args:
        path: Its name, whose ending counts in messages.
        sample_rate: In Hz.
        fetch: Returns the content of the file, or raises OSError.
    """
    with _reasons():
        yield from decode_blocks(io.BytesIO(fetch()), sample_rate, MIN_SECONDS, name=path)


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    """Turns whatever goes wrong with a recording into an AudioError for people."""
    try:
        yield
    except AudioError:
        raise
    except FileNotFoundError as error:
        raise AudioError("there is no such file") from error
    except OSError as error:
        raise AudioError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name
        raise AudioError(f"cannot be opened: {error}") from error


@contextlib.contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """Opens a file; what comes through a pipe goes to a temporary file, for decoding seeks."""
    if path == STDIN:
        # Without Python's buffer: its lock would be held while the process wants to end.
        file = open(_STDIN_FD, "rb", buffering=0, closefd=False)  # noqa: SIM115
    else:
        _refuse_special(path)
        file = open(path, "rb", buffering=0)  # noqa: SIM115, PTH123 (a str that may be odd)
    with file:
        mode = os.fstat(file.fileno()).st_mode
        if path == STDIN and os.isatty(_STDIN_FD):
            raise AudioError("standard input is a terminal: send a recording into it")
        if stat.S_ISREG(mode):
            yield io.BufferedReader(file)
            return
        with tempfile.TemporaryFile() as spooled:
            shutil.copyfileobj(file, spooled)
            yield spooled


def _refuse_special(path: str) -> None:
    """Before opening, which waits for some devices."""
    mode = os.stat(path).st_mode  # noqa: PTH116
    if stat.S_ISDIR(mode):
        os.scandir(path).close()  # one that cannot be listed says so here
        raise AudioError("it is a folder: --recursive scores the recordings in it")
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise AudioError("it is neither a file nor a pipe")
