"""The error of settings, in one wording: `expected X, got Y (where). Do Z.` everywhere."""

from __future__ import annotations

from collections.abc import Mapping


class SettingsError(ValueError):
    """A setting does not exist or has an invalid value.

    Attributes:
        expected: Accepted values, such as `a whole number of epochs from 1 to 999,999`.
        got: `repr` of the given value.
        setting: Dotted name of the setting, such as `trainer.epochs`; empty without one.
        place: Source of the value: `run.yaml:3`, `--set`; empty for Python code.
        advice: A sentence with the remedy; may be empty.
    """

    def __init__(
        self, expected: str, got: str, setting: str = "", place: str = "", advice: str = ""
    ) -> None:
        # All are arguments of the base class, so that the error can be pickled.
        super().__init__(expected, got, setting, place, advice)
        self.expected = expected
        self.got = got
        self.setting = setting
        self.place = place
        self.advice = advice

    def __str__(self) -> str:
        where = ", ".join(filter(None, [self.setting, self.place]))
        text = f"expected {self.expected}, got {self.got}"
        text += f" ({where})." if where else "."
        return f"{text} {self.advice}" if self.advice else text

    def below(self, prefix: str) -> SettingsError:
        """Returns the error for a nested setting: `memory` becomes `default.memory`."""
        dot = "." if self.setting and not self.setting.startswith("[") else ""
        name = f"{prefix}{dot}{self.setting}"
        return SettingsError(self.expected, self.got, name, self.place, self.advice)

    def at(self, places: Mapping[str, str]) -> SettingsError:
        """Returns the error with the source of the setting's value.

        Args:
            places: Dotted name -> place; a setting without one has that of its parent.
        """
        name = self.setting
        while name and name not in places:
            name = name[: max(name.rfind("."), name.rfind("["), 0)]
        place = places.get(name, self.place)
        return SettingsError(self.expected, self.got, self.setting, place, self.advice)
