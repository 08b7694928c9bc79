"""Exceptions of the commands that talk to a Kubeflow Pipelines API server.

Their messages are for people; `failures` words those of failed requests.
"""

from __future__ import annotations


class UsageError(RuntimeError):
    """The command line, the environment or the pipeline file does not say what is needed."""


class ClientError(RuntimeError):
    """A request did not do what it should; the message says what, where and what to do."""


class TemporaryError(ClientError):
    """The same request may well succeed later."""


class NotFoundError(ClientError):
    """The server answered 404."""


class ExistsError(ClientError):
    """The server answered 409."""
