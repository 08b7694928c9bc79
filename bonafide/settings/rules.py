"""Rules of values, declared in annotations: `Annotated[float, Bounds(...)]`.

Each rule has a description, which is used in errors, `--help-settings` and docs/settings.md.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

# Units that replace "number" in "a number from 0 to 1".
_OWN_WORDS = ("fraction", "probability")


@dataclasses.dataclass(frozen=True)
class Bounds:
    """The range of a number, or of each number of a list, and its unit.

    Attributes:
        ge: Minimum.
        gt: Exclusive minimum.
        le: Maximum.
        lt: Exclusive maximum.
        unit: Unit, such as `epochs`, `Hz` or `dB`. `fraction` (5 % is 0.05)
            and `probability` replace the noun. Empty for a plain number.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    unit: str = ""

    def holds(self, number: float) -> bool:
        """Returns whether a finite number is in the range."""
        return (
            (self.ge is None or number >= self.ge)
            and (self.gt is None or number > self.gt)
            and (self.le is None or number <= self.le)
            and (self.lt is None or number < self.lt)
        )

    def noun(self, noun: str) -> str:
        """Returns `whole number of epochs`, `fraction`, from `whole number` or `number`."""
        if self.unit in _OWN_WORDS:
            return self.unit
        return f"{noun} of {self.unit}" if self.unit else noun

    def range_text(self) -> str:
        """Returns the range, such as `from 0 to below 1` or `1 or more`; empty without bounds."""
        low, high = _shown(self.ge, self.gt), _shown(self.le, self.lt)
        if low and high and self.gt is None:
            return f"from {low} to {'below ' if self.le is None else ''}{high}"
        if low and high:
            return f"above {low} and {'up to' if self.lt is None else 'below'} {high}"
        if low:
            return f"above {low}" if self.ge is None else f"{low} or more"
        if high:
            return f"below {high}" if self.le is None else f"up to {high}"
        return ""

    def advice(self) -> str:
        """Returns advice for a number out of range: fractions are not percentages."""
        return "Write 5 % as 0.05." if self.unit in _OWN_WORDS else ""


@dataclasses.dataclass(frozen=True)
class Pattern:
    """The format of a text, or of each text of a list.

    Attributes:
        regex: Regular expression that must match the whole text.
        words: Description, such as `an absolute path`.
    """

    regex: str
    words: str

    def holds(self, text: str) -> bool:
        """Returns whether the text has this format."""
        return re.fullmatch(self.regex, text, re.DOTALL) is not None


@dataclasses.dataclass(frozen=True)
class Choices:
    """The allowed texts, for names that are only known at run time.

    For constant names, use a `Literal` type, which type checkers support.

    Attributes:
        names: The allowed texts.
        words: Description, for a reference that lists them elsewhere.
    """

    names: Sequence[str]
    words: str


@dataclasses.dataclass(frozen=True)
class Items:
    """Rules of a list, in addition to those of its items.

    Attributes:
        least: Minimum number of items.
        unique: Whether duplicates are refused.
        ascending: Whether items must be in ascending order.
    """

    least: int = 0
    unique: bool = False
    ascending: bool = False

    def holds(self, items: Sequence[Any]) -> bool:
        """Returns whether the list satisfies the rules."""
        return (
            len(items) >= self.least
            and (not self.unique or len(set(items)) == len(items))
            and (not self.ascending or list(items) == sorted(items))
        )

    def text(self) -> str:
        """Returns a description of the rules."""
        parts = [
            f"at least {self.least}" if self.least else "",
            "each once" if self.unique else "",
            "in ascending order" if self.ascending else "",
        ]
        return ", ".join(filter(None, parts))


def _shown(closed: float | None, opened: float | None) -> str:
    number = opened if closed is None else closed
    if number is None:
        return ""
    if isinstance(number, int) and number >= 2**20 and number & (number - 1) == 0:
        return f"2**{number.bit_length() - 1}"
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"
