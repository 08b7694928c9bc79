"""Audio files become 16-bit mono samples at one rate, or an error with a reason.

Imports no framework: `score.py` decodes recordings with it as UtteranceGen does.
"""

import dataclasses
import io
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

# Beyond these a header is broken, or a tiny file would unfold into gigabytes when resampled.
_MIN_RATE_HZ = 2_000
_MAX_RATE_HZ = 768_000
_BLOCK_SAMPLES = 1 << 20
_FULL_SCALE = 32_768.0
# Floating-point audio may go over full scale (1.0) a little; beyond this it is on another scale.
_MAX_PEAK = 8.0
_MAX_UNREAD_BYTES = 4096
# Of an Ogg page (RFC 3533): a header of 27 bytes and 255 segments, each with its length in a byte.
_LONGEST_OGG_PAGE = 27 + 255 + 255 * 255


# libsndfile keeps why a file did not open in one place for all threads: another thread that opens
# its own in the meantime wipes it out.
_OPENING = threading.Lock()


class AudioError(ValueError):
    """The audio cannot be used; the message is a reason that a person understands."""


@dataclasses.dataclass(frozen=True)
class FileFacts:
    """What a file is, whatever it holds.

    Attributes:
        rate_hz: Its sampling rate.
        channels: How many it has.
        encoding: Container and coding as libsndfile names them, such as `FLAC/PCM_16`.
        size_bytes: Of the whole file.
    """

    rate_hz: int
    channels: int
    encoding: str
    size_bytes: int


def decode(data: bytes, target_rate: int, min_seconds: float) -> np.ndarray:
    """Decodes whatever libsndfile reads (FLAC, WAV, OGG, MP3, ...).

    Channels are averaged, the rate is converted by soxr (HQ), samples are rounded to 16 bit and
    clipped. 16-bit mono audio at the target rate comes through bit for bit: float32 holds every
    16-bit value divided by 2^15 exactly.

    A file that was cut off is refused where the format tells: FLAC, WAV, MP3 that says how long it
    is, and OGG unless the cut fell between two of its pages.

    Args:
        data: The content of the file.
        target_rate: In Hz.
        min_seconds: Shorter audio is refused.

    Returns:
        int16 samples [N] at the target rate.

    Raises:
        AudioError: The file is empty, unreadable, cut off, too short, holds NaN or infinity, or is
            not on the scale of audio.
    """
    samples, _ = decode_with_facts(data, target_rate, min_seconds)
    return samples


def decode_with_facts(
    data: bytes, target_rate: int, min_seconds: float
) -> tuple[np.ndarray, FileFacts]:
    """As `decode`, and what the file is."""
    facts: list[FileFacts] = []
    blocks = list(decode_blocks(io.BytesIO(data), target_rate, min_seconds, facts.append))
    return (blocks[0] if len(blocks) == 1 else np.concatenate(blocks)), facts[0]


