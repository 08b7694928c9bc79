"""Types of settings: each parses a value from any source, or describes the accepted values.

A value is a string from a command line or a YAML file, a JSON value (from execution properties, in
which integers may be floats), or a Python value. Python code must use the exact types (`strict`),
except that a list can be a tuple and an integer a float.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Protocol

from bonafide.settings.errors import SettingsError
from bonafide.settings.rules import Bounds, Choices, Items, Pattern

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
ANY_NUMBER, ANY_ITEMS = Bounds(), Items()
_COUNTS = {2: "two", 3: "three"}


class Kind(Protocol):
    """The type of a setting with its rules."""

    def expected(self) -> str:
        """Returns the accepted values, such as `a whole number, 1 or more`."""
        ...

    def read(self, value: Any, strict: bool = False) -> Any:
        """Returns the parsed value.

        Args:
            value: A text, a value of JSON, or a Python value.
            strict: Whether to accept Python values only.

        Raises:
            SettingsError: The value is not accepted.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Number:
    """A finite number."""

    of: type[int] | type[float]
    bounds: Bounds = ANY_NUMBER

    def noun(self) -> str:
        """Returns `whole number of epochs`, `fraction`."""
        return self.bounds.noun("whole number" if self.of is int else "number")

    def expected(self) -> str:
        """See `Kind`."""
        limits = self.bounds.range_text()
        comma = "," if limits.endswith(" or more") else ""
        return f"a {self.noun()}{comma} {limits}".rstrip()

    def read(self, value: Any, strict: bool = False) -> int | float:
        """See `Kind`."""
        number = self._number(value, strict)
        expected = self.expected()
        if number is not None and not math.isfinite(number):
            expected = expected.replace("a ", "a finite ", 1)
        elif number is not None and self.bounds.holds(number):
            return number
        raise SettingsError(expected, repr(value), advice=self.bounds.advice())

    def _number(self, value: Any, strict: bool) -> int | float | None:
        taken = (int, self.of) if strict else (int, float, str)
        if isinstance(value, bool) or not isinstance(value, taken):
            return None
        if self.of is int and isinstance(value, float) and not value.is_integer():
            return None
        try:
            return self.of(value)
        except (ValueError, OverflowError):
            return None


@dataclasses.dataclass(frozen=True)
class Text:
    """A text."""

    pattern: Pattern | None = None
    choices: Choices | None = None

    def expected(self) -> str:
        """See `Kind`."""
        if self.choices:
            return f"one of {', '.join(self.choices.names)}"
        return self.pattern.words if self.pattern else "a text"

    def read(self, value: Any, strict: bool = False) -> str:
        """See `Kind`; numbers in JSON are accepted as text."""
        taken = (str,) if strict else (str, int, float)
        if isinstance(value, bool) or not isinstance(value, taken):
            raise SettingsError(self.expected(), repr(value))
        text = str(value)
        if self.choices and text not in self.choices.names:
            from bonafide.text import did_you_mean

            advice = did_you_mean(text, self.choices.names, list_all=False)
            raise SettingsError(self.expected(), repr(text), advice=advice)
        if self.pattern and not self.pattern.holds(text):
            raise SettingsError(self.expected(), repr(text))
        return text


