"""What a failed request to a Kubeflow Pipelines API server means, and what to do about it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from pipeline.kubeflow.connection import Connection
from pipeline.kubeflow.errors import ClientError, ExistsError, NotFoundError, TemporaryError

LONGEST_MESSAGE = 600  # characters of a server's message; some carry a whole stack of causes


@dataclasses.dataclass(frozen=True)
class Failure:
    """One failed request.

    Attributes:
        message: What happened, where, and what to do.
        kind: The exception for it.
        again: Whether to try again within seconds, provided that the request may be repeated.
        sent: Whether the server may have acted on the request.
        after: Seconds that the server asked to wait for; None if it did not.
    """

    message: str
    kind: type[ClientError] = ClientError
    again: bool = False
    sent: bool = False
    after: float | None = None


def failure_of(error: Exception, connection: Connection, *, about: str) -> Failure:
    """Explains what the API client raised.

    Args:
        error: Of `kfp_server_api` or of urllib3.
        connection: Where the request went.
        about: What was asked for, as "run 12ab" or "the new run".
    """
    import urllib3.exceptions as http
    from kfp_server_api.exceptions import ApiException

    if isinstance(error, http.MaxRetryError) and error.reason is not None:
        error = error.reason
    if not isinstance(error, (ApiException, http.HTTPError)) and isinstance(
        error.__context__, ApiException
    ):
        # The client decodes the body of an answer before it hands on the answer's status, and
        # stumbles where there is none or it is not UTF-8.
        error = error.__context__
    if isinstance(error, ApiException) and error.status:
        return _answered(error, connection, about)
    if isinstance(error, http.HTTPError):
        return _not_answered(error, connection)
    return Failure(
        f"{connection.host} answered something that is not of the Kubeflow Pipelines API v2beta1 "
        f"({type(error).__name__}: {_short(str(error))}); is that the API server?",
        sent=True,
    )


def _not_answered(error: Exception, connection: Connection) -> Failure:
    """Explains why there is no answer at all."""
    import urllib3.exceptions as http

    host = connection.host
    if isinstance(error, http.NameResolutionError):
        # Nothing changes within seconds for a name that is misspelt.
        return Failure(
            f"{host}: the name does not resolve; check --host, and that this machine is in the "
            "cluster's network or VPN",
            TemporaryError,
        )
    # Before the class of those that take too long, of which some versions of urllib3 derive it.
    if isinstance(error, http.NewConnectionError):
        return Failure(
            f"{host}: no connection ({_cause(error)}); check --host, and that the API server runs "
            "or that its port is forwarded (kubectl port-forward)",
            TemporaryError,
            again=True,
        )
    if isinstance(error, http.ConnectTimeoutError):
        return Failure(
            f"{host}: no connection within {connection.connect_seconds:g} s; check the port, and "
            "that no firewall is between",
            TemporaryError,
            again=True,
        )
    if isinstance(error, http.SSLError):
        return Failure(
            f"{host}: no secure connection ({_short(str(error))}); if the server has a certificate "
            "of your own authority, name that authority's file in SSL_CERT_FILE; if it speaks no "
            "TLS, write http://"
        )
    if isinstance(error, http.ReadTimeoutError):
        return Failure(
            f"{host}: no answer within {connection.read_seconds:g} s; the server is overloaded or "
            "hangs, try again later",
            TemporaryError,
            again=True,
            sent=True,
        )
    return Failure(
        f"{host}: the connection broke off ({_short(str(error))}); try again",
        TemporaryError,
        again=True,
        sent=True,
    )


def _answered(error: Any, connection: Connection, about: str) -> Failure:
    """Explains an answer that is an error by its status."""
    status, host, token = error.status, connection.host, connection.token
    if 300 <= status < 400:
        return Failure(
            f"{host} sends this request elsewhere, to {_header(error, 'location') or 'nowhere'}; "
            + LOGIN.format(token=token.described())
        )
    message = server_message(error.body)
    said = f": {message}" if message else ""
    if status == 400:
        hint = (
            "; name the namespace with --namespace or KFP_NAMESPACE"
            if "namespace" in message.lower() and not connection.namespace
            else ""
        )
        return Failure(f"{host} refused the request (400){said}{hint}")
    if status == 401:
        return Failure(f"{host} did not accept who is asking (401){said}; {token.advice()}")
    if status == 403:
        where = f" in namespace {connection.namespace}" if connection.namespace else ""
        return Failure(
            f"{host} does not allow this{where} (403){said}; {token.advice()}, and that its owner "
            "has the right"
        )
    if status == 404:
        return Failure(
            f"{host}: {about}: not found (404){said}; check the name or id, and that --host is the "
            "API server (behind a Kubeflow dashboard it ends with /pipeline)",
            NotFoundError,
        )
    if status == 409:
        return Failure(f"{host}: {about}: there is one already (409){said}", ExistsError)
    if status == 429 or status >= 500:
        what = "is asked too much" if status == 429 else "failed"
        return Failure(
            f"{host} {what} ({status}){said}; try again later, and see the log of the API server "
            "(deployment ml-pipeline)",
            TemporaryError,
            again=status in (429, 500, 502, 503, 504),
            # 429 and 503 say that the request was turned away before anything was done.
            sent=status not in (429, 503),
            after=_seconds(_header(error, "retry-after")),
        )
    return Failure(f"{host}: {about}: answered with {status}{said}")


LOGIN = (
    "this is most likely the login page in front of the API server, which wants a token that it "
    "knows ({token}); or --host is the dashboard and not the API server (behind a Kubeflow "
    "dashboard it ends with /pipeline)"
)


def not_json(connection: Connection, data: str) -> Failure | None:
    """What is wrong with the body of a successful answer; None if it is a JSON object.

    The API client itself makes an empty object of a login page.
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
        f"{connection.host} answered {_short(data)!r} and not a JSON object; is that the API "
        "server?",
        sent=True,
    )


def server_message(body: str | bytes | None) -> str:
    """The message in the body of an error of the API server; of anything else, its beginning."""
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
    """The operating system's words, without urllib3's around them."""
    return str(error).rpartition("] ")[2] or str(error)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 4] + " ..."
