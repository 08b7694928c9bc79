"""When a schedule runs: the cron expressions that people write, in the form that KFP reads.

KFP parses with github.com/robfig/cron (version 1), which starts with seconds and takes five fields
for an expression whose day of week was left out: "0 3 * * 1" would be second 0 of minute 3 of every
hour, in January. Five fields therefore get a "0" for the seconds in front.
"""

from __future__ import annotations

from pipeline.kubeflow.errors import UsageError

MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, start=1)}
DAYS = {name: number for number, name in enumerate(DAY_NAMES)}
# Name, least and greatest value, names of values.
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
        UsageError: If KFP would refuse it or read it as something else; the message says why.
    """
    fields = text.split()
    if fields and fields[0].startswith("@"):
        raise UsageError(
            f'cron "{text}": write it as five fields, as "0 3 * * 1" for Mondays at 3:00'
        )
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise UsageError(
            f'cron "{text}" has {len(fields)} fields: five are wanted (minute, hour, day of month, '
            "month, day of week), or six with seconds in front"
        )
    for field, (name, low, high, names) in zip(fields, FIELDS, strict=True):
        for part in field.split(","):
            try:
                _check(part, low, high, names)
            except ValueError as error:
                raise UsageError(f'cron "{text}", {name} "{field}": {error}') from None
    return " ".join(fields)


def _check(part: str, low: int, high: int, names: dict[str, int]) -> None:
    """Checks a value, a range, `*` or `?`, each maybe with a step.

    Raises:
        ValueError: If it is none of them or outside `low` to `high`.
    """
    values, slash, step = part.partition("/")
    if slash and (not step.isdecimal() or int(step) == 0):
        raise ValueError(f"the step {step!r} is no whole number above 0")
    if values in ("*", "?"):
        return
    first, dash, last = values.partition("-")
    start = _value(first, low, high, names)
    if dash and _value(last, low, high, names) < start:
        raise ValueError(f"{values!r} ends before it begins")


def _value(text: str, low: int, high: int, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} is no number" + (" and no name" if names else ""))
    if not low <= int(text) <= high:
        sunday = "; Sunday is 0" if names is DAYS and text == "7" else ""
        raise ValueError(f"{text} is not in {low} to {high}{sunday}")
    return int(text)
