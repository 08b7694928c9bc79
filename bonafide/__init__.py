"""Bonafide, a library that detects synthetic speech.

Importing it imports no framework: TensorFlow, Beam and TFX are loaded by what needs them.
`bonafide.Client` and `bonafide.AsyncClient` are clients of `bonafide serve`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bonafide.client import AsyncClient as AsyncClient
    from bonafide.client import Client as Client

_CLIENTS = ("ApiError", "AsyncClient", "Client")


def __getattr__(name: str) -> Any:
    """Imports the clients, and httpx with them, when they are used."""
    if name in _CLIENTS:
        from bonafide import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
