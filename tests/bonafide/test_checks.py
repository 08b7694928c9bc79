import dataclasses
import math

import pytest

from bonafide.checks import Checks


@dataclasses.dataclass
class Config:
    number: object = 1
    other: object = 2


@pytest.mark.parametrize("value", [1, 7])
def test_whole_numbers_are_taken(value):
    Checks(Config(value), "section").whole("number", "other", least=1)


@pytest.mark.parametrize("value", [0, -1, True, 3.0, "3", None])
def test_what_is_no_whole_number_is_named(value):
    with pytest.raises(ValueError, match=r"^section.number must be a whole number, 1 or more, got"):
        Checks(Config(value), "section").whole("other", "number", least=1)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_every_field_must_be_finite(value):
    Checks(Config(1.5, "text"), "section").finite()
    with pytest.raises(ValueError, match=r"^section.other must be finite, got"):
        Checks(Config(other=value), "section").finite()


def test_one_of():
    Checks(Config("a"), "section").one_of("number", ("a", "b"))
    with pytest.raises(ValueError, match=r"^section.number must be one of a, b, got 'c'$"):
        Checks(Config("c"), "section").one_of("number", ("a", "b"))


def test_require_names_the_first_that_breaks_the_law():
    with pytest.raises(ValueError, match=r"^section.other must be odd, got 2$"):
        Checks(Config(), "section").require(("number", "other"), lambda v: v % 2, "odd")
