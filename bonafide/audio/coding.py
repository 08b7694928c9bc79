"""Encodes and decodes speech, and compensates the delay of the codec.

It uses FFmpeg's codecs through PyAV, each in its usual container, so that the packets are those of
a real file. Only Vorbis uses libsndfile, which contains the reference encoder: FFmpeg's own is
experimental and requires two channels.
"""

from __future__ import annotations

import fractions
import functools
import io
import types

import numpy as np
import scipy.signal
import soundfile
import soxr

from bonafide.audio.degradation_specs import CODECS, Codec
from bonafide.audio.distortions import fitted

# Silence after the samples, in seconds: longer than any codec's delay and last frame.
_TAIL_SECONDS = 0.4
_PROBE_SECONDS = 1.0
_PROBE_HZ = (200.0, 3_000.0)
_PROBE_PEAK = 0.3
_BLOCK_SAMPLES = 1 << 14
_FULL_SCALE_INT32 = 2.0**31
_FULL_SCALE_INT16 = 2.0**15


class CodecMissingError(RuntimeError):
    """The installed FFmpeg lacks an encoder, or PyAV is not installed."""


def round_trip(
    samples: np.ndarray, sample_rate: int, name: str, rate: str, rate_hz: int | None = None
) -> np.ndarray:
    """Encodes and decodes.

    Args:
        samples: float32 [N], full scale 1, N > 0.
        sample_rate: In Hz.
        name: One of CODECS.
        rate: One of its rates; empty if it has only one.
        rate_hz: Sampling rate of the codec; None for that of `Codec.rate_for`.

    Returns:
        float32 [N], aligned with the samples to within one sample at the codec's sampling rate.

    Raises:
        CodecMissingError: The encoder is not installed.
    """
    codec = CODECS[name]
    rate_hz = rate_hz or codec.rate_for(sample_rate)
    inside = _resampled(samples, sample_rate, rate_hz)
    delay = delay_samples(name, rate, rate_hz)
    coded = fitted(_coded(inside, codec, rate, rate_hz)[delay:], len(inside))
    return fitted(_resampled(coded, rate_hz, sample_rate), len(samples))


@functools.lru_cache(maxsize=256)
def delay_samples(name: str, rate: str, rate_hz: int) -> int:
    """Measures the delay of a codec in samples.

    The cross-correlation of noise in the band of speech with its coded version is largest at the
    delay. A train of pulses is unsuitable: G.726 at 16 kbit/s delays it by 2 samples, and speech
    not at all.

    Args:
        name: One of CODECS.
        rate: One of its rates.
        rate_hz: Sampling rate of the codec.

    Returns:
        The delay, including the silence of `Codec.lead_seconds` before the samples.
    """
    noise = np.random.default_rng(0).normal(size=round(_PROBE_SECONDS * rate_hz))
    sections = scipy.signal.butter(2, _PROBE_HZ, "bandpass", fs=rate_hz, output="sos")
    probe = scipy.signal.sosfilt(sections, noise).astype(np.float32)
    probe *= _PROBE_PEAK / np.abs(probe).max()
    coded = _coded(probe, CODECS[name], rate, rate_hz)
    correlation = scipy.signal.correlate(coded, probe, "full", method="fft")
    return int(np.argmax(correlation)) - (len(probe) - 1)


def _coded(samples: np.ndarray, codec: Codec, rate: str, rate_hz: int) -> np.ndarray:
    """Returns the decoder's output, at the codec's sampling rate."""
    lead = round(codec.lead_seconds * rate_hz)
    padded = np.pad(samples, (lead, round(_TAIL_SECONDS * rate_hz)))
    if codec.encoder:
        bits = round(float(rate.removesuffix("k")) * 1000) if rate else 0
        decoded, decoded_hz = _decoded(_encoded(padded, codec, bits, rate_hz))
    else:
        decoded, decoded_hz = _vorbis(padded, rate, rate_hz)
    return _resampled(decoded, decoded_hz, rate_hz)


def _encoded(samples: np.ndarray, codec: Codec, bits_per_second: int, rate_hz: int) -> io.BytesIO:
    av = _pyav()
    file = io.BytesIO()
    with av.open(file, "w", format=codec.container) as container:
        try:
            stream = container.add_stream(codec.encoder, rate=rate_hz, layout="mono")
        except av.codec.codec.UnknownCodecError as error:
            raise CodecMissingError(
                f"expected an FFmpeg with the encoder {codec.encoder}, got PyAV {av.__version__} "
                "without it. Install PyAV's own wheel: pip install --only-binary av av"
            ) from error
        context = stream.codec_context
        formats = [each.name for each in context.codec.audio_formats]
        context.format = next(kind for kind in ("fltp", "flt", "s16p", "s16") if kind in formats)
        if bits_per_second:
            context.bit_rate = bits_per_second
        frame = av.AudioFrame.from_ndarray(
            _in_format(samples, context.format.name)[None], format=context.format, layout="mono"
        )
        frame.sample_rate = rate_hz
        frame.pts, frame.time_base = 0, fractions.Fraction(1, rate_hz)
        for part in (frame, None):  # None flushes the encoder.
            for packet in stream.encode(part):
                container.mux(packet)
    file.seek(0)
    return file


def _decoded(file: io.BytesIO) -> tuple[np.ndarray, int]:
    with _pyav().open(file, "r") as container:
        frames = list(container.decode(audio=0))
    samples = [_as_float(frame.to_ndarray()) for frame in frames]
    return np.concatenate(samples), frames[0].sample_rate


def _pyav() -> types.ModuleType:
    """Imports PyAV, which loads FFmpeg, only when a codec is used."""
    try:
        import av
    except ImportError as error:
        raise CodecMissingError(
            f"expected PyAV for the codecs of speech, got: {error}. Install it: pip install av"
        ) from error
    return av


def _vorbis(samples: np.ndarray, rate: str, rate_hz: int) -> tuple[np.ndarray, int]:
    file = io.BytesIO()
    compression = 1.0 - int(rate.removeprefix("q")) / 10
    with soundfile.SoundFile(
        file, "w", rate_hz, 1, "VORBIS", format="OGG", compression_level=compression
    ) as sound:
        # libvorbis keeps all samples of a call on the stack: long recordings are written in blocks.
        for start in range(0, len(samples), _BLOCK_SAMPLES):
            sound.write(samples[start : start + _BLOCK_SAMPLES])
    file.seek(0)
    coded, coded_hz = soundfile.read(file, dtype="float32")
    return coded, coded_hz


def _in_format(samples: np.ndarray, kind: str) -> np.ndarray:
    if kind.startswith("flt"):
        return samples
    return np.asarray(np.clip(np.rint(samples * _FULL_SCALE_INT16), -32_768, 32_767), np.int16)


def _as_float(block: np.ndarray) -> np.ndarray:
    """Converts one channel [1, n] of any sample format to float32 [n], full scale 1."""
    scale = {np.dtype(np.int16): _FULL_SCALE_INT16, np.dtype(np.int32): _FULL_SCALE_INT32}
    return np.asarray(block[0] / scale.get(block.dtype, 1.0), np.float32)


def _resampled(samples: np.ndarray, rate_hz: int, wanted_hz: int) -> np.ndarray:
    if rate_hz == wanted_hz:
        return samples
    return np.asarray(soxr.resample(samples, rate_hz, wanted_hz, "HQ"))
