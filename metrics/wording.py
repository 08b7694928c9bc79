"""How a figure is written for people, on a console as on a page."""

from __future__ import annotations


def percent(rate: float) -> str:
    """Returns a fraction as per cent with two digits, such as `26.24 %`."""
    return f"{100 * rate:.2f} %"
