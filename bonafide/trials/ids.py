"""Ids of utterances, speakers and attacks: what may be one, and what is made into one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from bonafide.text import shown

_LONGEST = 255  # arrays of ids are as wide as the longest one
_LONGEST_MADE = 200
_PLAIN = re.compile(r"(?!.*\.\.)[^\s/\\]+")


def id_problem(ids: Sequence[str]) -> str | None:
    """Returns why these columns cannot be ids; None if they can."""
    together = "".join(ids)
    if together.isprintable() and len(together) <= _LONGEST:  # As nearly all of them are.
        return None
    for name in ids:
        if not name.isprintable():
            return f"{shown(name)} holds control characters"
        if len(name) > _LONGEST:
            return f"{shown(name)} is longer than {_LONGEST} characters"
    return None


def file_name_problem(name: str) -> str | None:
    """Returns why an id cannot be the name of a file; None if it can."""
    if not name.isprintable():
        return f"{shown(name)} holds control characters"
    if "/" in name or "\\" in name:
        return f"{shown(name)} holds a path separator"
    return f"{shown(name)} holds '..'" if ".." in name else None


def as_id(text: str) -> str:
    """Returns a name as an id: no blanks, no control characters, not too long, a file name.

    Protocols and score files separate their columns by blanks, so `Alec Guinness` is
    `Alec_Guinness`. What is too long keeps its end, after a hash of the whole.
    """
    if _PLAIN.fullmatch(text) and text.isprintable() and len(text) <= _LONGEST_MADE:
        return text
    tidy = re.sub(r"[/\\]", "__", "_".join(printable(text).split()))
    tidy = re.sub(r"\.\.+", lambda dots: "._" * (len(dots.group()) - 1) + ".", tidy)
    if len(tidy) > _LONGEST_MADE:
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
        tidy = f"{digest}~{tidy[13 - _LONGEST_MADE :]}"
    return tidy


def token(name: str) -> str:
    """Returns a name as it stands between blanks: blanks in it become `_`, no name becomes `-`."""
    return "_".join(name.split()) or "-"


def printable(text: str) -> str:
    """Returns text with blanks in place of control characters, without blanks around it."""
    if text.isprintable():
        return text.strip()
    return "".join(char if char.isprintable() else " " for char in text).strip()


def duplicates(ids: Sequence[str]) -> list[tuple[int, int]]:
    """Returns the places of ids that were there before, each after the place of the first one."""
    if len(set(ids)) == len(ids):
        return []
    first: dict[str, int] = {}
    return [
        (other, place)
        for place, name in enumerate(ids)
        if (other := first.setdefault(name, place)) != place
    ]