@dataclasses.dataclass(frozen=True)
class Flag:
    """True or false."""

    def expected(self) -> str:
        """See `Kind`."""
        return "true or false"

    def read(self, value: Any, strict: bool = False) -> bool:
        """See `Kind`."""
        word = value.lower() if isinstance(value, str) and not strict else value
        if word is True or word is False:
            return word
        if not strict and word in _TRUE + _FALSE:
            return word in _TRUE
        raise SettingsError(self.expected(), repr(value))


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of the values of a `Literal`."""

    values: tuple[Any, ...]

    def expected(self) -> str:
        """See `Kind`."""
        names = ", ".join(str(value) for value in self.values if value != "")
        return f"one of {names}{', or empty' if '' in self.values else ''}"

    def read(self, value: Any, strict: bool = False) -> Any:
        """See `Kind`."""
        for allowed in self.values:
            if type(value) is type(allowed) and value == allowed:
                return allowed
            if not strict and isinstance(value, str) and value == str(allowed):
                return allowed
            if not strict and isinstance(value, float) and value == allowed:
                return allowed
        raise SettingsError(self.expected(), repr(value))


@dataclasses.dataclass(frozen=True)
class List:
    """A tuple of values of one kind; comma-separated in text."""

    item: Kind
    length: int | None = None
    items: Items = ANY_ITEMS

    def noun(self) -> str:
        """Returns a noun for the items, such as `two numbers of dB` or `texts`."""
        if isinstance(self.item, Number):
            kind, of, unit = self.item.noun().partition(" of ")
            noun = f"{kind}s{of}{unit}"
        else:
            noun = "texts"
        return f"{_COUNTS[self.length]} {noun}" if self.length else noun

    def expected(self) -> str:
        """See `Kind`."""
        if isinstance(self.item, Number):
            text = f"{self.noun()} {self.item.bounds.range_text()}".rstrip()
        elif isinstance(self.item, Text | Choice):
            text = f"texts, each {self.item.expected()}"
            text = "texts" if text.endswith("each a text") else text
        else:
            text = "a list"
        return ", ".join(filter(None, [text, self.items.text()]))

    def read(self, value: Any, strict: bool = False) -> tuple[Any, ...]:
        """See `Kind`; `null` in YAML is an empty list."""
        given = value
        if isinstance(value, str) and not strict:
            parts = (part.strip(" '\"") for part in value.strip("()[]").split(","))
            value = [part for part in parts if part]
        if value is None and not strict:
            value = ()
        if not isinstance(value, list | tuple):
            raise SettingsError(f"a list ({self.expected()})", repr(given))
        if self.length is not None and len(value) != self.length:
            raise SettingsError(self.expected(), repr(given))
        read = tuple(self._item(i, item, given, strict) for i, item in enumerate(value))
        if not self.items.holds(read):
            raise SettingsError(self.expected(), repr(given))
        return read

    def _item(self, index: int, value: Any, given: Any, strict: bool) -> Any:
        try:
            return self.item.read(value, strict)
        except SettingsError as error:
            if isinstance(self.item, Number):
                raise SettingsError(self.expected(), repr(given), advice=error.advice) from None
            raise error.below(f"[{index}]") if isinstance(self.item, Group) else error from None


@dataclasses.dataclass(frozen=True)
class Table:
    """A mapping of names to values of one kind."""

    item: Kind

    def expected(self) -> str:
        """See `Kind`."""
        return f"a mapping of names to values, each {self.item.expected()}"

    def read(self, value: Any, strict: bool = False) -> dict[str, Any]:
        """See `Kind`; `null` in YAML is an empty mapping."""
        if not isinstance(value, Mapping | types.NoneType):
            raise SettingsError("a mapping", repr(value))
        read = {}
        for name, item in (value or {}).items():
            try:
                read[str(name)] = self.item.read(item, strict)
            except SettingsError as error:
                raise error.below(str(name)) from None
        return read


@dataclasses.dataclass(frozen=True)
class Group:
    """A `Section` inside another, as a mapping of its settings."""

    of: Any  # the class; `Section` itself imports this module

    def expected(self) -> str:
        """See `Kind`."""
        return "a mapping of settings"

    def read(self, value: Any, strict: bool = False) -> Any:  # noqa: ARG002 (see `Kind`)
        """See `Kind`; `null` in YAML keeps all defaults."""
        return value if isinstance(value, self.of) else self.of.from_mapping(value)


@dataclasses.dataclass(frozen=True)
class Maybe:
    """A value or None; as a text, `none`."""

    item: Kind

    def expected(self) -> str:
        """See `Kind`."""
        return f"{self.item.expected()}, or none"

    def read(self, value: Any, strict: bool = False) -> Any:
        """See `Kind`."""
        is_word = not strict and isinstance(value, str) and value.lower() == "none"
        return None if value is None or is_word else self.item.read(value, strict)


def kind_of(annotation: Any) -> Kind:
    """Returns the kind of a type annotation.

    Args:
        annotation: `int`, `float`, `str`, `bool`, a `Literal`, `X | None`, a tuple of one type, a
            mapping of names or a `Section`; `Annotated` with the rules of `bonafide.settings.rules`
            or not.

    Raises:
        TypeError: Settings cannot be of this type.
    """
    return _kind(*_unwrapped(annotation, {}))


def _kind(annotation: Any, rules: dict[type, Any]) -> Kind:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is bool:
        return Flag()
    if annotation is int or annotation is float:
        return Number(annotation, rules.get(Bounds, ANY_NUMBER))
    if annotation is str:
        return Text(rules.get(Pattern), rules.get(Choices))
    if origin is typing.Literal:
        return Choice(arguments)
    if origin is tuple:
        kinds = {argument for argument in arguments if argument is not Ellipsis}
        if len(kinds) != 1:
            raise TypeError(f"expected a tuple of one type, got {annotation}. Use one type.")
        item = _kind(*_unwrapped(kinds.pop(), rules))
        length = None if Ellipsis in arguments else len(arguments)
        return List(item, length, rules.get(Items, ANY_ITEMS))
    if origin in (types.UnionType, typing.Union):
        [inner] = [argument for argument in arguments if argument is not types.NoneType]
        return Maybe(_kind(*_unwrapped(inner, rules)))
    if origin is not None and issubclass(origin, Mapping):
        return Table(kind_of(arguments[1]))
    if dataclasses.is_dataclass(annotation):
        return Group(annotation)
    raise TypeError(f"expected a type that settings can have, got {annotation}.")


def _unwrapped(annotation: Any, outer: dict[type, Any]) -> tuple[Any, dict[type, Any]]:
    """Extracts the rules of an annotation; they override those of the outer one."""
    rules = dict(outer)
    while typing.get_origin(annotation) is typing.Annotated:
        annotation, *own = typing.get_args(annotation)
        rules |= {type(rule): rule for rule in own}
    return annotation, rules
