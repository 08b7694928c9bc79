"""Bearer tokens: read, compared in constant time, limited one by one."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bonafide.scoring.service.errors import ServiceError, busy
from bonafide.scoring.service.settings import Key

VARIABLE = "BONAFIDE_TOKENS"
MIN_TOKEN = 16
_NAME_LENGTH = 64


class KeysError(Exception):
    """Keys cannot be read; the message states the line and the remedy."""


def read_keys(path: str | None, environment: str | None) -> tuple[Key, ...]:
    """Returns the keys of a file and of the environment variable.

    Each line is `NAME TOKEN [requests_per_minute=N] [concurrent=N]`; empty lines and lines that
    begin with `#` are skipped. In the variable, `;` may stand for the end of a line.

    Raises:
        KeysError: The file cannot be read, or a line is wrong.
    """
    keys: list[Key] = []
    if path is not None:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise KeysError(f"--tokens {path} cannot be read: {reason}") from error
        keys += _parsed(text, path)
        if not keys:
            raise KeysError(f"expected a line `NAME TOKEN` in {path}, got none. Add one.")
    if environment:
        keys += _parsed(environment.replace(";", "\n"), VARIABLE)
    for attribute in ("name", "digest"):
        values = [getattr(key, attribute) for key in keys]
        if len(set(values)) < len(values):
            raise KeysError(f"expected each {attribute} once among the keys. Remove the second.")
    return tuple(keys)


def _parsed(text: str, where: str) -> Iterator[Key]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.strip().startswith("#"):
            try:
                yield _key(*line.split())
            except (TypeError, ValueError) as error:
                # The line itself holds a token, so it is not shown.
                raise KeysError(
                    "expected `NAME TOKEN [requests_per_minute=N] [concurrent=N]` with a token of "
                    f"at least {MIN_TOKEN} characters ({where}:{number}). Make one: "
                    "python3 -c 'import secrets; print(secrets.token_urlsafe())'"
                ) from error


def _key(name: str, token: str, *limits: str) -> Key:
    if len(token) < MIN_TOKEN or len(name) > _NAME_LENGTH or not name.isprintable():
        raise ValueError
    given = dict(limit.split("=") for limit in limits)
    rate, concurrent = given.pop("requests_per_minute", None), given.pop("concurrent", None)
    key = Key(
        name,
        hashlib.sha256(token.encode()).digest(),
        None if rate is None else float(rate),
        None if concurrent is None else int(concurrent),
    )
    if given or not all(
        limit is None or limit > 0 for limit in (key.requests_per_minute, key.concurrent)
    ):
        raise ValueError
    return key


class Keyring:
    """Finds the key of a request, and counts the requests of each.

    Args:
        keys: The keys; empty: any request is accepted.
        clock: In seconds.
    """

    def __init__(self, keys: Sequence[Key], clock: Callable[[], float] = time.monotonic) -> None:
        self._uses = [Use(key, clock) for key in keys]

    def find(self, authorization: str | None) -> Use | None:
        """Returns the key of a request; None where no key is needed.

        Raises:
            ServiceError: There is no such key.
        """
        if not self._uses:
            return None
        scheme, _, token = (authorization or "").partition(" ")
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
        # All are compared, whichever is equal: the time says nothing of the keys.
        equal = [use for use in self._uses if hmac.compare_digest(use.key.digest, digest)]
        if not equal or scheme.lower() != "bearer":
            raise ServiceError(
                401,
                "unauthorized",
                "no known token" if authorization else "a token is needed",
                where="header Authorization",
                remedy="Send `Authorization: Bearer TOKEN` with a token of the service.",
            )
        return equal[0]


class Use:
    """A key and what its client uses at the moment.

    Args:
        key: The key.
        clock: In seconds.
    """

    def __init__(self, key: Key, clock: Callable[[], float]) -> None:
        self.key, self._clock = key, clock
        self._left = self._most = key.requests_per_minute or 0.0
        self._last = clock()
        self._running = 0

    def enter(self) -> None:
        """Counts a request that begins.

        Raises:
            ServiceError: The key's limit is reached.
        """
        rate, concurrent = self.key.requests_per_minute, self.key.concurrent
        if concurrent is not None and self._running >= concurrent:
            raise busy(f"this key may have {concurrent} requests at once", 1)
        if rate is not None:
            now = self._clock()
            self._left = min(max(1.0, self._most), self._left + (now - self._last) * rate / 60)
            self._last = now
            if self._left < 1:
                seconds = (1 - self._left) * 60 / rate
                raise busy(f"this key may send {rate:g} requests per minute", seconds)
            self._left -= 1
        self._running += 1

    def leave(self) -> None:
        """Counts a request that has ended."""
        self._running -= 1
