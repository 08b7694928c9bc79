"""Ids of utterances, speakers and attacks: validation and conversion."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from bonafide.text import shown

_LONGEST = 255  # arrays of ids are as wide as the longest id
_LONGEST_MADE = 200
_PLAIN = re.compile(r"(?!.*\.\.)[^\s/\\]+")


def id_problem(ids: Sequence[str]) -> str | None:
    """Returns why these columns cannot be ids; None if they can."""
    together = "".join(ids)
    if together.isprintable() and len(together) <= _LONGEST:  # The usual case.
        return None
    for name in ids:
        if not name.isprintable():
            return f"{shown(name)} contains control characters"
        if len(name) > _LONGEST:
            return f"{shown(name)} is longer than {_LONGEST} characters"
    return None


def file_name_problem(name: str) -> str | None:
    """Returns why an id cannot be the name of a file; None if it can."""
    if not name.isprintable():
        return f"{shown(name)} contains control characters"
    if "/" in name or "\\" in name:
        return f"{shown(name)} contains a path separator"
    return f"{shown(name)} contains '..'" if ".." in name else None


def as_id(text: str) -> str:
    """Converts a name to an id: without spaces and control characters, valid as a file name.

    Protocols and score files separate columns by spaces, so `Alec Guinness` becomes
    `Alec_Guinness`. A name that is too long becomes a hash and its end.
    """
    plain = text.replace("/", "__")
    if _PLAIN.fullmatch(plain) and plain.isprintable() and len(plain) <= _LONGEST_MADE:
        return plain
    tidy = re.sub(r"[/\\]", "__", "_".join(printable(text).split()))
    tidy = re.sub(r"\.\.+", lambda dots: "._" * (len(dots.group()) - 1) + ".", tidy)
    if len(tidy) > _LONGEST_MADE:
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
        tidy = f"{digest}~{tidy[13 - _LONGEST_MADE :]}"
    return tidy


def token(name: str) -> str:
    """Returns a name for a column: spaces become `_`, an empty name becomes `-`."""
    return "_".join(name.split()) or "-"


def printable(text: str) -> str:
    """Replaces control characters by spaces and strips the text."""
    if text.isprintable():
        return text.strip()
    return "".join(char if char.isprintable() else " " for char in text).strip()


def duplicates(ids: Sequence[str]) -> list[tuple[int, int]]:
    """Returns pairs of indices of equal ids: the first occurrence and a later one."""
    if len(set(ids)) == len(ids):
        return []
    first: dict[str, int] = {}
    return [
        (other, place)
        for place, name in enumerate(ids)
        if (other := first.setdefault(name, place)) != place
    ]
