"""Converts cron expressions of five fields to the six fields of KFP.

KFP uses github.com/robfig/cron (version 1), whose first field is the seconds, and which reads five
fields as an expression without day of week: "0 3 * * 1" would be second 0 of minute 3 of every
hour in January. Five fields are therefore prefixed with "0" for the seconds.
"""

from __future__ import annotations

from pipeline.kubeflow.errors import UsageError

MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, start=1)}
DAYS = {name: number for number, name in enumerate(DAY_NAMES)}
# Name, minimum, maximum, names of values.
FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, MONTHS),
    ("day of week", 0, 6, DAYS),
)


def kfp_cron(text: str) -> str:
    """Returns the six fields (seconds first) of a cron expression of five or six fields.

    Raises:
        UsageError: KFP would reject or misread it; the message states the reason.
    """
    fields = text.split()
    if fields and fields[0].startswith("@"):
        raise UsageError(
            f'cron "{text}": use five fields, for example "0 3 * * 1" for Mondays at 3:00'
        )
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise UsageError(
            f'cron "{text}": expected five fields (minute, hour, day of month, month, day of '
            f"week), or six with seconds first, got {len(fields)}"
        )
    for field, (name, low, high, names) in zip(fields, FIELDS, strict=True):
        for part in field.split(","):
            try:
                _check(part, low, high, names)
            except ValueError as error:
                raise UsageError(f'cron "{text}", {name} "{field}": {error}') from None
    return " ".join(fields)


def _check(part: str, low: int, high: int, names: dict[str, int]) -> None:
    """Validates a value, a range, `*` or `?`, each with an optional step.

    Raises:
        ValueError: It is none of these, or outside `low` to `high`.
    """
    values, slash, step = part.partition("/")
    if slash and (not step.isdecimal() or int(step) == 0):
        raise ValueError(f"expected a whole number above 0 as step, got {step!r}")
    if values in ("*", "?"):
        return
    first, dash, last = values.partition("-")
    start = _value(first, low, high, names)
    if dash and _value(last, low, high, names) < start:
        raise ValueError(f"the range {values!r} ends before it starts")


def _value(text: str, low: int, high: int, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"expected a number{' or a name' if names else ''}, got {text!r}")
    if not low <= int(text) <= high:
        sunday = "; Sunday is 0" if names is DAYS and text == "7" else ""
        raise ValueError(f"expected {low} to {high}, got {text}{sunday}")
    return int(text)