def decode_blocks(
    file: BinaryIO,
    target_rate: int,
    min_seconds: float,
    tell: Callable[[FileFacts], None] = lambda facts: None,
) -> Iterator[np.ndarray]:
    """Decodes as `decode` does, block by block, so that hours of audio need little memory.

    That a file is cut off or too short shows at its end: only who has got the last block knows
    that the blocks before are good.

    Args:
        file: The file, seekable.
        target_rate: In Hz.
        min_seconds: Shorter audio is refused.
        tell: Is called once with what the file is, before the first block.

    Yields:
        int16 samples [M] at the target rate, some blocks maybe empty; one after the other they are
        what `decode` returns, bit for bit.

    Raises:
        AudioError: As `decode`.
    """
    source = _Source(file)
    if not len(source):
        raise AudioError("empty file (0 bytes)")
    read = written = 0
    resampler = None
    try:
        with _open(source) as sound:
            rate_hz, promised, kind = sound.samplerate, sound.frames, sound.format
            tell(FileFacts(rate_hz, sound.channels, f"{kind}/{sound.subtype}", len(source)))
            if not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
                raise AudioError(
                    f"sampling rate {rate_hz} Hz is outside {_MIN_RATE_HZ} to {_MAX_RATE_HZ} Hz"
                )
            if rate_hz != target_rate:
                resampler = soxr.ResampleStream(rate_hz, target_rate, 1, "float32", quality="HQ")
            # Nothing to convert: the samples as they are, without a detour over float32.
            plain = resampler is None and sound.channels == 1 and sound.subtype == "PCM_16"
            dtype = "int16" if plain else "float32"
            # In blocks: a header that promises more than the file holds must not cost memory.
            frames = max(1, _BLOCK_SAMPLES // sound.channels)
            while read < promised and len(
                block := sound.read(frames, dtype=dtype, always_2d=not plain)
            ):
                read += len(block)
                if plain:
                    yield block
                    continue
                mono = _mono(block)
                if resampler is not None:
                    mono = resampler.resample_chunk(mono)
                written += len(mono)
                yield _to_int16(mono)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError(f"unreadable as audio: {_reason(error, source)}") from error
    unread = len(source) - source.tell()
    if problem := _cut_off(source, promised=promised, read=read):
        raise AudioError(f"cut off: {problem}")
    # Of an MP3 that does not say how long it is, libsndfile reads what it estimates from the first
    # frame's bit rate. What may follow the last frame is a block of names, seldom longer.
    if kind == "MP3" and unread > _MAX_UNREAD_BYTES:
        raise AudioError(
            f"the last {unread:,} bytes were not decoded (an MP3 of variable bit rate without a "
            "Xing tag?); encode it again"
        )
    if not read:
        raise AudioError("holds no samples")
    if read < min_seconds * rate_hz:
        raise AudioError(
            f"too short: {read / rate_hz:.3f} s, at least {min_seconds:g} s are needed"
        )
    if resampler is not None:
        rest = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        if not written + len(rest):
            raise AudioError(f"too short: nothing is left at {target_rate} Hz")
        yield _to_int16(rest)


class _Source:
    """A file as libsndfile reads it, and slices of it as if its bytes were in memory.

    Without the file's name: soundfile would take one in `.raw` for samples without a header.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self.tell, self.read, self.readinto = file.tell, file.read, file.readinto
        file.seek(0)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves, but not to before the start: libsndfile tries that in files that are cut off."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._file.tell(), io.SEEK_END: self._size}[whence]
        return self._file.seek(start + offset) if start + offset >= 0 else -1

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size)
        self._file.seek(start)
        return self._file.read(max(0, stop - start))


def _open(source: _Source) -> soundfile.SoundFile:
    with _OPENING:
        return soundfile.SoundFile(source)


def _to_int16(mono: np.ndarray) -> np.ndarray:
    """Samples [M] float32, full scale 1, rounded to 16 bit and clipped."""
    return np.clip(np.rint(mono * _FULL_SCALE), -32_768, 32_767).astype(np.int16)


def _mono(block: np.ndarray) -> np.ndarray:
    """The mean of the channels, [M, channels] to [M], of numbers that are audio."""
    if not np.isfinite(block).all():
        raise AudioError("holds samples that are not finite numbers (NaN or infinity)")
    if (peak := np.abs(block).max()) > _MAX_PEAK:
        raise AudioError(
            f"holds samples up to {peak:.3g} where full scale is 1 (whole numbers written as "
            "floating point?)"
        )
    return block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)


def _cut_off(data: bytes | _Source, *, promised: int, read: int) -> str | None:
    """What shows that the end of a file is missing; None if nothing does.

    A cut-off FLAC is an error of libsndfile's; a cut-off file of other kinds it takes for a shorter
    one.
    """
    if data[:4] == b"RIFF":
        missing = _missing_wav_bytes(data)
        return f"{missing} bytes fewer than its header promises" if missing else None
    if data[:4] == b"OggS":
        return "its last page is not complete" if _ogg_is_cut(data[-_LONGEST_OGG_PAGE:]) else None
    if read < promised and _mp3_says_its_length(data):
        return f"{read:,} of {promised:,} samples are there"
    return None


def _missing_wav_bytes(data: bytes | _Source) -> int:
    """How many bytes of its samples a WAV file lacks.

    By the size of the chunk of samples: the size of the whole, in the first header, is what writers
    get wrong. A size near 2^31 or 2^32 is what programs write into a pipe, not knowing the length:
    no promise.
    """
    place = 12
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place : place + 4] == b"data":
            return max(0, place + 8 + size - len(data)) if size < 0x7FFF_0000 else 0
        place += 8 + size + size % 2
    return 0


def _mp3_says_its_length(data: bytes | _Source) -> bool:
    """Whether the first frame of an MP3 is a tag with the number of frames.

    Without one, the length that libsndfile tells is an estimate, and no promise.
    """
    first = 0
    if data[:3] == b"ID3":  # A block of names and pictures; its size has seven bits a byte.
        first = 10 + sum((byte & 0x7F) << 7 * (3 - i) for i, byte in enumerate(data[6:10]))
    # The tag follows the frame's header and side information, of 40 bytes at most.
    head = data[first : first + 48]
    return b"Xing" in head or b"Info" in head


def _ogg_is_cut(data: bytes) -> bool:
    """Whether the last page of an Ogg file is shorter than its header says (RFC 3533, section 6).

    Its mark for the end of a stream is not asked for: recorders that stream leave it out.

    Args:
        data: The end of the file, as long as a page can be, or more.
    """
    page = data.rfind(b"OggS")
    if page < 0:
        return False  # it ended before what is looked at, so it is whole
    header = data[page : page + 27]
    if len(header) < 27:
        return True
    count = header[26]
    segments = data[page + 27 : page + 27 + count]
    return len(data) < page + 27 + count + sum(segments)


def _reason(error: Exception, data: _Source) -> str:
    """What libsndfile says, without the repr of the BytesIO that soundfile puts before them."""
    # Where an encoder wrote into a pipe, the 36 bits that count the samples are zero.
    count = data[21:26]
    if data[:4] == b"fLaC" and len(count) == 5 and not (count[0] & 0x0F or any(count[1:])):
        return "FLAC that does not say how long it is (written into a pipe?); encode it again"
    text = getattr(error, "error_string", None) or str(error)
    return " ".join(str(text).split()).rstrip(".")
