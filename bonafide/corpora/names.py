"""Names of files and ids: what may be one, and what is made into one."""

import hashlib
import re

_LONGEST_ID = 200
_PLAIN_ID = re.compile(r"(?!.*\.\.)[^\s/\\]+")


def id_problem(utterance_id: str) -> str | None:
    """Why an utterance id cannot be used as a file name; None if it can."""
    if not utterance_id.isprintable():
        return "holds control characters"
    if "/" in utterance_id or "\\" in utterance_id:
        return "holds a path separator"
    if ".." in utterance_id:
        return "holds '..'"
    return None


def as_id(text: str) -> str:
    """Turns a name into one that can be an id: no blanks, no control characters, not too long.

    Protocols and score files separate their columns by blanks, so `Alec Guinness` is
    `Alec_Guinness`. What is too long keeps its end, after a hash of the whole.
    """
    if _PLAIN_ID.fullmatch(text) and text.isprintable() and len(text) <= _LONGEST_ID:
        return text
    tidy = re.sub(r"[/\\]", "__", re.sub(r"\s+", "_", printable(text)))
    tidy = re.sub(r"\.\.+", lambda dots: "._" * (len(dots.group()) - 1) + ".", tidy)
    if len(tidy) > _LONGEST_ID:
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
        tidy = f"{digest}~{tidy[13 - _LONGEST_ID :]}"
    return tidy


def printable(text: str) -> str:
    """The text with blanks in place of characters that cannot be shown, without blanks around."""
    if text.isprintable():
        return text.strip()
    return "".join(char if char.isprintable() else " " for char in text).strip()
