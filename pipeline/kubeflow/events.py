"""A pod's log: one JSON object a line, as log collectors of a cluster read it.

Fields: `time` (RFC 3339, UTC), `severity`, `event` (`started`, `finished`, `failed`, `log`),
`message`, `run`, `component`, `pod`, and what belongs to the event. Lines that libraries write
themselves, past Python's logging, stay as they are.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import traceback
from collections.abc import Mapping
from typing import Any, TextIO

from bonafide.logs import PEOPLE


class EventLog:
    """Writes events, and what Python's logging carries, as JSON lines.

    Args:
        stream: Where to.
        pod: Name of the pod.
    """

    def __init__(self, stream: TextIO, pod: str = "") -> None:
        self._stream = stream
        self._known: dict[str, str] = {"pod": pod} if pod else {}

    @classmethod
    def begin(cls, stream: TextIO) -> EventLog:
        """Makes one that takes over logging of this process."""
        log = cls(stream, os.environ.get("KFP_POD_NAME") or os.environ.get("HOSTNAME", ""))
        root = logging.getLogger()
        root.handlers = [_Handler(log)]
        root.setLevel(logging.WARNING)
        PEOPLE.setLevel(logging.INFO)
        logging.captureWarnings(True)
        return log

    def know(self, fields: Mapping[str, str]) -> None:
        """Adds fields to every later line."""
        self._known |= fields

    def say(self, event: str, message: str, *, severity: str = "INFO", **fields: Any) -> None:
        """Writes one event."""
        line = {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "severity": severity,
            "event": event,
            "message": message,
            **self._known,
            **fields,
        }
        self._stream.write(json.dumps(line, default=str) + "\n")
        self._stream.flush()

    def failed(self, error: BaseException) -> None:
        """Tells why the task ends: first a sentence, then where it happened."""
        notes = "".join(f" {note}" for note in getattr(error, "__notes__", ()))
        self.say(
            "failed",
            f"{type(error).__name__}: {error}{notes}",
            severity="ERROR",
            traceback="".join(traceback.format_exception(error)),
        )


class _Handler(logging.Handler):
    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._log.say("log", record.getMessage(), severity=record.levelname, logger=record.name)
        except Exception:  # noqa: BLE001 (logging never ends a task)
            self.handleError(record)
