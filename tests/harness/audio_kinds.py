"""Files of every kind that people have, made here: by libsndfile, and by FFmpeg through PyAV.

Of three codings there is no encoder in either; small files of them lie in
`tests/bonafide/audio/cases/`.
"""

from __future__ import annotations

import dataclasses
import fractions
import functools
import io
import pathlib
import tempfile

import av
import numpy as np
import soundfile
from av.audio.resampler import AudioResampler

CASES = pathlib.Path(__file__).parents[1] / "bonafide/audio/cases"
RATE_HZ = 16_000


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        encoding: As `FileFacts` names it.
        container: libsndfile's name of the format, or FFmpeg's.
        coding: libsndfile's subtype, or FFmpeg's encoder.
        by: `libsndfile` or `ffmpeg`, which makes it.
        rate_hz: Of the file.
        layout: FFmpeg's name of the channels.
        options: Of FFmpeg's container.
        bit_rate: For the encoder; its own choice if 0.
        tells_end: Whether every cut shows; else some fall between frames, where nothing tells.
        extra_seconds: By how much it may be longer than what went in.
    """

    encoding: str
    container: str
    coding: str
    by: str = "ffmpeg"
    rate_hz: int = RATE_HZ
    layout: str = "mono"
    options: tuple[tuple[str, str], ...] = ()
    bit_rate: int = 0
    tells_end: bool = True
    extra_seconds: float = 0.15


def _sndfile(container: str, coding: str, rate_hz: int = RATE_HZ, **more: object) -> Kind:
    return Kind(f"{container}/{coding}", container, coding, "libsndfile", rate_hz, **more)


KINDS: dict[str, Kind] = {
    "wav": _sndfile("WAV", "PCM_16"),
    "wav-24": _sndfile("WAVEX", "PCM_24"),
    "wav-float": _sndfile("WAV", "FLOAT"),
    "wav-8": _sndfile("WAV", "PCM_U8"),
    "wav-ulaw": _sndfile("WAV", "ULAW", 8_000),
    "wav-alaw": _sndfile("WAV", "ALAW", 8_000),
    "wav-gsm": _sndfile("WAV", "GSM610", 8_000),
    "wav-ima": _sndfile("WAV", "IMA_ADPCM"),
    "wav-ms": _sndfile("WAV", "MS_ADPCM"),
    "rf64": _sndfile("RF64", "PCM_16"),
    "w64": _sndfile("W64", "PCM_16"),
    "aiff": _sndfile("AIFF", "PCM_16"),
    "au": _sndfile("AU", "PCM_16"),
    "caf": _sndfile("CAF", "PCM_16"),
    "caf-alac": _sndfile("CAF", "ALAC_16"),
    "nist": _sndfile("NIST", "PCM_16"),
    "flac": _sndfile("FLAC", "PCM_16"),
    "flac-24": _sndfile("FLAC", "PCM_24"),
    "ogg": _sndfile("OGG", "VORBIS"),
    "opus": _sndfile("OGG", "OPUS"),
    "mp3": _sndfile("MP3", "MPEG_LAYER_III"),
    "wav-g722": Kind("WAV/G722", "wav", "g722"),
    "wav-g726": Kind("WAV/G726", "wav", "g726", rate_hz=8_000),
    "wav-g723": Kind("WAV/G723_1", "wav", "g723_1", rate_hz=8_000, bit_rate=6_300),
    "m4a": Kind("MP4/AAC", "ipod", "aac"),
    "m4a-fast": Kind("MP4/AAC", "mp4", "aac", options=(("movflags", "faststart"),)),
    "m4a-alac": Kind("MP4/ALAC", "ipod", "alac"),
    "mp4-fragments": Kind(
        *("MP4/AAC", "mp4", "aac"),
        options=(("movflags", "frag_keyframe+empty_moov"), ("frag_duration", "500000")),
        tells_end=False,
    ),
    "mov": Kind("MP4/PCM_16", "mov", "pcm_s16le"),
    "3gp": Kind("MP4/AMR_NB", "3gp", "libopencore_amrnb", rate_hz=8_000, bit_rate=12_200),
    "aac": Kind("ADTS/AAC", "adts", "aac", tells_end=False),
    "amr": Kind(
        *("AMR/AMR_NB", "amr", "libopencore_amrnb"),
        rate_hz=8_000,
        bit_rate=12_200,
        tells_end=False,
    ),
    "webm": Kind("WEBM/OPUS", "webm", "libopus", rate_hz=48_000),
    "webm-vorbis": Kind("WEBM/VORBIS", "webm", "vorbis", layout="stereo"),
    "webm-live": Kind(
        *("WEBM/OPUS", "webm", "libopus"),
        rate_hz=48_000,
        options=(("live", "1"),),
        tells_end=False,
    ),
    "mkv": Kind("MATROSKA/AAC", "matroska", "aac"),
    "mka-flac": Kind("MATROSKA/FLAC", "matroska", "flac"),
    "wma": Kind("ASF/WMA2", "asf", "wmav2", bit_rate=64_000),
    "ogg-flac": Kind("OGG/FLAC", "ogg", "flac"),
    "mp3-constant": Kind(
        *("MP3/MPEG_LAYER_III", "mp3", "libmp3lame"),
        options=(("write_xing", "0"), ("id3v2_version", "0")),
        tells_end=False,
    ),
    "mp2": Kind("MP3/MPEG_LAYER_II", "mp2", "mp2", tells_end=False),
}
# Of what no encoder is at hand.
GIVEN = {
    "gsm": "raw.gsm",
    "g729": "call.g729",
    "amr-wb": "amrwb.awb",
    "speex": "speex.spx",
}


@functools.lru_cache(maxsize=1)
def speech(seconds: float = 2.0) -> np.ndarray:
    """Something like speech: syllables of a voice with formants, between pauses.

    Returns:
        float32 [N] at RATE_HZ, full scale 1.
    """
    rng = np.random.default_rng(20)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    pitch_hz = 120 + 15 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    voice = sum(np.sin(k * phase) / (1 + abs(k - 5)) for k in range(1, 28))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * time) + 0.3, 0, 1)
    noise = rng.normal(0, 1e-3, len(time))
    return (0.1 * voice * syllables + noise).astype(np.float32)


def make(name: str, samples: np.ndarray | None = None) -> bytes:
    """Returns a file of a kind.

    Args:
        name: Of `KINDS`, or of `GIVEN`, which are what they are.
        samples: float32 [N] or [N, channels] at RATE_HZ; `speech` if None.
    """
    if name in GIVEN:
        return (CASES / GIVEN[name]).read_bytes()
    kind = KINDS[name]
    samples = speech() if samples is None else samples
    if kind.by == "libsndfile":
        buffer = io.BytesIO()
        at_rate = _resampled(samples, kind.rate_hz, "flt", 0)
        written = np.concatenate([frame.to_ndarray().reshape(-1) for frame in at_rate])
        if samples.ndim == 2:
            written = written.reshape(-1, samples.shape[1])
        soundfile.write(buffer, written, kind.rate_hz, kind.coding, format=kind.container)
        return buffer.getvalue()
    return encode(samples, kind)


def encode(samples: np.ndarray, kind: Kind) -> bytes:
    """Encodes by FFmpeg: float32 [N] or [N, channels] at RATE_HZ."""
    if dict(kind.options).get("movflags") == "faststart":  # FFmpeg opens the file again by name.
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a.mp4")
            _encode(str(path), samples, kind)
            return path.read_bytes()
    buffer = io.BytesIO()
    _encode(buffer, samples, kind)
    return buffer.getvalue()


def _encode(target: io.BytesIO | str, samples: np.ndarray, kind: Kind) -> None:
    with av.open(target, "w", format=kind.container, container_options=dict(kind.options)) as out:
        stream = out.add_stream(kind.coding, rate=kind.rate_hz)
        stream.layout = kind.layout if samples.ndim == 1 else {2: "stereo"}[samples.shape[1]]
        codec = stream.codec_context
        if kind.bit_rate:
            codec.bit_rate = kind.bit_rate
        if kind.coding == "vorbis":
            codec.options = {"strict": "experimental"}
        codec.open()
        form = codec.format.name
        for frame in _resampled(samples, kind.rate_hz, form, codec.frame_size, codec.layout.name):
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)


def _resampled(
    samples: np.ndarray, rate_hz: int, form: str, frame_size: int, layout: str | None = None
) -> list[av.AudioFrame]:
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    own = {1: "mono", 2: "stereo"}.get(channels, f"{channels}c")
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples.reshape(1, -1), np.float32), format="flt", layout=own
    )
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, fractions.Fraction(1, RATE_HZ)
    resampler = AudioResampler(
        format=form, layout=layout or own, rate=rate_hz, frame_size=frame_size
    )
    return [*resampler.resample(frame), *resampler.resample(None)]
