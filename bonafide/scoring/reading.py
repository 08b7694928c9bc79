"""Recordings as streams of samples, decoded as the pipeline decodes utterances."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from bonafide.audio.decoding import Recording
from bonafide.audio.facts import AudioError

__all__ = [
    *("AUTO", "CHANNELS", "STDIN", "AudioError", "Track"),
    *("fetch_tracks", "read_blocks", "read_tracks", "tracks_of"),
]

STDIN = "-"
AUTO = "auto"
EACH = "each"
CHANNELS = (AUTO, EACH, "mix", "left", "right")
MIN_SECONDS = 0.3  # as the pipeline's presets: in less there is no word
_STDIN_FD = 0


class Track(NamedTuple):
    """What is scored by itself: a channel of a recording, or the mean of channels.

    Attributes:
        channel: Its name: `mono`, `mix`, `left`, `right` or `channel N`.
        blocks: int16 samples [M] each, mono, at the model's rate. They are read before the next
            track is asked for.
        notes: What is to be known of the recording, some phrases.
    """

    channel: str
    blocks: Iterable[np.ndarray]
    notes: tuple[str, ...] = ()


def read_tracks(path: str, sample_rate: int, channel: str = AUTO) -> Iterator[Track]:
    """Decodes a recording, one track after the other.

    Args:
        path: Of a file or a named pipe; `-` is standard input.
        sample_rate: In Hz.
        channel: One of CHANNELS: `auto` is the mean of channels that are alike, and each channel
            of others; `each` is each channel in any case.

    Raises:
        AudioError: There is no such file, it cannot be opened, or its audio cannot be used.
    """
    with _reasons(), _opened(path) as file:
        yield from tracks_of(file, sample_rate, channel, name=path)


def fetch_tracks(
    path: str, sample_rate: int, fetch: Callable[[], bytes], channel: str = AUTO
) -> Iterator[Track]:
    """Decodes a recording that does not lie on this machine; see `read_tracks`.

    Args:
        path: Its name, whose ending counts for formats without a header.
        sample_rate: In Hz.
        fetch: Returns the content of the file, or raises OSError.
        channel: See `read_tracks`.
    """
    with _reasons():
        yield from tracks_of(io.BytesIO(fetch()), sample_rate, channel, name=path)


def tracks_of(
    file: BinaryIO, sample_rate: int, channel: str = AUTO, *, name: str = ""
) -> Iterator[Track]:
    """Decodes a recording from an open file, one track after the other; see `read_tracks`."""
    with Recording(file, sample_rate, MIN_SECONDS, name=name) as recording:
        notes: tuple[str, ...] = recording.facts.notes
        names: tuple[str, ...] = recording.channel_names
        chosen: tuple[str, ...] = names
        if len(names) > 1 and channel == AUTO:
            agreement = recording.agreement
            chosen = agreement.to_score
            if agreement.kind not in ("one", "alike"):
                notes = (*notes, str(agreement))
        elif len(names) > 1 and channel != EACH:
            chosen = (channel,)
        for one in chosen:
            yield Track(one, recording.blocks(one), notes)


def read_blocks(path: str, sample_rate: int) -> Iterator[np.ndarray]:
    """Decodes a recording as `read_tracks` does; of several channels it is the mean."""
    for track in read_tracks(path, sample_rate, "mix"):
        yield from track.blocks


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
