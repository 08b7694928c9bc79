"""Overrides of settings: `section.field=value` applied to a tree of frozen dataclasses."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

Settings = TypeVar("Settings")


class SettingsError(ValueError):
    """A setting that does not exist or cannot have the given value."""


def field_names(settings: Any) -> Iterator[tuple[str, str, object]]:
    """Yields (dotted name, type, value) of every setting that can be set."""
    for section in dataclasses.fields(settings):
        values = getattr(settings, section.name)
        if dataclasses.is_dataclass(values):
            hints = typing.get_type_hints(type(values))
            for field in dataclasses.fields(values):
                yield (
                    f"{section.name}.{field.name}",
                    _type_name(hints[field.name]),
                    getattr(values, field.name),
                )


def override(
    settings: Settings,
    assignments: Sequence[str],
    named_sections: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
) -> Settings:
    """Returns the settings with `section.field=value` assignments applied, in order.

    All are applied together, so that checks see the final values.

    Args:
        settings: A dataclass of sections, each a dataclass.
        assignments: `section.field=value`, or `section=NAME` for a section that has named values;
            later assignments change single fields of it.
        named_sections: Section -> name -> value of the whole section.

    Raises:
        SettingsError: For an unknown name (the nearest names are listed), a value of the wrong
            type, or a value that the section refuses.
    """
    known = {name for name, _, _ in field_names(settings)}
    changes: dict[str, dict[str, object]] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals:
            raise SettingsError(f"--set wants section.field=value, not '{assignment}'")
        if name in named_sections:
            named = named_sections[name]
            if text.strip() not in named:
                raise SettingsError(f"{name} wants one of {', '.join(named)}, not '{text.strip()}'")
            changes[name] = _shallow(named[text.strip()])
            continue
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise SettingsError(f"unknown setting '{name}'{hint} (--help lists them all)")
        section, field = name.split(".")
        kind = typing.get_type_hints(type(getattr(settings, section)))[field]
        changes.setdefault(section, {})[field] = _parse(text.strip(), kind, name)
    sections = {}
    for section, values in changes.items():
        try:
            sections[section] = dataclasses.replace(getattr(settings, section), **values)
        except ValueError as error:
            raise SettingsError(f"settings '{section}': {error}") from error
    return dataclasses.replace(settings, **sections)


def _shallow(section: object) -> dict[str, object]:
    return {f.name: getattr(section, f.name) for f in dataclasses.fields(section)}


def _parse(text: str, kind: object, name: str) -> object:
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        options = [option for option in typing.get_args(kind) if option is not type(None)]
        if text.lower() == "none" and len(options) < len(typing.get_args(kind)):
            return None
        kind = options[0]
    if typing.get_origin(kind) is typing.Literal:
        if text in typing.get_args(kind):
            return text
        raise SettingsError(f"{name} wants {_type_name(kind)}, not '{text}'")
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        parts = text.strip("()").split(",")
        parts = [part.strip(" '\"") for part in parts]
        return tuple(_parse(part, item, name) for part in parts if part)
    if kind is bool:
        if text.lower() in ("true", "yes", "1"):
            return True
        if text.lower() in ("false", "no", "0"):
            return False
        raise SettingsError(f"{name} wants true or false, not '{text}'")
    try:
        return kind(text)  # type: ignore[operator]
    except ValueError:
        raise SettingsError(f"{name} wants {_type_name(kind)}, not '{text}'") from None


def _type_name(kind: object) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return f"one of {', '.join(map(str, typing.get_args(kind)))}"
    if typing.get_origin(kind) is tuple:
        items = {float: "numbers", int: "whole numbers", str: "names"}[typing.get_args(kind)[0]]
        return f"{items} with commas between them"
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return names.get(kind, str(kind))  # type: ignore[arg-type]
