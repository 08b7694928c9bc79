"""Audio files become 16-bit samples at one rate, or an error with a reason.

Imports no framework: `score.py` decodes recordings with it as UtteranceGen does. libsndfile reads
what it reads whole (`bonafide.audio.libsndfile`), FFmpeg the rest (`bonafide.audio.ffmpeg`).
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

    Of channels the mean or one is taken, the rate is converted by soxr (HQ), samples are rounded to
    16 bit and clipped. 16-bit mono audio at the target rate comes through bit for bit: float32
    holds every 16-bit value divided by 2^15 exactly.

    A truncated file is refused if its container shows it; see `bonafide.audio.containers`.

    Args:
        data: The content of the file.
        target_rate: In Hz.
        min_seconds: Shorter audio is refused.
        channel: `mix`, or a name of `channels.names`.
        name: Of the file; its ending identifies formats without a header.

    Returns:
        int16 samples [N] at the target rate.

    Raises:
        AudioError: The file is empty, unreadable, cut off, too short or too long, has too many
            channels or not the one that is meant, holds NaN or infinity, or is not on the scale of
            audio.
    """
    samples, _ = decode_with_facts(data, target_rate, min_seconds, channel=channel, name=name)
    return samples


def decode_with_facts(
    data: bytes, target_rate: int, min_seconds: float, *, channel: str = MIX, name: str = ""
) -> tuple[np.ndarray, FileFacts]:
    """As `decode`, and what the file is."""
    with _in_memory(data, target_rate, min_seconds, name) as recording:
        return _joined(recording.blocks(channel)), recording.facts


@dataclasses.dataclass(frozen=True, eq=False)
class Decoded:
    """A recording in memory.

    Attributes:
        samples: int16 [N] at the target rate.
        facts: What the file is.
        agreement: Whether its channels carry the same.
    """

    samples: np.ndarray
    facts: FileFacts
    agreement: Agreement


def decode_recording(
    data: bytes, target_rate: int, min_seconds: float, *, channel: str = MIX, name: str = ""
) -> Decoded:
    """As `decode`, with what the file is and whether its channels are alike."""
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

    That a file is cut off or too short shows at its end: only who has got the last block knows
    that the blocks before are good.

    Args:
        file: The file, seekable.
        target_rate: In Hz.
        min_seconds: Shorter audio is refused.
        tell: Is called once with what the file is, before the first block.
        channel: `mix`, or a name of `channels.names`.
        name: Of the file; its ending identifies formats without a header.

    Yields:
        int16 samples [M] at the target rate, some blocks maybe empty; one after the other they are
        what `decode` returns, bit for bit.

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
