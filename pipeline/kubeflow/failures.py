"""Explanations of failed requests to a Kubeflow Pipelines API server, with remedies."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from pipeline.kubeflow.connection import Connection
from pipeline.kubeflow.errors import ClientError, ExistsError, NotFoundError, TemporaryError

LONGEST_MESSAGE = 600  # characters of a server's message; some contain a whole stack of causes


@dataclasses.dataclass(frozen=True)
class Failure:
    """One failed request.

    Attributes:
        message: Problem, place and remedy.
        kind: Exception class to raise.
        again: Whether a retry within seconds may help, if the request may be repeated.
        sent: Whether the server may have acted on the request.
        after: Retry-After of the response in seconds; None without one.
    """

    message: str
    kind: type[ClientError] = ClientError
    again: bool = False
    sent: bool = False
    after: float | None = None


def failure_of(error: Exception, connection: Connection, *, about: str) -> Failure:
    """Explains an exception of the API client.

    Args:
        error: Exception of `kfp_server_api` or urllib3.
        connection: Connection of the request.
        about: Object of the request, such as "run 12ab" or "the new run".
    """
    import urllib3.exceptions as http
    from kfp_server_api.exceptions import ApiException

    if isinstance(error, http.MaxRetryError) and error.reason is not None:
        error = error.reason
    if not isinstance(error, (ApiException, http.HTTPError)) and isinstance(
        error.__context__, ApiException
    ):
        # The client decodes the body of a response before it returns the status, and
        # raises if the body is missing or not UTF-8.
        error = error.__context__
    if isinstance(error, ApiException) and error.status:
        return _answered(error, connection, about)
    if isinstance(error, http.HTTPError):
        return _not_answered(error, connection)
    return Failure(
        f"{connection.host} sent a response that is not of the Kubeflow Pipelines API v2beta1 "
        f"({type(error).__name__}: {_short(str(error))}); check that --host is the API server",
        sent=True,
    )


def _not_answered(error: Exception, connection: Connection) -> Failure:
    """Explains why there was no response."""
    import urllib3.exceptions as http

    host = connection.host
    if isinstance(error, http.NameResolutionError):
        # A retry does not help a misspelt name.
        return Failure(
            f"{host}: the name cannot be resolved; check --host, and that this machine is in the "
            "cluster's network or VPN",
            TemporaryError,
        )
    # Before the timeout class, from which some versions of urllib3 derive this one.
    if isinstance(error, http.NewConnectionError):
        return Failure(
            f"{host}: no connection ({_cause(error)}); check --host, that the API server is up "
            "or that its port is forwarded (kubectl port-forward)",
            TemporaryError,
            again=True,
        )
    if isinstance(error, http.ConnectTimeoutError):
        return Failure(
            f"{host}: no connection within {connection.connect_seconds:g} s; check the port, and "
            "that no firewall blocks it",
            TemporaryError,
            again=True,
        )
    if isinstance(error, http.SSLError):
        return Failure(
            f"{host}: TLS failed ({_short(str(error))}); if the certificate is from a private "
            "authority, set SSL_CERT_FILE to the authority's file; if the server does not use TLS, "
            "write http://"
        )
    if isinstance(error, http.ReadTimeoutError):
        return Failure(
            f"{host}: no response within {connection.read_seconds:g} s; the server is overloaded "
            "or blocked; try again later",
            TemporaryError,
            again=True,
            sent=True,
        )
    return Failure(
        f"{host}: the connection was closed ({_short(str(error))}); try again",
        TemporaryError,
        again=True,
        sent=True,
    )


def _answered(error: Any, connection: Connection, about: str) -> Failure:
    """Explains an error response by its status."""
    status, host, token = error.status, connection.host, connection.token
    if 300 <= status < 400:
        return Failure(
            f"{host} redirects this request to {_header(error, 'location') or 'no address'}; "
            + LOGIN.format(token=token.described())
        )
    message = server_message(error.body)
    detail = f": {message}" if message else ""
    if status == 400:
        hint = (
            "; name the namespace with --namespace or KFP_NAMESPACE"
            if "namespace" in message.lower() and not connection.namespace
            else ""
        )
        return Failure(f"{host} refused the request (400){detail}{hint}")
    if status == 401:
        return Failure(f"{host} did not accept the credentials (401){detail}; {token.advice()}")
    if status == 403:
        where = f" in namespace {connection.namespace}" if connection.namespace else ""
        return Failure(
            f"{host} denied this request{where} (403){detail}; {token.advice()}, and that its "
            "owner has the permission"
        )
    if status == 404:
        return Failure(
            f"{host}: {about}: not found (404){detail}; check the name or id, and that --host is "
            "the API server (behind a Kubeflow dashboard it ends with /pipeline)",
            NotFoundError,
        )
    if status == 409:
        return Failure(f"{host}: {about}: it exists already (409){detail}", ExistsError)
    if status == 429 or status >= 500:
        what = "limits the request rate" if status == 429 else "failed"
        return Failure(
            f"{host} {what} ({status}){detail}; try again later, and see the log of the API server "
            "(deployment ml-pipeline)",
            TemporaryError,
            again=status in (429, 500, 502, 503, 504),
            # 429 and 503 mean that the request was rejected before it had an effect.
            sent=status not in (429, 503),
            after=_seconds(_header(error, "retry-after")),
        )
    return Failure(f"{host}: {about}: unexpected status {status}{detail}")


LOGIN = (
    "this is most likely the login page in front of the API server, which requires a valid token "
    "({token}); or --host is the dashboard and not the API server (behind a Kubeflow "
    "dashboard it ends with /pipeline)"
)


def not_json(connection: Connection, data: str) -> Failure | None:
    """Explains an invalid body of a successful response; None if it is a JSON object.

    The API client converts a login page to an empty object.
    """
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if isinstance(value, dict):
        return None
    if data.lstrip()[:1] == "<":
        return Failure(
            f"{connection.host} answered with a web page; "
            + LOGIN.format(token=connection.token.described())
        )
    return Failure(
        f"{connection.host}: expected a JSON object, got {_short(data)!r}; check that --host is "
        "the API server",
        sent=True,
    )


def server_message(body: str | bytes | None) -> str:
    """Returns the message in the body of an API error, or the start of another body."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
    try:
        value = json.loads(text)
    except ValueError:
        return "" if text.lstrip()[:1] == "<" else _short(text)
    if isinstance(value, dict):
        text = str(value.get("message") or value.get("error") or "")
    return _short(text)


def _header(error: Any, name: str) -> str:
    return str((error.headers or {}).get(name) or "")


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() else None


def _cause(error: Exception) -> str:
    """Returns the operating system's message without urllib3's prefix."""
    return str(error).rpartition("] ")[2] or str(error)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 4] + " ..."
