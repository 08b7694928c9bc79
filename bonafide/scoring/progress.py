"""The bar of `bonafide score`: how much of the audio is scored, weighted by bytes and by duration.

Files count by their size, and inside a file its scored seconds count, so that a long file among
short ones moves the bar as long as it takes.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import av
import soundfile
from rich.console import Console
from rich.progress import Progress

from bonafide.scoring.ahead import Clip, End, Idle, TrackEnd
from bonafide.scoring.reading import Track

_UNKNOWN_BYTES = 1_000_000  # Of standard input and of what cannot be examined.
# A smaller file is scored before its header would be worth reading.
_WORTH_A_LOOK_BYTES = 500_000
_Item = Clip | TrackEnd | End | Idle


class Watch:
    """How far the scoring of a list of recordings is.

    Args:
        paths: The recordings, in the order in which they are scored.

    Attributes:
        total: Size of all of them, in bytes.
        done: Bytes that are scored; never decreases.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._sizes = [_bytes(path) for path in paths]
        self._tracks: dict[str, int] = {}
        self.total = sum(self._sizes)
        self.done = 0.0

    def tracks(self, path: str, tracks: Iterable[Track]) -> Iterator[Track]:
        """Yields the tracks of a recording, and notes how many there are."""
        for track in tracks:
            self._tracks[path] = track.of
            yield track

    def items(self, items: Iterable[_Item], sample_rate: int) -> Iterator[_Item]:
        """Yields the decoder's items, and notes those that the model has taken.

        Args:
            items: Of all recordings in order, as `engine.score_recordings` takes them.
            sample_rate: Rate of the model, in Hz.
        """
        number, before, ended = 0, 0.0, 0
        seconds: float | None = None
        for item in items:
            yield item
            if isinstance(item, Clip):
                if not (ended or seconds):
                    seconds = self._seconds(number)
                part = min(1.0, item.end / sample_rate / seconds) if seconds else 0.0
                self._advance(before + self._sizes[number] * self._share(number, ended + part))
            elif isinstance(item, TrackEnd):
                ended += 1
                self._advance(before + self._sizes[number] * self._share(number, ended))
            elif isinstance(item, End):
                before += self._sizes[number]
                self._advance(before)
                number, ended, seconds = number + 1, 0, None

    def _advance(self, done: float) -> None:
        self.done = max(self.done, done)

    def _share(self, number: int, tracks: float) -> float:
        return min(1.0, tracks / self._tracks.get(self._paths[number], 1))

    def _seconds(self, number: int) -> float | None:
        if self._sizes[number] < _WORTH_A_LOOK_BYTES:
            return None
        return duration_seconds(self._paths[number])


def duration_seconds(path: str) -> float | None:
    """Returns the duration that the header of a file states; None where there is none."""
    with contextlib.suppress(soundfile.SoundFileError, OSError):
        header = soundfile.info(path)
        return float(header.frames / header.samplerate) or None
    with contextlib.suppress(av.FFmpegError, OSError), av.open(path) as container:
        return container.duration / 1e6 if container.duration else None
    return None


@contextlib.contextmanager
def loading(*, hidden: bool) -> Iterator[None]:
    """Says on a terminal that the model is being loaded, which takes seconds.

    Args:
        hidden: Whether nothing is shown in any case.
    """
    with contextlib.nullcontext() if hidden or not sys.stderr.isatty() else _bar() as bar:
        if bar:
            bar.add_task("loading the model", total=None)
        yield


@contextlib.contextmanager
def shown(watch: Watch, *, hidden: bool) -> Iterator[Callable[[Iterator[_Item]], Iterator[_Item]]]:
    """Shows a bar on standard error while the block runs, if that is a terminal.

    Args:
        watch: What is scored.
        hidden: Whether there is no bar in any case.

    Yields:
        A function that passes the items of `Watch.items` on, and moves the bar with each.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda items: items
        return
    with _bar() as bar:
        task = bar.add_task("scoring", total=watch.total)

        def moving(items: Iterator[_Item]) -> Iterator[_Item]:
            for item in items:
                bar.update(task, completed=watch.done)
                yield item

        yield moving


def _bar() -> Progress:
    return Progress(console=Console(stderr=True), transient=True)


def _bytes(path: str) -> int:
    try:
        return Path(path).stat().st_size or 1
    except (OSError, ValueError):
        return _UNKNOWN_BYTES
