"""Exceptions of the commands that use a Kubeflow Pipelines API server.

`failures` writes the messages of failed requests.
"""

from __future__ import annotations


class UsageError(RuntimeError):
    """The command line, the environment or the pipeline file is incomplete or invalid."""


class ClientError(RuntimeError):
    """A request failed; the message states the problem, the place and the remedy."""


class TemporaryError(ClientError):
    """The same request may succeed later."""


class NotFoundError(ClientError):
    """The server answered 404."""


class ExistsError(ClientError):
    """The server answered 409."""
