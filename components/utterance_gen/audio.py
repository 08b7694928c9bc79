"""Audio files in memory become 16-bit mono samples at one rate, or an error with a reason."""

import io

import numpy as np
import soundfile
import soxr

# Beyond these a header is broken, or a tiny file would unfold into gigabytes when resampled.
_MIN_RATE_HZ = 2_000
_MAX_RATE_HZ = 768_000
_BLOCK_SAMPLES = 1 << 20
_FULL_SCALE = 32_768.0


class AudioError(ValueError):
    """The audio cannot be used; the message is a reason that a person understands."""


def decode(data: bytes, target_rate: int, min_seconds: float) -> np.ndarray:
    """Decodes whatever libsndfile reads (FLAC, WAV, OGG, MP3, ...).

    Channels are averaged, the rate is converted by soxr (HQ), samples are rounded to 16 bit and
    clipped. 16-bit mono audio at the target rate comes through bit for bit: float32 holds every
    16-bit value divided by 2^15 exactly.

    Args:
        data: The content of the file.
        target_rate: In Hz.
        min_seconds: Shorter audio is refused.

    Returns:
        int16 samples [N] at the target rate.

    Raises:
        AudioError: The file is empty, unreadable, cut off, too short, or holds NaN or infinity.
    """
    if not data:
        raise AudioError("empty file (0 bytes)")
    samples, rate_hz = _read(data)  # [M, channels] float32
    if not len(samples):
        raise AudioError("holds no samples")
    if len(samples) < min_seconds * rate_hz:
        raise AudioError(
            f"too short: {len(samples) / rate_hz:.3f} s, at least {min_seconds:g} s are needed"
        )
    if not np.isfinite(samples).all():
        raise AudioError("holds samples that are not finite numbers (NaN or infinity)")
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)  # [M]
    if rate_hz != target_rate:
        mono = soxr.resample(mono, rate_hz, target_rate, quality="HQ")  # [N]
        if not len(mono):
            raise AudioError(f"too short: nothing is left at {target_rate} Hz")
    return np.clip(np.rint(mono * _FULL_SCALE), -32_768, 32_767).astype(np.int16)


def _read(data: bytes) -> tuple[np.ndarray, int]:
    """Samples [M, channels] float32 and their rate in Hz."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate_hz, kind = file.samplerate, file.format
            if not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
                raise AudioError(
                    f"sampling rate {rate_hz} Hz is outside {_MIN_RATE_HZ} to {_MAX_RATE_HZ} Hz"
                )
            # In blocks: a header that promises more than the file holds must not cost memory.
            blocks = []
            while len(block := file.read(_BLOCK_SAMPLES, dtype="float32", always_2d=True)):
                blocks.append(block)
            samples = np.concatenate(blocks) if blocks else np.zeros((0, 1), np.float32)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError(f"unreadable as audio: {_reason(error)}") from error
    # A cut-off FLAC is an error above; a cut-off WAV libsndfile takes for a shorter one.
    if kind == "WAV" and (missing := _missing_riff_bytes(data)):
        raise AudioError(f"cut off: {missing} bytes fewer than its header promises")
    return samples, rate_hz


def _missing_riff_bytes(data: bytes) -> int:
    """How much shorter a WAV file is than its RIFF header says.

    A size near 2^31 or 2^32 is what programs write into a pipe, not knowing the length: no promise.
    One byte is forgiven: some writers count the padding of an odd chunk and leave it out.
    """
    promised = 8 + int.from_bytes(data[4:8], "little")
    missing = promised - len(data)
    return missing if data[:4] == b"RIFF" and missing > 1 and promised < 0x7FFF_0000 else 0


def _reason(error: Exception) -> str:
    """What libsndfile says, without the repr of the BytesIO that soundfile puts before them."""
    text = getattr(error, "error_string", None) or str(error)
    return " ".join(str(text).split()).rstrip(".")
