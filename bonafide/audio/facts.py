"""Facts about the file of a recording, and the error for unusable audio."""

import dataclasses


class AudioError(ValueError):
    """The audio cannot be used; the message gives the reason."""


class TooLongError(AudioError):
    """The audio is longer, or decodes to more samples, than the caller allows."""


@dataclasses.dataclass(frozen=True)
class FileFacts:
    """Facts about an audio file.

    Attributes:
        rate_hz: Its sampling rate.
        channels: Number of channels.
        encoding: Container and encoding as named by libsndfile, such as `FLAC/PCM_16`.
        size_bytes: Size of the whole file.
        notes: Warnings about a file that can be used, one sentence each.
    """

    rate_hz: int
    channels: int
    encoding: str
    size_bytes: int
    notes: tuple[str, ...] = ()
