"""`Section`: the base of every group of settings. Its constructor validates the values."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from bonafide.settings.errors import SettingsError
from bonafide.settings.kinds import Kind, kind_of


@dataclasses.dataclass(frozen=True)
class Setting:
    """One field of a section.

    Attributes:
        name: Name of the field.
        kind: Parser of its values.
        default: Its default; `dataclasses.MISSING` if it is required.
    """

    name: str
    kind: Kind
    default: Any


class Section:
    """Base of frozen dataclasses of settings.

    The constructor validates every field by its annotation (see `bonafide.settings.kinds`).
    `from_mapping` and `with_values` parse strings, JSON and YAML, and then call it. A subclass with
    rules between fields extends `__post_init__`.

    Example:
        @dataclasses.dataclass(frozen=True)
        class TrainerConfig(Section, section="trainer"):
            epochs: Annotated[int, Bounds(ge=1, unit="epochs")] = 30

    Attributes:
        section: Prefix of the fields' names, in errors and in `--set`.
    """

    section: ClassVar[str] = ""

    def __init_subclass__(cls, section: str = "", **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.section = section

    def __post_init__(self) -> None:
        """Validates every field.

        Raises:
            SettingsError: A field has an invalid value.
        """
        for setting in settings_of(type(self)):
            given = getattr(self, setting.name)
            try:
                value = setting.kind.read(given, strict=True)
            except SettingsError as error:
                raise error.below(_dotted(self.section, setting.name)) from None
            if value is not given:  # JSON has no tuples, and a list cannot be hashed
                object.__setattr__(self, setting.name, value)

    def refused(self, name: str, expected: str, advice: str = "") -> SettingsError:
        """Returns the error for a field that contradicts others, to be raised."""
        value = repr(getattr(self, name))
        return SettingsError(expected, value, _dotted(self.section, name), advice=advice)

    @classmethod
    def from_mapping(cls, content: Any) -> Self:
        """Creates a section from names and values of YAML, JSON or `name=value` strings.

        Raises:
            SettingsError: It is not a mapping, a name is unknown (similar ones are named) or
                missing, or a value is invalid.
        """
        if content is None:
            content = {}
        if not isinstance(content, Mapping):
            raise SettingsError("a mapping of settings", repr(content))
        settings = {setting.name: setting for setting in settings_of(cls)}
        for name in content:
            if name not in settings:
                what = f"a setting of {cls.section}" if cls.section else "a setting"
                raise unknown(str(name), settings, what).below(_dotted(cls.section, str(name)))
        for name, setting in settings.items():
            if setting.default is dataclasses.MISSING and name not in content:
                raise SettingsError(setting.kind.expected(), "nothing", name)
        return cls(**_read(settings_of(cls), content, cls.section))

    def with_values(self, content: Mapping[str, Any]) -> Self:
        """Returns a copy with changed settings, parsed as by `from_mapping`.

        Args:
            content: Name -> value; the names exist.

        Raises:
            SettingsError: A value is invalid.
        """
        values = _read(settings_of(type(self)), content, self.section)
        return dataclasses.replace(self, **values)  # type: ignore[type-var]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Creates a section from the result of `to_json`, the format of execution properties.

        Raises:
            SettingsError: See `from_mapping`.
        """
        return cls.from_mapping(json.loads(text))

    def to_json(self) -> str:
        """Returns the section as JSON with sorted names, so that equal sections have equal JSON."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)  # type: ignore[call-overload]


def _dotted(section: str, name: str) -> str:
    return f"{section}.{name}" if section else name


def _read(
    settings: typing.Iterable[Setting], content: Mapping[str, Any], section: str
) -> dict[str, Any]:
    values = {}
    for setting in settings:
        if setting.name in content:
            try:
                values[setting.name] = setting.kind.read(content[setting.name])
            except SettingsError as error:
                raise error.below(_dotted(section, setting.name)) from None
    return values


_SETTINGS: dict[type[Section], tuple[Setting, ...]] = {}


def settings_of(section: type[Section]) -> tuple[Setting, ...]:
    """Returns the fields of a section, in order."""
    if section not in _SETTINGS:
        hints = typing.get_type_hints(section, include_extras=True)
        _SETTINGS[section] = tuple(
            Setting(field.name, kind_of(hints[field.name]), _default(field))
            for field in dataclasses.fields(section)  # type: ignore[arg-type]
        )
    return _SETTINGS[section]


def unknown(name: str, known: typing.Iterable[str], what: str, place: str = "") -> SettingsError:
    """Returns the error for an unknown name, with similar ones, to be raised.

    Args:
        name: The given name.
        known: The existing names.
        what: Kind of the names, such as `a setting`.
        place: Source of the name.
    """
    from bonafide.text import did_you_mean

    return SettingsError(what, repr(name), place=place, advice=did_you_mean(name, known))


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
