"""An open recording: compares its channels, and decodes one of them or their mean."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from bonafide.audio import channels, containers, libsndfile, pcm
from bonafide.audio.channels import MIX, Agreement
from bonafide.audio.conversion import Converter, check_samples
from bonafide.audio.facts import AudioError, FileFacts, TooLongError
from bonafide.audio.sources import Source

if TYPE_CHECKING:
    from bonafide.audio import ffmpeg

    _Sound = pcm.Sound | libsndfile.Sound | ffmpeg.Sound

_WithPlainBlocks = (pcm.Sound, libsndfile.Sound)
# Beyond these limits a header is corrupt, or a tiny file would expand to gigabytes.
_MIN_RATE_HZ = 2_000
_MAX_RATE_HZ = 768_000
_MAX_CHANNELS = 64
_MAX_SECONDS = 24 * 3600
_BLOCK_SAMPLES = 1 << 20
# Cache of a recording with several channels between two passes: 64 MiB.
_KEPT_SAMPLES = 1 << 24


class Recording:
    """An open audio file, read as often as its channels require; a context manager.

    Example:
        with Recording(file, 16_000, 0.3) as recording:
            for channel in recording.agreement.to_score:  # ("mix",) if they are alike
                for block in recording.blocks(channel):
                    ...

    Args:
        file: Seekable; it stays open. Do not read from it meanwhile.
        target_rate: Sampling rate of the result in Hz.
        min_seconds: Shorter audio is rejected.
        name: Name of the file; its extension identifies formats without a header.
        max_seconds: Longer audio is rejected.
        max_samples: Audio with more samples, all channels together, is rejected: a small file may
            decode to a thousand times its size. None: any number.

    Attributes:
        facts: Facts about the file.
        seconds: Length of the audio; None before it has been read to its end once.

    Raises:
        TooLongError: As `blocks` and `agreement`, if a limit is exceeded.
        AudioError: The file is empty or unreadable, or its rate or channels are out of bounds.
    """

    def __init__(
        self,
        file: BinaryIO,
        target_rate: int,
        min_seconds: float,
        *,
        name: str = "",
        max_seconds: float = _MAX_SECONDS,
        max_samples: int | None = None,
    ) -> None:
        self._target_rate = target_rate
        self._min_seconds, self._max_seconds = min_seconds, max_seconds
        self._max_samples = max_samples
        self.seconds: float | None = None
        self._source = Source(file)
        if not len(self._source):
            raise AudioError("empty file (0 bytes)")
        self._container = containers.inspect(self._source, name)
        self._sound: _Sound | None = self._open(0)
        self._agreement: Agreement | None = None
        self._kept: list[_Piece] | None = None
        others = [self._channels_of(part) for part in range(1, len(self._container.parts))]
        self.facts = FileFacts(
            self._sound.rate_hz,
            max(self._sound.channels, *others) if others else self._sound.channels,
            self._sound.encoding,
            len(self._source),
            (*self._container.notes, *self._sound.notes),
        )

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the resources of the decoder; the file stays open."""
        if self._sound is not None:
            self._sound.close()
            self._sound = None
        self._kept = None

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the channels, which `blocks` accepts besides `mix`."""
        return channels.names(self.facts.channels)

    @property
    def agreement(self) -> Agreement:
        """Whether the channels carry the same signal; needs a pass over a file with several.

        Raises:
            AudioError: As `decode`.
        """
        if self._agreement is None:
            self._agreement = self._compared()
        return self._agreement

    def blocks(self, channel: str = MIX) -> Iterator[np.ndarray]:
        """Decodes the mean of the channels, or one of them; see `decode_blocks`.

        Yields:
            int16 [M] at the target rate.
        """
        place = self._place(channel)

        def one(block: np.ndarray) -> np.ndarray:
            if block.ndim == 1:
                return block
            if block.shape[1] == 1:
                return block[:, 0]
            return block.mean(axis=1) if place is None else np.ascontiguousarray(block[:, place])

        return self._converted(one, 1)

    def channel_blocks(self) -> Iterator[np.ndarray]:
        """Decodes all channels together.

        Yields:
            int16 [M, channels] at the target rate.
        """
        count = self.facts.channels
        for block in self._converted(lambda block: block, count):
            yield block[:, None] if block.ndim == 1 else block

    def _place(self, channel: str) -> int | None:
        try:
            return channels.index(channel, self.facts.channels)
        except ValueError as error:
            raise AudioError(str(error)) from None

    def _compared(self) -> Agreement:
        count = self.facts.channels
        meter = channels.Meter(count)
        if count > 1:
            kept: list[_Piece] | None = []
            samples = 0
            for piece in self._pass():
                meter.add(piece.block, piece.rate_hz)
                samples += piece.block.size
                if kept is not None:
                    kept = [*kept, piece] if samples <= _KEPT_SAMPLES else None
            self._kept = kept
        return meter.finish()

    def _converted(
        self, choose: Callable[[np.ndarray], np.ndarray], count: int
    ) -> Iterator[np.ndarray]:
        """Yields the selected channels of native blocks, at the target rate, in 16 bit."""
        part, written = -1, 0
        converter = None
        for piece in self._pass():
            if piece.part != part or converter is None:
                if converter is not None:
                    yield from converter.finish()
                part, converter = piece.part, Converter(piece.rate_hz, self._target_rate, count)
            converted = converter.convert(choose(piece.block))
            written += len(converted)
            yield converted
        for rest in converter.finish() if converter is not None else ():
            written += len(rest)
            yield rest
        if not written:
            raise AudioError(f"too short: nothing is left at {self._target_rate} Hz")

    def _pass(self) -> Iterator[_Piece]:
        """Reads the whole file once."""
        if self._kept is not None:
            yield from self._kept
            return
        seconds, samples = 0.0, 0
        for part in range(len(self._container.parts)):
            with contextlib.closing(self._taken() or self._open(part)) as sound:
                rate_hz, read = sound.rate_hz, 0
                for block in self._native(sound):
                    read += len(block)
                    samples += block.size
                    self._refuse_long(seconds + read / rate_hz, samples)
                    yield _Piece(part, rate_hz, block)
                seconds += read / rate_hz
                self._check_end(sound, read)
        if seconds < self._min_seconds:
            raise AudioError(
                f"too short: {seconds:.3f} s, at least {self._min_seconds:g} s are needed"
            )
        self.seconds = seconds

    def _refuse_long(self, seconds: float, samples: int) -> None:
        if seconds > self._max_seconds:
            hours = self._max_seconds / 3600
            length = f"{hours:.3g} hours" if hours >= 1 else f"{60 * hours:.3g} min"
            raise TooLongError(f"longer than {length}: cut it into parts")
        if self._max_samples is not None and samples > self._max_samples:
            raise TooLongError(
                f"decodes to more than {self._max_samples:,} samples in "
                f"{self.facts.channels} channels: cut it into parts"
            )

    def _native(self, sound: _Sound) -> Iterator[np.ndarray]:
        """Yields blocks at the rate of the file, as in `_Piece`."""
        frames = max(1, _BLOCK_SAMPLES // sound.channels)
        is_ready = self.facts.channels == 1 and sound.rate_hz == self._target_rate
        if isinstance(sound, _WithPlainBlocks) and sound.is_pcm16 and is_ready:
            # Nothing to convert, so the samples stay int16.
            return sound.plain_blocks(frames)
        return map(self._checked, sound.blocks(frames))

    def _taken(self) -> _Sound | None:
        """Returns, once, the decoder that was opened to read the facts."""
        sound, self._sound = self._sound, None
        return sound

    def _open(self, part: int) -> _Sound:
        container = self._container
        try:
            sound = _sound(self._source, container, part)
        except AudioError as error:
            if container.cut:
                raise AudioError(f"cut off: {container.cut}") from error
            if container.what:
                said = f"unreadable as audio: Format not recognised; {container.what}"
                raise AudioError(said) from error
            raise
        problem = ""
        if not _MIN_RATE_HZ <= sound.rate_hz <= _MAX_RATE_HZ:
            problem = (
                f"sampling rate {sound.rate_hz} Hz is outside {_MIN_RATE_HZ} to {_MAX_RATE_HZ} Hz"
            )
        elif sound.channels > _MAX_CHANNELS:
            problem = f"has {sound.channels} channels, at most {_MAX_CHANNELS} are read"
        if problem:
            sound.close()
            if container.cut:
                problem = f"cut off: {container.cut}"
            raise AudioError(problem)
        return sound

    def _channels_of(self, part: int) -> int:
        with contextlib.closing(self._open(part)) as sound:
            return sound.channels

    def _checked(self, block: np.ndarray) -> np.ndarray:
        """Checks the values and channels of a native block, float32 [M, C]."""
        check_samples(block)
        count = self.facts.channels
        if block.shape[1] == count:
            return block
        if block.shape[1] == 1:
            return np.broadcast_to(block, (len(block), count))
        raise AudioError(f"its parts have different numbers of channels (up to {count})")

    def _check_end(self, sound: _Sound, read: int) -> None:
        """Raises an error for truncated audio."""
        if problem := self._container.cut:
            raise AudioError(f"cut off: {problem}")
        if read < sound.promised and self._container.counts_samples:
            raise AudioError(f"cut off: {read:,} of {sound.promised:,} samples are there")
        if not read:
            raise AudioError("holds no samples")


def _sound(whole: Source, container: containers.Container, part: int) -> _Sound:
    """Opens a part of a file with a suitable decoder."""
    place = container.parts[part]
    if container.reader == "pcm":
        return pcm.Sound(whole, place, rate_hz=container.pcm[0], channels=container.pcm[1])
    source = whole.part(*place, container.prefix)
    if container.reader == "libsndfile":
        try:
            return libsndfile.Sound(source)
        except AudioError as error:
            if not container.demuxer or container.cut:  # It would be rejected in any case.
                raise
            refused = error
    # Imported here: it takes 0.2 s, and most files do not need it.
    from bonafide.audio import ffmpeg

    source.seek(0)
    try:
        return ffmpeg.Sound(source, container)
    except AudioError as error:
        if container.reader == "libsndfile" and str(error).startswith("unreadable"):
            raise refused from error
        raise


@dataclasses.dataclass(frozen=True, eq=False)
class _Piece:
    """A native block, float32 [M, C] or int16 [M], and its part of the file."""

    part: int
    rate_hz: int
    block: np.ndarray
