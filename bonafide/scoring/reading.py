"""Recordings as streams of samples, decoded as the pipeline decodes utterances."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from bonafide.audio.decoding import Recording
from bonafide.audio.facts import AudioError, TooLongError

__all__ = [
    *("AUTO", "CHANNELS", "STDIN", "AudioError", "AudioLimits", "Track"),
    *("fetch_tracks", "read_blocks", "read_tracks", "tracks_of"),
]

STDIN = "-"
AUTO = "auto"
EACH = "each"
CHANNELS = (AUTO, EACH, "mix", "left", "right")
MIN_SECONDS = 0.3  # as in the presets: less contains no word
_STDIN_FD = 0


class Track(NamedTuple):
    """A unit of scoring: a channel of a recording, or the mean of channels.

    Attributes:
        channel: Name: `mono`, `mix`, `left`, `right` or `channel N`.
        blocks: int16 samples [M] each, mono, at the model's rate. They must be read before the next
            track is requested.
        notes: Information about the recording, as phrases.
        of: Number of tracks of the recording that are scored.
    """

    channel: str
    blocks: Iterable[np.ndarray]
    notes: tuple[str, ...] = ()
    of: int = 1


@dataclass(frozen=True)
class AudioLimits:
    """How much audio an untrusted file may contain.

    Attributes:
        max_seconds: Of the recording.
        max_samples: As stored, all channels together: what decoding costs.
        max_channel_seconds: Of all channels that are scored apart, together: what finding and
            scoring speech costs.
    """

    max_seconds: float
    max_samples: int
    max_channel_seconds: float

    @classmethod
    def of_seconds(cls, seconds: float) -> AudioLimits:
        """Returns limits for stereo recordings at 48 kHz of a length in seconds."""
        return cls(seconds, round(2 * 48_000 * seconds), 2 * seconds)

    def refuse_channels(self, channels: int, seconds: float) -> None:
        """Raises TooLongError if channels of a length are too much to score."""
        if channels * seconds > self.max_channel_seconds:
            raise TooLongError(
                f"{channels} channels of {seconds:.0f} s would be scored apart, at most "
                f"{self.max_channel_seconds:.0f} s in all are: choose a channel, or cut it into "
                "parts"
            )


def read_tracks(path: str, sample_rate: int, channel: str = AUTO) -> Iterator[Track]:
    """Decodes a recording track by track.

    Args:
        path: A file or a named pipe; `-` is standard input.
        sample_rate: Rate of the output, in Hz.
        channel: One of CHANNELS: `auto` is the mean of channels that are alike, and each channel
            of others; `each` is each channel in any case.

    Raises:
        AudioError: The file does not exist, cannot be opened, or its audio cannot be used.
    """
    with _reasons(), _opened(path) as file:
        yield from tracks_of(file, sample_rate, channel, name=path)


def fetch_tracks(
    path: str, sample_rate: int, fetch: Callable[[], bytes], channel: str = AUTO
) -> Iterator[Track]:
    """Decodes a remote recording; see `read_tracks`.

    Args:
        path: Its name; the extension matters for formats without a header.
        sample_rate: Rate of the output, in Hz.
        fetch: Returns the content of the file, or raises OSError.
        channel: See `read_tracks`.
    """
    with _reasons():
        yield from tracks_of(io.BytesIO(fetch()), sample_rate, channel, name=path)


def tracks_of(
    file: BinaryIO,
    sample_rate: int,
    channel: str = AUTO,
    *,
    name: str = "",
    limits: AudioLimits | None = None,
) -> Iterator[Track]:
    """Decodes a recording from an open file, track by track; see `read_tracks`.

    Raises:
        TooLongError: It exceeds the limits.
        AudioError: It cannot be used.
    """
    bounds: dict[str, Any] = {}
    if limits:
        bounds = {"max_seconds": limits.max_seconds, "max_samples": limits.max_samples}
    with Recording(file, sample_rate, MIN_SECONDS, name=name, **bounds) as recording:
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
            # Known after the pass that compares channels; with `each`, after the first channel.
            if limits and recording.seconds:
                limits.refuse_channels(len(chosen), recording.seconds)
            yield Track(one, recording.blocks(one), notes, len(chosen))


def read_blocks(path: str, sample_rate: int) -> Iterator[np.ndarray]:
    """Decodes a recording as `read_tracks`, with the mean of several channels."""
    for track in read_tracks(path, sample_rate, "mix"):
        yield from track.blocks


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    """Converts all errors of a recording to AudioErrors."""
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
    """Opens a file; a pipe is copied to a temporary file, because decoding seeks."""
    if path == STDIN:
        # Unbuffered, because the lock of Python's buffer would block the exit.
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
    """Refuses special files before opening, which blocks for some devices."""
    mode = os.stat(path).st_mode  # noqa: PTH116
    if stat.S_ISDIR(mode):
        os.scandir(path).close()  # raises for an unreadable folder
        raise AudioError("it is a folder: --recursive scores the recordings in it")
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise AudioError("it is neither a file nor a pipe")
