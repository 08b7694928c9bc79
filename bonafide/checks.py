"""Range checks of settings, with messages that name the setting and the law."""

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Checks:
    """Checks fields of a dataclass of settings.

    Attributes:
        config: The dataclass.
        section: Its name among the settings, as in `section.field`.
    """

    config: Any
    section: str

    def require(self, names: Iterable[str], holds: Callable[[Any], bool], law: str) -> None:
        """Checks one law for several fields.

        Raises:
            ValueError: `section.field must be <law>, got <value>`, for the first field that
                breaks it.
        """
        for name in names:
            value = getattr(self.config, name)
            if not holds(value):
                raise ValueError(f"{self.section}.{name} must be {law}, got {value!r}")

    def finite(self) -> None:
        """Refuses infinity and NaN in every field, whatever its type."""
        names = [field.name for field in dataclasses.fields(self.config)]
        self.require(names, lambda v: not isinstance(v, float) or math.isfinite(v), "finite")

    def whole(self, *names: str, least: int) -> None:
        """Wants whole numbers from `least` on; True and 3.0 are none."""
        law = f"a whole number, {least} or more"
        self.require(names, lambda v: type(v) is int and v >= least, law)

    def one_of(self, name: str, allowed: Iterable[Any]) -> None:
        """Wants one of the values."""
        allowed = tuple(allowed)
        law = f"one of {', '.join(map(str, allowed))}"
        self.require([name], lambda v: v in allowed, law)
