"""The one form of errors: what is wrong, where, and what to do."""

from __future__ import annotations

import math
from typing import Any


class ServiceError(Exception):
    """A request that is not answered with scores.

    Args:
        status: HTTP status.
        code: Stable name of the error, for programs.
        message: What is wrong.
        where: The part of the request, such as `header Host`; empty if it is not one part.
        remedy: What to do.
        retry_after_seconds: When to send the request again; None if that does not help.

    Attributes:
        headers: HTTP headers that belong to the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        where: str = "",
        remedy: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.where, self.remedy = where, remedy
        self.headers: dict[str, str] = {}
        if retry_after_seconds is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after_seconds)))
        if status == 401:
            self.headers["WWW-Authenticate"] = "Bearer"

    def to_json(self, request_id: str) -> dict[str, Any]:
        """Returns the body of the answer."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "where": self.where,
                "remedy": self.remedy,
                "request_id": request_id,
            }
        }


def too_large(max_bytes: int) -> ServiceError:
    """Returns the error for a body above the limit."""
    return ServiceError(
        413,
        "too_large",
        f"larger than {max_bytes // 1024**2} MiB",
        where="body",
        remedy="Send fewer recordings in a request, or send a compressed format (Opus, FLAC).",
    )


def busy(what: str, seconds: float) -> ServiceError:
    """Returns the error for a request that the service has no room for."""
    return ServiceError(
        429,
        "busy",
        what,
        remedy=f"Send the request again after {math.ceil(seconds)} s (header Retry-After).",
        retry_after_seconds=seconds,
    )


def upload_too_slow(seconds: float) -> ServiceError:
    """Returns the error for a body that does not arrive."""
    return ServiceError(
        408,
        "upload_too_slow",
        "the upload took too long",
        where="body",
        remedy=f"Send the whole body within {seconds:g} s; compress the recording first.",
    )


def overtime(seconds: float) -> ServiceError:
    """Returns the error for a request that takes longer than is allowed."""
    return ServiceError(
        503,
        "overtime",
        f"scoring took longer than {seconds:g} s",
        remedy="Send the request again later, or send a shorter recording.",
        retry_after_seconds=10,
    )


def not_ready() -> ServiceError:
    """Returns the error of a service that is starting or stopping."""
    return ServiceError(
        503,
        "not_ready",
        "the service is starting or stopping",
        remedy="Send the request again later, or to another instance.",
        retry_after_seconds=5,
    )


def internal() -> ServiceError:
    """Returns the error for a defect of the service; details are in its log only."""
    return ServiceError(
        500,
        "internal",
        "the service failed",
        remedy="Report the request id; the log of the service has the cause.",
    )
