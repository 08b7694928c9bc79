"""Which API server, as whom and in which namespace: from the command line and the environment."""

from __future__ import annotations

import dataclasses
import pathlib
import urllib.parse
from collections.abc import Mapping

from pipeline.kubeflow.errors import ClientError, UsageError

# What Kubernetes and Kubeflow mount into a pod.
NAMESPACE_FILE = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
TOKEN_FILE = pathlib.Path("/var/run/secrets/kubeflow/pipelines/token")


@dataclasses.dataclass(frozen=True)
class Token:
    """Where the bearer token comes from; the token itself is read when a request is made.

    Attributes:
        source: For people, as "the environment variable KFP_TOKEN"; empty if there is no token.
        path: File that it is in.
        value: The token, if it is not in a file. Never shown.
    """

    source: str = ""
    path: pathlib.Path | None = None
    value: str = dataclasses.field(default="", repr=False)

    def read(self) -> str:
        """Returns the token; a mounted one is renewed now and then, so it is read each time.

        Raises:
            ClientError: If it cannot be read, is empty, or cannot be sent in a header.
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
            raise ClientError(f"there is no token in {self.source}: it is empty")
        if not (text.isascii() and text.isprintable() and " " not in text):
            raise ClientError(f"what is in {self.source} is not a bearer token")
        return text

    def described(self) -> str:
        """Where the token came from, for a message."""
        return f"the token came from {self.source}" if self.source else "no token was sent"

    def advice(self) -> str:
        """What to do when the token is not accepted."""
        if self.source:
            return f"the token came from {self.source}: check that it has not expired"
        return "no token was sent: give one in KFP_TOKEN, or a file's name in KFP_TOKEN_FILE"


@dataclasses.dataclass(frozen=True)
class Connection:
    """An API server and how to speak to it.

    Attributes:
        host: Base URL, without a slash at its end.
        namespace: Of a multi-user installation; empty leaves it to the server.
        token: Whom to ask as.
        ca_file: Certificates of the authorities to trust; empty takes those of certifi.
        connect_seconds: Longest time for a connection to be made.
        read_seconds: Longest time without a byte of the answer.
    """

    host: str
    namespace: str = ""
    token: Token = Token()
    ca_file: str = ""
    connect_seconds: float = 10.0
    read_seconds: float = 60.0


def connection_from(host: str, namespace: str, environ: Mapping[str, str]) -> Connection:
    """Puts together what is needed to speak to an API server.

    Args:
        host: Of the command line; empty takes `KFP_HOST`.
        namespace: Of the command line; empty takes `KFP_NAMESPACE`, or in a pod that of the pod.
        environ: The environment. There is no option for a token: a command line can be read by
            everyone on the machine and stays in the shell's history.

    Raises:
        UsageError: If there is no host, or something in it is not usable.
    """
    source = "--host" if host else "KFP_HOST"
    host = host or environ.get("KFP_HOST", "")
    if not host:
        raise UsageError(
            "no API server: give --host URL or set KFP_HOST, for example to http://localhost:8080 "
            "after kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80"
        )
    ca_file = environ.get("SSL_CERT_FILE", "")
    if ca_file and not pathlib.Path(ca_file).is_file():
        raise UsageError(f"SSL_CERT_FILE names {ca_file}, which is no file")
    return Connection(
        host=_checked_host(host, source),
        namespace=namespace or environ.get("KFP_NAMESPACE", "") or _pod_namespace(),
        token=_token(environ),
        ca_file=ca_file,
    )


def _checked_host(host: str, source: str) -> str:
    """Returns the base URL without a slash at its end.

    Raises:
        UsageError: If it is none.
    """
    try:
        parts = urllib.parse.urlsplit(host)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise UsageError(f"{source} is not a URL") from None
    if parts.username or parts.password:
        # Not repeated: messages end up in logs.
        raise UsageError(f"{source} holds a user or password; only tokens are used, see KFP_TOKEN")
    if parts.scheme not in ("http", "https") or not usable:
        raise UsageError(f"{source} {host}: begin it with https:// or http://, and name a host")
    if parts.query or parts.fragment:
        raise UsageError(
            f"{source} {host}: this is the address of a page; give only what is before '/#/', as "
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
