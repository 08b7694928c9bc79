"""What is known of a recording's file, and why one cannot be used."""

import dataclasses


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
        notes: Warnings about a file that can be used, one sentence each.
    """

    rate_hz: int
    channels: int
    encoding: str
    size_bytes: int
    notes: tuple[str, ...] = ()
