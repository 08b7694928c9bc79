"""Formats that libsndfile does not read (AAC, WebM, AMR, WMA, GSM, ...), by FFmpeg through PyAV.

FFmpeg supports hundreds of formats, some of which open other files. Here the format is determined
by the content of the file, only the codecs below are decoded, and opening a second file fails.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler

from bonafide.audio.containers import Container
from bonafide.audio.facts import AudioError
from bonafide.audio.sources import Source

# FFmpeg's name of a decoder, and the name of the encoding in the style of libsndfile.
CODECS = {
    "aac": "AAC",
    "ac3": "AC3",
    "adpcm_ima_qt": "IMA_ADPCM",
    "adpcm_ima_wav": "IMA_ADPCM",
    "adpcm_ms": "MS_ADPCM",
    "alac": "ALAC",
    "amrnb": "AMR_NB",
    "amrwb": "AMR_WB",
    "eac3": "EAC3",
    "flac": "FLAC",
    "g722": "G722",
    "g723_1": "G723_1",
    "g726": "G726",
    "g729": "G729",
    "gsm": "GSM610",
    "gsm_ms": "GSM610",
    "ilbc": "ILBC",
    "mp1float": "MPEG_LAYER_I",
    "mp2float": "MPEG_LAYER_II",
    "mp3float": "MPEG_LAYER_III",
    "opus": "OPUS",
    "pcm_alaw": "ALAW",
    "pcm_mulaw": "ULAW",
    "speex": "SPEEX",
    "truespeech": "TRUESPEECH",
    "vorbis": "VORBIS",
    "wmalossless": "WMA_LOSSLESS",
    "wmapro": "WMA_PRO",
    "wmav1": "WMA1",
    "wmav2": "WMA2",
    "wmavoice": "WMA_VOICE",
    **{f"pcm_{sign}8": "PCM_U8" if sign == "u" else "PCM_S8" for sign in "su"},
    **{f"pcm_s{bits}{end}": f"PCM_{bits}" for bits in (16, 24, 32) for end in ("le", "be")},
    **{f"pcm_f32{end}": "FLOAT" for end in ("le", "be")},
    **{f"pcm_f64{end}": "DOUBLE" for end in ("le", "be")},
}
_OTHER_NAMES = {"libopus": "opus", "mp1": "mp1float", "mp2": "mp2float", "mp3": "mp3float"}
# FFmpeg's own decoders of these fail on the comfort noise that telephones send in pauses (DTX).
_BETTER = {"amrnb": "libopencore_amrnb", "amrwb": "libopencore_amrwb"}
# Frames that depend on previous ones: the first frames of a file that begins in the middle of a
# stream cannot be decoded, and all players skip them.
_MAY_BEGIN_BADLY = ("mp3float", "mp2float", "mp1float")
_MOST_BAD_PACKETS = 2
_DTYPES: dict[str, type] = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "flt": np.float32,
    "dbl": np.float64,
}
# PyAV reads beyond the end of FFmpeg's list of planes if it has eight or more.
_MAX_PLANES = 2
# Samples per channel to gather before conversion, since frames are short.
_GATHERED = 1 << 15
# Tolerance by which the stated end of the audio may exceed the last sample.
_TOLERANCE_SECONDS = 0.25
_CONVERT = "Convert it (ffmpeg -i FILE FILE.wav) where there is a program that reads it."
_REPAIR = "Convert it (ffmpeg -i FILE FILE.wav) and check what is missing."
_ERRORS = (av.FFmpegError, ValueError, OverflowError, ArithmeticError, RuntimeError)
_OPTIONS = {
    "codec_whitelist": ",".join((*CODECS, *_OTHER_NAMES, *_BETTER.values())),
    "protocol_whitelist": "none",
    "max_streams": "64",
}


class Sound:
    """An open file; see `bonafide.audio.libsndfile.Sound`, which has the same attributes.

    Args:
        source: Its content, or that of one of its parts.
        container: Statements of its header.

    Attributes:
        notes: Warnings about a file that can be used.

    Raises:
        AudioError: FFmpeg cannot read it either, or it contains no audio.
    """

    promised = 0

    def __init__(self, source: Source, container: Container) -> None:
        self._container = container
        self.notes: tuple[str, ...] = ()
        try:
            self._input = av.open(
                _Readable(source),
                mode="r",
                format=container.demuxer,
                options=_OPTIONS,
                metadata_errors="replace",
                io_open=_refuse,
            )
        except _ERRORS as error:
            raise AudioError(f"unreadable as audio: {_reason(error)}") from error
        try:
            self._ticks = 0  # End of the latest packet, in the time base of the stream.
            self._stream, self._codec = self._chosen()
            self._packer: AudioResampler | None = None
            self._frames = self._decoded()
            first = next(self._frames, None)
            if first is None:
                raise AudioError("holds no samples")
        except BaseException:
            self._input.close()
            raise
        # The codec's earlier statements may be wrong: AAC may yield twice the rate or channels.
        self.rate_hz, self.channels = first.sample_rate, first.layout.nb_channels
        self._form = first.format.packed.name
        self.encoding = f"{container.kind}/{self._coding()}"
        self._first: av.AudioFrame | None = first

    def close(self) -> None:
        """Frees the resources of FFmpeg; the source stays open."""
        self._frames.close()
        self._input.close()

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Reads to the end; once.

        Args:
            frames: Maximum number of samples per channel in a block.

        Yields:
            float32 [M, channels], full scale 1.

        Raises:
            AudioError: The file is damaged, or shorter than its container states.
        """
        gathered: list[list[np.ndarray]] = []
        count = read = 0
        while self._first is not None:
            frame, self._first = self._first, next(self._frames, None)
            gathered.append(self._planes(frame))
            count += frame.samples
            read += frame.samples
            if count >= _GATHERED or self._first is None:
                block = _joined(gathered, self._form, self.channels)
                gathered, count = [], 0
                yield from (block[i : i + frames] for i in range(0, len(block), frames))
        promised = self._container.seconds or 0.0
        came = max(read / self.rate_hz, self._seconds()) if promised else 0.0
        if promised - came > _TOLERANCE_SECONDS and not self._container.cut:
            raise AudioError(f"cut off: {came:.2f} of {promised:.2f} s are there")

    def _coding(self) -> str:
        coding = CODECS[_name(self._stream)]
        if coding == "FLAC" and self._container.kind == "FLAC":
            # As named by libsndfile; 24 bits are stored in 32.
            return "PCM_16" if self._form == "s16" else "PCM_24"
        return coding

    def _chosen(self) -> tuple[Any, Any]:
        """Returns the stream to decode and its decoder."""
        streams = self._input.streams.audio
        if not streams:
            raise AudioError(f"holds no audio (a container of {self._container.kind})")
        stream: Any = self._input.streams.best("audio") or streams[0]
        if len(streams) > 1:
            self.notes = (f"has {len(streams)} tracks of audio, of which one is read",)
        name = _name(stream)
        if name not in CODECS:
            raise AudioError(f"unreadable as audio: coded as {name}. {_CONVERT}")
        if name not in _BETTER:
            return stream, stream.codec_context
        codec: Any = av.CodecContext.create(_BETTER[name], "r")
        codec.sample_rate, codec.layout = stream.codec_context.sample_rate, "mono"
        return stream, codec

    def _decoded(self) -> Generator[av.AudioFrame]:
        """Yields all frames with samples of the stream, and tracks its time."""
        skipped = begun = 0
        try:
            for packet in self._input.demux(self._stream):
                try:
                    frames = self._codec.decode(packet if packet.size else None)
                except av.EOFError:
                    return
                except av.FFmpegError as error:
                    skipped += 1
                    self._accept(error, skipped=0 if begun else skipped)
                    continue
                if packet.pts is not None:
                    self._ticks = max(self._ticks, packet.pts + (packet.duration or 0))
                for frame in frames:
                    if frame.samples:
                        begun = 1
                        yield frame
        except AudioError:
            raise
        except _ERRORS as error:
            raise AudioError(f"unreadable as audio: {_reason(error)}") from error

    def _accept(self, error: av.FFmpegError, *, skipped: int) -> None:
        """Raises an error for an undecodable packet, unless players skip it as well.

        Args:
            error: FFmpeg's error.
            skipped: Number of undecodable packets so far, before the first good one; 0 after it.
        """
        if self._container.cut:
            raise AudioError(f"cut off: {self._container.cut}") from error
        may_begin_badly = self._codec.name in _MAY_BEGIN_BADLY
        if not (may_begin_badly and 0 < skipped <= _MOST_BAD_PACKETS):
            said = f"damaged at {self._seconds():.2f} s: {_reason(error)}. {_REPAIR}"
            raise AudioError(said) from error

    def _seconds(self) -> float:
        """Returns the current time of the stream."""
        ticks = self._ticks - (self._stream.start_time or 0)
        return float(ticks * (self._stream.time_base or 0))

    def _planes(self, frame: av.AudioFrame) -> list[np.ndarray]:
        """Returns the samples of a frame without a copy: one array, or one per channel."""
        form = frame.format.packed.name
        same = (frame.sample_rate, frame.layout.nb_channels, form)
        if same != (self.rate_hz, self.channels, self._form):
            raise AudioError("changes its sampling rate or its channels on the way: cut it there")
        if frame.format.is_planar and self.channels > _MAX_PLANES:
            self._packer = self._packer or AudioResampler(format=form)
            try:
                [frame] = self._packer.resample(frame)
            except _ERRORS as error:
                raise AudioError(f"unreadable as audio: {_reason(error)}") from error
        planes = self.channels if frame.format.is_planar else 1
        count = frame.samples * self.channels // planes
        dtype = np.dtype(_DTYPES[form])
        return [np.frombuffer(memoryview(plane), dtype, count) for plane in frame.planes[:planes]]


