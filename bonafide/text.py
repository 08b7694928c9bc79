"""Figures as text: digits, units, and text for missing figures.

Every displayed figure is formatted here, so page and model card round equally. The exact
values are beside the text, as `data-value` and as JSON.
"""

from __future__ import annotations

import datetime
import math
import unicodedata
from collections.abc import Iterable, Sequence

NOT_KNOWN = "not known"
_SHOWN_CHARACTERS = 200
_SPACE = "\u00a0"  # no line break between a number and its unit
_MINUS = "\u2212"
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)  # independent of the locale
_LISTED = 30  # maximum number of listed names
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_DECIMALS = {"rate": 2, "points": 2, "cost": 4, "bits": 3, "share": 4}
_SUFFIX = {"rate": f"{_SPACE}%"}


def figure(value: float | None, unit: str) -> str:
    """Returns a figure as text.

    Args:
        value: Rates and points are fractions here; None gives `not known`.
        unit: `rate` (shown in %), `points` (a difference of rates, shown in percentage points),
            `cost`, `bits` or `share` (a plain fraction).
    """
    if value is None:
        return NOT_KNOWN
    if unit == "rate" and value == 1:
        return f"100{_SPACE}%"  # as exact as 0 %
    return _number(_scaled(value, unit), _DECIMALS[unit]) + _SUFFIX.get(unit, "")


def difference(value: float | None, unit: str) -> str:
    """Returns a difference with its sign, in the units of `figure`."""
    if value is None:
        return NOT_KNOWN
    unit = "points" if unit == "rate" else unit
    return _signed(_scaled(value, unit), _DECIMALS[unit])


def interval(ends: tuple[float, float] | None, unit: str) -> str:
    """Returns `0.79 to 1.58 %`, or `none` if there is no interval."""
    if ends is None:
        return "none"
    low, high = (_number(_scaled(end, unit), _DECIMALS[unit]) for end in ends)
    return f"{low} to {high}{_SUFFIX.get(unit, '')}"


def difference_interval(ends: tuple[float, float] | None, unit: str) -> str:
    """Returns an interval of differences, both ends with their sign."""
    if ends is None:
        return "none"
    return " to ".join(difference(end, unit) for end in ends)


def rate(value: float | None) -> str:
    """Returns a fraction in per cent."""
    return figure(value, "rate")


def count(value: int | None) -> str:
    """Returns a whole number with commas between thousands."""
    return NOT_KNOWN if value is None else f"{value:,}"


def plural(number: int, noun: str) -> str:
    """Returns `1 speaker`, `67 speakers`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Returns the first names and the number of further ones: `a, b and 1,001 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def shown(text: str) -> str:
    """Returns text for a message: quoted, with escaped control characters, at most 200 long."""
    return repr(text) if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]!r} ..."


def score(value: float) -> str:
    """Returns a score or a threshold of any magnitude."""
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-3:
        return f"{value:.3g}".replace("-", _MINUS)
    return f"{value:,.{3 if size < 1e4 else 0}f}".replace("-", _MINUS)


def edge(value: float) -> str:
    """Returns the edge of a bin, a round number."""
    return f"{value:,.10g}".replace("-", _MINUS)


def loss(value: float | None) -> str:
    """Returns a loss of the training; NaN, None and infinity are shown as not known."""
    return f"{value:.4g}" if value is not None and math.isfinite(value) else NOT_KNOWN


def p_value(value: float | None) -> str:
    """Returns `p = 0.37`; empty without a value."""
    if value is None:
        return ""
    return f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def whole_rate(value: float) -> str:
    """Returns a fraction in whole per cent, for estimates."""
    return f"{100 * value:.0f}{_SPACE}%"


def short_rate(value: float) -> str:
    """Returns a chosen fraction in per cent, as it was given: `5 %`, `0.25 %`."""
    return f"{100 * value:.6g}{_SPACE}%"


def date(iso: str) -> str:
    """Returns `24 November 2025, 20:31 UTC`; other text than ISO 8601 is unchanged."""
    try:
        when = datetime.datetime.fromisoformat(iso)
    except ValueError:
        return iso
    day = f"{when.day} {_MONTHS[when.month - 1]} {when.year}"
    if "T" not in iso and " " not in iso:
        return day
    zone = f" {when.tzname()}" if when.tzinfo else ""
    return f"{day}, {when:%H:%M}{zone}"


def few(value: float) -> str:
    """Returns an expected number of calls: one decimal below ten, whole above."""
    return f"{value:.1f}" if 0 < value < 9.95 else f"{value:,.0f}"


def few_interval(ends: tuple[float, float] | None) -> str:
    """Returns an interval of `few`, such as `0 to 3.6`, or `none` if there is none."""
    return "none" if ends is None else " to ".join(few(end) for end in ends)


def attack(name: str) -> str:
    """Returns the id of an attack, or a text for `-`, the id of unnamed attacks."""
    return "unknown attack" if name == "-" else visible(name)


def did_you_mean(name: str, known: Iterable[str], *, list_all: bool = True) -> str:
    """Returns advice for a misspelt name.

    Args:
        name: The misspelt name.
        known: The existing names.
        list_all: Whether to list all names if none is similar.

    Returns:
        `Did you mean 'epochs'?`, with up to three names, the nearest first; if none is similar,
        `Known: a, b, c.`, or nothing if there are more than 30.
    """
    import difflib  # takes as long to import as this module, and is only needed for errors

    names = list(known)
    if near := difflib.get_close_matches(name, names, n=3):
        *others, last = map(repr, near)
        return f"Did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
    listed = list_all and 0 < len(names) <= _LISTED
    return f"Known: {', '.join(names)}." if listed else ""


def visible(text: object) -> str:
    r"""Returns text with control and direction-changing characters escaped.

    Ids come from files. A right-to-left override would display one id as another, and a NUL or a
    line break would truncate a cell; as escapes (`\u202e`) they are visible.
    """
    return "".join(
        f"\\u{ord(letter):04x}" if unicodedata.category(letter) in _UNSEEN else letter
        for letter in str(text)
    )


def visible_lines(text: object) -> str:
    """Returns `visible` for a message of several lines."""
    return "\n".join(map(visible, str(text).split("\n")))


def _scaled(value: float, unit: str) -> float:
    return 100 * value if unit in ("rate", "points") else value


def _number(value: float, decimals: int) -> str:
    """Returns a number with at least two significant digits."""
    size = abs(value)
    if size == 0:
        return "0"
    if size < 1e-6 or size >= 1e9:
        return f"{value:.1e}".replace("-", _MINUS)
    if size >= 1000:
        decimals = 0
    elif size < 10 ** (1 - decimals):
        decimals = 1 - math.floor(math.log10(size))
    return f"{value:,.{decimals}f}".replace("-", _MINUS)


def _signed(value: float, decimals: int) -> str:
    return ("+" if value > 0 else "") + _number(value, decimals)


def percent(rate: float) -> str:
    """Returns a fraction as per cent with two digits and a normal space, such as `26.24 %`."""
    return f"{100 * rate:.2f} %"
