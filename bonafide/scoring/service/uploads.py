"""Recordings in the body of a request: one as it is, or several in a form."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from python_multipart.multipart import MultipartParser, parse_options_header

from bonafide.scoring.service.errors import ServiceError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FORM = "multipart/form-data"
_MAX_BOUNDARY = 256
_MAX_NAME = 255
_FORM_REMEDY = (
    "Send `multipart/form-data` with a part `file` for each recording (curl: -F file=@call.wav), "
    "or the bytes of one recording as the body (curl: --data-binary @call.wav)."
)


class Upload(NamedTuple):
    """A recording as it was sent.

    Attributes:
        name: As the client calls it; empty where it does not.
        file: Its content, in memory.
    """

    name: str
    file: BinaryIO


async def read_uploads(
    content_type: str, body: AsyncIterator[bytes], *, name: str, most: int
) -> list[Upload]:
    """Reads the recordings of a request as they arrive, each once in memory.

    Args:
        content_type: Header Content-Type.
        body: The body.
        name: Name of a recording that is the body itself.
        most: Most recordings in a form.

    Raises:
        ServiceError: The form is broken, or holds no recording or too many.
    """
    kind, options = parse_options_header(content_type)
    if kind != FORM.encode():
        file = io.BytesIO()
        async for chunk in body:
            file.write(chunk)
        file.seek(0)
        return [Upload(tidy_name(name), file)]
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= _MAX_BOUNDARY:
        raise _bad_form("the form has no boundary", "header Content-Type")
    form = _Form(most)
    parser = MultipartParser(boundary, form.callbacks())
    try:
        async for chunk in body:
            parser.write(chunk)
    except ServiceError:
        raise
    except Exception as error:  # MultipartParseError, and what its parser of headers raises
        raise _bad_form(f"the form is broken: {error}", "body") from error
    if not form.is_complete:
        raise _bad_form("the form ends before its last boundary", "body")
    if not form.uploads:
        raise _bad_form("the form holds no recording", "body")
    for upload in form.uploads:
        upload.file.seek(0)
    return form.uploads


def tidy_name(name: str) -> str:
    """Returns a name that can be written as UTF-8, of at most 255 characters."""
    return name.encode("utf-8", "replace").decode("utf-8")[:_MAX_NAME]


class _Form:
    """Takes the parts of a form; each part is a recording."""

    def __init__(self, most: int) -> None:
        self.uploads: list[Upload] = []
        self.is_complete = False
        self._most = most
        self._field, self._value = b"", b""
        self._disposition = b""

    def callbacks(self) -> MultipartCallbacks:
        """Returns the functions that the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header,
            "on_headers_finished": self._open,
            "on_part_data": self._on_data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.uploads) >= self._most:
            raise ServiceError(
                413,
                "too_many_recordings",
                f"more than {self._most} recordings",
                where="body",
                remedy="Send them in several requests.",
            )
        self._disposition = b""

    # The parser limits the number and the size of headers.
    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def _open(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        self.uploads.append(Upload(tidy_name(name), io.BytesIO()))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self.uploads[-1].file.write(memoryview(data)[start:end])

    def _end(self) -> None:
        self.is_complete = True


def _bad_form(message: str, where: str) -> ServiceError:
    return ServiceError(400, "bad_form", message, where=where, remedy=_FORM_REMEDY)
