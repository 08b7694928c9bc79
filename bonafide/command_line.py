"""The command-line parser of every command: one layout of help, one form of errors."""

from __future__ import annotations

import argparse
import math
from typing import Any, NoReturn


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors are two lines, without the usage before them.

    Texts of the help are shown as they are written, and options cannot be abbreviated: `--fo` must
    not be enough for `--force-blessing`. Sub-commands get a parser of the same kind.

    Args:
        options: Those of `argparse.ArgumentParser`, without `formatter_class` and `allow_abbrev`.
    """

    def __init__(self, **options: Any) -> None:
        options |= {
            "formatter_class": argparse.RawDescriptionHelpFormatter,
            "allow_abbrev": False,
        }
        super().__init__(**options)

    def error(self, message: str) -> NoReturn:
        """Prints the message and where the help is, and exits with 2."""
        self.exit(2, f"{self.prog}: error: {message}\nSee {self.prog} --help.\n")


def number(text: str) -> float:
    """Returns the number that an option's text is; NaN, which no range holds, if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
