r"""Text in the cells of CSV and TSV files: safe to open in a spreadsheet or on a terminal.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula, and a terminal obeys
control characters. Names of files may hold both. The escapes are reversible:
`original(safe(text))` is the text.

- Characters that are not visible (Unicode Cc, Cf, Cs, Zl, Zp: control characters, line breaks,
  changes of direction) become `\uNNNN` or `\UNNNNNNNN`.
- A backslash before `u`, `U`, a backslash or such a character becomes two.
- A cell that then begins with `=`, `+`, `-`, `@`, a full-width form of them, or `'` gets a `'` in
  front, which spreadsheets take for "this is text".
"""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
# The last four are the full-width forms, which some spreadsheets read alike.
_FORMULA = ("=", "+", "-", "@", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_ESCAPE = re.compile(r"\\(?:(\\)|u([0-9a-f]{4})|U([0-9a-f]{8}))")


def is_unseen(letter: str) -> bool:
    """Returns whether a character is a control character or changes how others are shown."""
    return unicodedata.category(letter) in _UNSEEN


def safe(text: str) -> str:
    """Returns a text as it stands in a cell."""
    if not text.isprintable() or "\\" in text:
        text = "".join(_escaped(text, place) for place in range(len(text)))
    # `-` alone, standard input, is no formula.
    return f"'{text}" if text.startswith(_FORMULA) and text != "-" else text


def original(cell: str) -> str:
    """Returns the text of a cell; the inverse of `safe`."""
    return _ESCAPE.sub(_unescaped, cell.removeprefix("'"))


def _escaped(text: str, place: int) -> str:
    letter = text[place]
    if is_unseen(letter):
        code = ord(letter)
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    following = text[place + 1 : place + 2]
    is_ambiguous = following in ("u", "U", "\\") or (following and is_unseen(following))
    return "\\\\" if letter == "\\" and following and is_ambiguous else letter


def _unescaped(found: re.Match[str]) -> str:
    return "\\" if found[1] else chr(int(found[2] or found[3], 16))
