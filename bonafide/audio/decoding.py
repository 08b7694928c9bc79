"""Decodes audio files to 16-bit samples at one rate.

Used by scoring and by UtteranceGen, so it imports no framework. libsndfile reads the formats that
it supports fully (`bonafide.audio.libsndfile`), FFmpeg the others (`bonafide.audio.ffmpeg`).
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

from bonafide.audio.channels import MIX, Agreement
from bonafide.audio.facts import AudioError, FileFacts
from bonafide.audio.recording import Recording

__all__ = [
    "AudioError",
    "Decoded",
    "FileFacts",
    "Recording",
    "decode",
    "decode_blocks",
    "decode_recording",
    "decode_with_facts",
]

_MAX_SECONDS_IN_MEMORY = 4 * 3600  # 440 MiB at 16 kHz.


def decode(
    data: bytes, target_rate: int, min_seconds: float, *, channel: str = MIX, name: str = ""
) -> np.ndarray:
    """Decodes a recording.

    The mean of the channels or one of them is resampled by soxr (HQ), rounded to 16 bit and
    clipped. 16-bit mono audio at the target rate is returned bit for bit: float32 represents every
    16-bit value divided by 2^15 exactly.

    A truncated file is rejected if its container shows it; see `bonafide.audio.containers`.

    Args:
        data: The content of the file.
        target_rate: Sampling rate of the result in Hz.
        min_seconds: Shorter audio is rejected.
        channel: `mix`, or one of `channels.names`.
        name: Name of the file; its extension identifies formats without a header.

    Returns:
        int16 samples [N] at the target rate.

    Raises:
        AudioError: The file is empty, unreadable, truncated, too short or too long, has too many
            channels or lacks the given one, or contains NaN, infinity or values on another scale.
    """
    samples, _ = decode_with_facts(data, target_rate, min_seconds, channel=channel, name=name)
    return samples


def decode_with_facts(
    data: bytes, target_rate: int, min_seconds: float, *, channel: str = MIX, name: str = ""
) -> tuple[np.ndarray, FileFacts]:
    """As `decode`, with facts about the file."""
    with _in_memory(data, target_rate, min_seconds, name) as recording:
        return _joined(recording.blocks(channel)), recording.facts


@dataclasses.dataclass(frozen=True, eq=False)
class Decoded:
    """A recording in memory.

    Attributes:
        samples: int16 [N] at the target rate.
        facts: Facts about the file.
        agreement: Whether its channels carry the same signal.
    """

    samples: np.ndarray
    facts: FileFacts
    agreement: Agreement


def decode_recording(
    data: bytes, target_rate: int, min_seconds: float, *, channel: str = MIX, name: str = ""
) -> Decoded:
    """As `decode`, with facts about the file and the agreement of its channels."""
    with _in_memory(data, target_rate, min_seconds, name) as recording:
        agreement = recording.agreement
        return Decoded(_joined(recording.blocks(channel)), recording.facts, agreement)


def decode_blocks(
    file: BinaryIO,
    target_rate: int,
    min_seconds: float,
    tell: Callable[[FileFacts], None] | None = None,
    *,
    channel: str = MIX,
    name: str = "",
) -> Iterator[np.ndarray]:
    """Decodes as `decode` does, block by block, so that hours of audio need little memory.

    Whether a file is truncated or too short is known only at its end: use the blocks only after the
    last one was decoded without an error.

    Args:
        file: The file, seekable.
        target_rate: Sampling rate of the result in Hz.
        min_seconds: Shorter audio is rejected.
        tell: Called once with facts about the file, before the first block.
        channel: `mix`, or one of `channels.names`.
        name: Name of the file; its extension identifies formats without a header.

    Yields:
        int16 samples [M] at the target rate; blocks may be empty. Concatenated, they equal the
        result of `decode` bit for bit.

    Raises:
        AudioError: As `decode`.
    """
    with Recording(file, target_rate, min_seconds, name=name) as recording:
        if tell is not None:
            tell(recording.facts)
        yield from recording.blocks(channel)


def _in_memory(data: bytes, target_rate: int, min_seconds: float, name: str) -> Recording:
    longest = _MAX_SECONDS_IN_MEMORY
    return Recording(io.BytesIO(data), target_rate, min_seconds, name=name, max_seconds=longest)


def _joined(blocks: Iterator[np.ndarray]) -> np.ndarray:
    held = list(blocks)
    return held[0] if len(held) == 1 else np.concatenate(held)