def _name(stream: Any) -> str:
    """Returns FFmpeg's name of the encoding of a stream."""
    codec = stream.codec_context  # None if FFmpeg has no decoder, despite the type.
    name = "something that FFmpeg does not know" if codec is None else str(codec.name)
    return _OTHER_NAMES.get(name, name)


def _joined(gathered: list[list[np.ndarray]], kind: str, channels: int) -> np.ndarray:
    """Concatenates frames: float32 [M, channels], full scale 1."""
    planes = [np.concatenate(parts) for parts in zip(*gathered, strict=True)]
    samples = planes[0].reshape(-1, channels) if len(planes) == 1 else np.stack(planes, axis=1)
    if kind in ("flt", "dbl"):
        return samples.astype(np.float32, copy=False)
    if kind == "u8":
        return (samples.astype(np.float32) - 128.0) / 128.0
    return samples.astype(np.float32) * np.float32(2.0 ** (-15 if kind == "s16" else -31))


def _refuse(url: str, *_: object) -> None:
    """Replaces the opening of another file."""
    raise PermissionError(f"refers to another file ({url!r}), which is not opened")


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split()).rstrip(".")


class _Readable:
    """A source for FFmpeg, which seeks to invalid positions in damaged files."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.read, self.tell = source.read, source.tell

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_CUR: self._source.tell(), io.SEEK_END: len(self._source)}.get(whence, 0)
        place = base + offset
        return self._source.seek(min(place, len(self._source))) if place >= 0 else -1
