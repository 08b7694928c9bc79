"""Overrides: changes of single settings, or of whole sections, in a tree of sections."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from bonafide.settings.errors import SettingsError
from bonafide.settings.section import Section, settings_of, unknown

Tree = TypeVar("Tree")
NO_NAMES: Mapping[str, Mapping[str, Section]] = MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Change:
    """A new value of a setting.

    Attributes:
        name: `section.field`, or a section with named values.
        value: A text, or a list of texts.
        place: Source of the change, for errors.
    """

    name: str
    value: Any
    place: str

    @classmethod
    def from_text(cls, text: str, place: str = "--set") -> Change:
        """Parses `section.field=value`.

        Raises:
            SettingsError: There is no `=`.
        """
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError("section.field=value", repr(text), place=place)
        return cls(name.strip(), value.strip(), place)


def section_types(tree: type) -> list[type[Section]]:
    """Returns the classes of a tree's sections, in order, without creating instances."""
    types = typing.get_type_hints(tree).values()
    return [kind for kind in types if isinstance(kind, type) and issubclass(kind, Section)]


def sections_of(tree: Any) -> dict[str, Section]:
    """Returns the sections of a tree, by name, in order."""
    values = {field.name: getattr(tree, field.name) for field in dataclasses.fields(tree)}
    return {name: value for name, value in values.items() if isinstance(value, Section)}


def values_of(tree: Any) -> dict[str, Any]:
    """Returns the value of every setting of a tree, by dotted name, in order."""
    return {
        f"{name}.{setting.name}": getattr(section, setting.name)
        for name, section in sections_of(tree).items()
        for setting in settings_of(type(section))
    }


def override(
    tree: Tree,
    changes: Sequence[str | Change],
    named_sections: Mapping[str, Mapping[str, Section]] = NO_NAMES,
) -> Tree:
    """Returns the settings with changes applied, in order.

    All are applied together, so that rules between settings use the final values.

    Args:
        tree: A dataclass of sections.
        changes: Changes of settings, or of sections with named values; later ones win. A string
            is `section.field=value` of a `--set`.
        named_sections: Section -> name -> value of the whole section.

    Raises:
        SettingsError: A name is unknown (the message suggests similar ones), or a value is invalid.
    """
    values: dict[str, dict[str, Any]] = {}
    places: dict[str, str] = {}
    for change in changes:
        change = Change.from_text(change) if isinstance(change, str) else change
        places[change.name] = change.place
        if change.name in named_sections:
            values[change.name] = _named(change, named_sections[change.name])
        else:
            section, field = _split(tree, change, named_sections)
            values.setdefault(section, {})[field] = change.value
    try:
        sections = {name: getattr(tree, name).with_values(given) for name, given in values.items()}
        return dataclasses.replace(tree, **sections)  # type: ignore[type-var]
    except SettingsError as error:
        raise error.at(places) from None


def _named(change: Change, named: Mapping[str, Section]) -> dict[str, Any]:
    if not isinstance(change.value, str) or change.value not in named:
        expected = f"one of {', '.join(named)}"
        raise SettingsError(expected, repr(change.value), change.name, change.place)
    section = named[change.value]
    return {setting.name: getattr(section, setting.name) for setting in settings_of(type(section))}


def _split(tree: Any, change: Change, named: Iterable[str]) -> tuple[str, str]:
    names = values_of(tree)
    if change.name in names:
        section, _, field = change.name.partition(".")
        return section, field
    if change.name in sections_of(tree):
        first = next(name for name in names if name.startswith(f"{change.name}."))
        advice = f"Name one of its settings, such as {first}."
        raise SettingsError("section.field=value", repr(change.name), "", change.place, advice)
    error = unknown(change.name, [*names, *named], "a setting", change.place)
    error.advice = error.advice or "--help-settings lists them."
    raise error
