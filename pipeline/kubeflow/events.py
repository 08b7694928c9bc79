"""Structured log of a pod: one JSON object per line, for the log collectors of a cluster.

Fields: `time` (RFC 3339, UTC), `severity`, `event` (`started`, `finished`, `failed`, `log`),
`message`, `run`, `component`, `pod`, and fields of the event. Lines that libraries write without
Python's logging are not converted.
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
    """Writes events and the records of Python's logging as JSON lines.

    Args:
        stream: Text stream that receives the lines.
        pod: Name of the pod.
    """

    def __init__(self, stream: TextIO, pod: str = "") -> None:
        self._stream = stream
        self._common: dict[str, str] = {"pod": pod} if pod else {}

    @classmethod
    def begin(cls, stream: TextIO) -> EventLog:
        """Creates a log and redirects the logging of this process to it."""
        log = cls(stream, os.environ.get("KFP_POD_NAME") or os.environ.get("HOSTNAME", ""))
        root = logging.getLogger()
        root.handlers = [_Handler(log)]
        root.setLevel(logging.WARNING)
        PEOPLE.setLevel(logging.INFO)
        logging.captureWarnings(True)
        return log

    def add_fields(self, fields: Mapping[str, str]) -> None:
        """Adds fields to every later line."""
        self._common |= fields

    def write(self, event: str, message: str, *, severity: str = "INFO", **fields: Any) -> None:
        """Writes one event."""
        line = {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "severity": severity,
            "event": event,
            "message": message,
            **self._common,
            **fields,
        }
        self._stream.write(json.dumps(line, default=str) + "\n")
        self._stream.flush()

    def failed(self, error: BaseException) -> None:
        """Logs the error that ended the task: message and traceback."""
        notes = "".join(f" {note}" for note in getattr(error, "__notes__", ()))
        self.write(
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
            self._log.write(
                "log", record.getMessage(), severity=record.levelname, logger=record.name
            )
        except Exception:  # noqa: BLE001 (logging ends no task)
            self.handleError(record)
