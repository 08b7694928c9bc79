"""Structured logs: a JSON object on a line, without audio, names of files or tokens."""

from __future__ import annotations

import datetime
import json
import logging
import os
import sys
import traceback
from typing import Any, TextIO

LOGGER = logging.getLogger("bonafide.service")
_STDERR_FD = 2


class JsonFormatter(logging.Formatter):
    """Writes a record as JSON: `time`, `level`, `event`, and the fields of the event."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line of a record."""
        when = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "time": when.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "pid": record.process,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0]:
            line |= failure(record.exc_info[1])
        return json.dumps(line, default=str)


def failure(error: BaseException | None) -> dict[str, Any]:
    """Returns the type and the places of an exception; its message may quote a request."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    return {
        "error": type(error).__name__,
        "at": [f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in frames[-8:]],  # noqa: PTH119
    }


def log(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Writes an event with its fields."""
    LOGGER.log(level, event, extra={"fields": fields})


def start(*, everything: bool) -> None:
    """Sends the events to standard error.

    Args:
        everything: Whether requests are logged as well as errors.
    """
    handler = logging.StreamHandler(_own_stderr())
    handler.setFormatter(JsonFormatter())
    for name in ("bonafide.service", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
    LOGGER.setLevel(logging.INFO if everything else logging.ERROR)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING if everything else logging.CRITICAL)


def _own_stderr() -> TextIO:
    """Returns a stream of its own: standard error is redirected while a model is loaded."""
    try:
        return os.fdopen(os.dup(_STDERR_FD), "w", buffering=1, errors="backslashreplace")
    except OSError:  # it is closed
        return sys.stderr
