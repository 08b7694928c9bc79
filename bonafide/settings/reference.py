"""Reference of settings, from the annotations and the docstrings' `Attributes`."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from bonafide.settings.kinds import Choice, Flag, Group, Kind, List, Maybe, Number, Table, Text
from bonafide.settings.rules import Pattern
from bonafide.settings.section import Section, Setting, settings_of

_ENTRY = re.compile(r"(\w+): (.*)")
_END_OF_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z`])")


@dataclasses.dataclass(frozen=True)
class Description:
    """One setting.

    Attributes:
        name: Its dotted name.
        value: Its default, or its value in a preset.
        unit: Unit of its numbers; empty without one.
        limits: Its type and range, such as `a whole number from 1 to 8`, or its choices.
        text: Its description, one or more sentences.
    """

    name: str
    value: Any
    unit: str
    limits: str
    text: str

    @property
    def value_text(self) -> str:
        """The value in the syntax of `--set`."""
        if isinstance(self.value, bool):
            return str(self.value).lower()
        if isinstance(self.value, tuple):
            return ", ".join(map(str, self.value))
        has_none = self.value is dataclasses.MISSING or isinstance(self.value, Section | Mapping)
        return "" if has_none else str(self.value)


def describe(
    section: type[Section], values: Mapping[str, Any] | Section | None = None
) -> list[Description]:
    """Describes the settings of a section.

    Args:
        section: Class of the section.
        values: A section with the values to show; the defaults if None.

    Raises:
        ValueError: A setting has no text in the docstring's `Attributes`.
    """
    texts = attribute_texts(section)
    if missing := [found.name for found in settings_of(section) if found.name not in texts]:
        raise ValueError(
            f"expected a text for every setting, got none for {', '.join(missing)} "
            f"({section.__module__}.{section.__qualname__}). Add it to the docstring's Attributes."
        )
    return [_describe(section, found, values, texts) for found in settings_of(section)]


def _describe(
    section: type[Section], found: Setting, values: Any, texts: Mapping[str, str]
) -> Description:
    return Description(
        name=f"{section.section}.{found.name}" if section.section else found.name,
        value=found.default if values is None else getattr(values, found.name),
        unit=_unit(found.kind),
        limits=_limits(found.kind),
        text=texts[found.name],
    )


def title(section: type[Section]) -> str:
    """Returns the first sentence of a section's docstring."""
    return _END_OF_SENTENCE.split(introduction(section).partition("\n\n")[0])[0]


def introduction(described: object) -> str:
    """Returns the text of a docstring before its first list (`Attributes:` etc.)."""
    text = (inspect.getdoc(described) or "").partition("\n\nAttributes:")[0]
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def attribute_texts(section: type) -> dict[str, str]:
    """Returns the entries of a docstring's `Attributes:` by name, each on one line."""
    _, _, block = (inspect.getdoc(section) or "").partition("\nAttributes:\n")
    texts: dict[str, str] = {}
    name = ""
    for line in textwrap.dedent(block).splitlines():
        if entry := _ENTRY.fullmatch(line):
            name, texts[entry[1]] = entry[1], entry[2]
        elif name and line.startswith(" "):
            texts[name] += f" {line.strip()}"
    return texts


def help_text(section: Section, width: int) -> str:
    """Returns a section's settings with values and descriptions, for a terminal.

    Args:
        section: Section with the values to show.
        width: Columns.
    """
    heading = f"{type(section).section}: {title(type(section))}"
    return "\n".join([*_wrapped(heading, width, ""), *_entries(section, width)])


def _entries(section: Section, width: int) -> Iterator[str]:
    for found in describe(type(section), section):
        yield f"  {found.name}={found.value_text}"
        yield from _wrapped(found.text, width, "      ")
        unit = f" ({found.unit})" if found.unit else ""
        yield from _wrapped(f"{found.limits}{unit}", width, "      ")


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


def markdown_table(section: type[Section]) -> str:
    """Returns a section's settings as a table, with their defaults."""
    rows = [
        ["Setting", "Default", "Range", "Unit", "What it does"],
        ["---"] * 5,
        *([f"`{d.name}`", _default(d), d.limits, d.unit, d.text] for d in describe(section)),
    ]
    return "".join(f"| {' | '.join(_cell(cell) for cell in row)} |\n" for row in rows)


def _default(described: Description) -> str:
    if described.value is dataclasses.MISSING:
        return "*required*"
    return f"`{described.value_text}`" if described.value_text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _unit(kind: Kind) -> str:
    match kind:
        case Number():
            return kind.bounds.unit
        case List() | Maybe() | Table():
            return _unit(kind.item)
    return ""


def _limits(kind: Kind) -> str:
    """Returns the type and range without the unit, which has its own column."""
    match kind:
        case Number() if kind.bounds.unit:
            bare = dataclasses.replace(kind.bounds, unit="")
            return dataclasses.replace(kind, bounds=bare).expected()
        case List() if isinstance(kind.item, Number) and kind.item.bounds.unit:
            bare = dataclasses.replace(kind.item.bounds, unit="")
            item = dataclasses.replace(kind.item, bounds=bare)
            return dataclasses.replace(kind, item=item).expected()
        case List() if isinstance(kind.item, Group):
            return f"a list of `{kind.item.of.__name__}`"
        case List() if isinstance(kind.item, Text) and kind.item.choices:
            brief = Text(Pattern("", kind.item.choices.words))
            return dataclasses.replace(kind, item=brief).expected()
        case Group():
            return f"`{kind.of.__name__}`"
        case Table() if isinstance(kind.item, Group):
            return f"names to `{kind.item.of.__name__}`"
        case Choice() | Flag() | Text() | Table() | Maybe() | List() | Number():
            return kind.expected()
    return kind.expected()
