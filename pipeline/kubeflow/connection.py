"""Address, credentials and namespace of an API server, from command line and environment."""

from __future__ import annotations

import dataclasses
import pathlib
import urllib.parse
from collections.abc import Mapping

from pipeline.kubeflow.errors import ClientError, UsageError

# Files that Kubernetes and Kubeflow mount into a pod.
NAMESPACE_FILE = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
TOKEN_FILE = pathlib.Path("/var/run/secrets/kubeflow/pipelines/token")


@dataclasses.dataclass(frozen=True)
class Token:
    """Source of the bearer token; the token is read for each request.

    Attributes:
        source: Description, such as "the environment variable KFP_TOKEN"; empty without a token.
        path: File with the token.
        value: The token, if it is not in a file. Never printed.
    """

    source: str = ""
    path: pathlib.Path | None = None
    value: str = dataclasses.field(default="", repr=False)

    def read(self) -> str:
        """Returns the token; reads the file each time, because mounted tokens are renewed.

        Raises:
            ClientError: The token cannot be read, is empty, or cannot be sent in a header.
        """
        if self.path is None:
            text = self.value
        else:
            try:
                text = self.path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "not a text file"
                raise ClientError(f"cannot read the token in {self.source}: {reason}") from None
        text = text.strip()
        if not text:
            raise ClientError(f"expected a token in {self.source}, got an empty value")
        if not (text.isascii() and text.isprintable() and " " not in text):
            raise ClientError(f"expected a bearer token in {self.source}, got other text")
        return text

    def described(self) -> str:
        """Returns the origin of the token, for a message."""
        return f"the token came from {self.source}" if self.source else "no token was sent"

    def advice(self) -> str:
        """Returns the advice for a rejected token."""
        if self.source:
            return f"the token came from {self.source}: check that it has not expired"
        return "no token was sent: give one in KFP_TOKEN, or the name of a file in KFP_TOKEN_FILE"


@dataclasses.dataclass(frozen=True)
class Connection:
    """An API server with credentials and timeouts.

    Attributes:
        host: Base URL without a trailing slash.
        namespace: Namespace on a multi-user installation; empty: the server's default.
        token: Source of the bearer token.
        ca_file: File with the trusted certificate authorities; empty: those of certifi.
        connect_seconds: Timeout for establishing a connection.
        read_seconds: Timeout between two bytes of the response.
    """

    host: str
    namespace: str = ""
    token: Token = Token()
    ca_file: str = ""
    connect_seconds: float = 10.0
    read_seconds: float = 60.0


def connection_from(host: str, namespace: str, environ: Mapping[str, str]) -> Connection:
    """Returns the connection that options and environment variables define.

    Args:
        host: Option of the command line; empty: `KFP_HOST`.
        namespace: Option of the command line; empty: `KFP_NAMESPACE`, or the pod's namespace.
        environ: Environment variables. There is no option for a token: a command line is visible
            to everyone on the machine and remains in the shell's history.

    Raises:
        UsageError: No host is given, or a value is invalid.
    """
    source = "--host" if host else "KFP_HOST"
    host = host or environ.get("KFP_HOST", "")
    if not host:
        raise UsageError(
            "no API server is set: give --host URL or set KFP_HOST, for example to "
            "http://localhost:8080 after "
            "kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80"
        )
    ca_file = environ.get("SSL_CERT_FILE", "")
    if ca_file and not pathlib.Path(ca_file).is_file():
        raise UsageError(f"SSL_CERT_FILE: expected a file, got {ca_file}")
    return Connection(
        host=_checked_host(host, source),
        namespace=namespace or environ.get("KFP_NAMESPACE", "") or _pod_namespace(),
        token=_token(environ),
        ca_file=ca_file,
    )


def _checked_host(host: str, source: str) -> str:
    """Returns the base URL without a trailing slash.

    Raises:
        UsageError: The text is not a base URL.
    """
    try:
        parts = urllib.parse.urlsplit(host)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise UsageError(f"{source}: expected a URL") from None
    if parts.username or parts.password:
        # The value is not repeated, because messages end up in logs.
        raise UsageError(
            f"{source} contains a user name or password; only tokens are supported, see KFP_TOKEN"
        )
    if parts.scheme not in ("http", "https") or not usable:
        raise UsageError(
            f"{source}: expected a URL with http:// or https:// and a host, got {host}"
        )
    if parts.query or parts.fragment:
        raise UsageError(
            f"{source} {host}: this is the address of a page; give only the part before '/#/', as "
            "https://kubeflow.example.org/pipeline"
        )
    return host.rstrip("/")


def _pod_namespace() -> str:
    try:
        return NAMESPACE_FILE.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _token(environ: Mapping[str, str]) -> Token:
    if value := environ.get("KFP_TOKEN"):
        return Token("the environment variable KFP_TOKEN", value=value)
    # The second name is that of the KFP SDK.
    for name in ("KFP_TOKEN_FILE", "KF_PIPELINES_SA_TOKEN_PATH"):
        if path := environ.get(name):
            return Token(f"the file {path} ({name})", path=pathlib.Path(path))
    if TOKEN_FILE.is_file():
        return Token(f"the service account's {TOKEN_FILE}", path=TOKEN_FILE)
    return Token()
