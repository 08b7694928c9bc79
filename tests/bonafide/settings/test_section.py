import dataclasses
import json
import math
import pickle
from collections.abc import Mapping
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonafide.settings import Bounds, Choices, Items, Pattern, Section, SettingsError
from bonafide.settings.kinds import kind_of
from bonafide.settings.types import Fraction


@dataclasses.dataclass(frozen=True)
class Inner(Section):
    """A section inside another."""

    path: Annotated[str, Pattern("/.*", "an absolute path")]
    mode: Literal["", "r", "w"] = ""


@dataclasses.dataclass(frozen=True)
class Outer(Section, section="outer"):
    """One setting of each kind."""

    count: Annotated[int, Bounds(ge=1, le=9, unit="clips")] = 1
    share: Fraction = 0.5
    flag: bool = False
    name: str = "a"
    level: Literal["off", "warn"] = "off"
    factor: Literal[1, 2, 4] = 2
    ends: Annotated[tuple[float, float], Bounds(gt=0, unit="Hz"), Items(ascending=True)] = (1, 2)
    names: Annotated[
        tuple[str, ...], Choices(("a", "b"), "a letter"), Items(least=1, unique=True)
    ] = ("a",)
    limit: Annotated[int, Bounds(ge=0)] | None = None
    inner: tuple[Inner, ...] = ()
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("count", "7", 7),
        ("count", 7.0, 7),
        ("share", "1e-3", 0.001),
        ("share", 1, 1.0),
        ("flag", "yes", True),
        ("flag", "OFF", False),
        ("name", 2, "2"),
        ("name", "off", "off"),
        ("level", "off", "off"),
        ("factor", "4", 4),
        ("factor", 4.0, 4),
        ("ends", "3, 4", (3.0, 4.0)),
        ("ends", ["3", "4.5"], (3.0, 4.5)),
        ("names", "'b', a", ("b", "a")),
        ("limit", "none", None),
        ("limit", "3", 3),
        ("limit", None, None),
        ("inner", [{"path": "/x"}], (Inner("/x"),)),
        ("inner", None, ()),
        ("labels", {"zone": 1}, {"zone": "1"}),
    ],
)
def test_values_of_texts_yaml_and_json_are_read(name, given, read):
    value = getattr(Outer.from_mapping({name: given}), name)
    assert value == read
    assert type(value) is type(read)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("count", "ten", "expected a whole number of clips from 1 to 9, got 'ten' (outer.count)."),
        ("count", 0, "expected a whole number of clips from 1 to 9, got 0 (outer.count)."),
        ("count", 1.5, "expected a whole number of clips from 1 to 9, got 1.5 (outer.count)."),
        ("count", True, "expected a whole number of clips from 1 to 9, got True (outer.count)."),
        ("count", "9" * 5000, None),
        (
            "share",
            "5",
            "expected a fraction from 0 to 1, got '5' (outer.share). Write 5 % as 0.05.",
        ),
        (
            "share",
            math.nan,
            "expected a finite fraction from 0 to 1, got nan (outer.share). Write 5 % as 0.05.",
        ),
        ("flag", "perhaps", "expected true or false, got 'perhaps' (outer.flag)."),
        ("flag", 1, None),
        ("name", None, "expected a text, got None (outer.name)."),
        ("name", True, "expected a text, got True (outer.name)."),
        ("level", "on", "expected one of off, warn, got 'on' (outer.level)."),
        ("factor", "3", "expected one of 1, 2, 4, got '3' (outer.factor)."),
        (
            "ends",
            "4,3",
            "expected two numbers of Hz above 0, in ascending order, got '4,3' (outer.ends).",
        ),
        ("ends", "4", None),
        ("ends", (0.0, 1.0), None),
        ("ends", 4.0, None),
        ("names", "a,a", "expected texts, each one of a, b, at least 1, each once, got 'a,a' "),
        ("names", "", None),
        ("names", "c", "expected one of a, b, got 'c' (outer.names)."),
        ("limit", "-1", "expected a whole number, 0 or more, got '-1' (outer.limit)."),
        (
            "inner",
            [{"path": "/a"}, {"path": "b"}],
            "expected an absolute path, got 'b' (outer.inner[1].path).",
        ),
        (
            "inner",
            [{"mode": "r"}],
            "expected an absolute path, got nothing (outer.inner[0].path).",
        ),
        (
            "inner",
            [{"path": "/a", "mdoe": "r"}],
            "expected a setting, got 'mdoe' (outer.inner[0].mdoe). Did you mean 'mode'?",
        ),
        (
            "inner",
            [{"path": "/a", "mode": "x"}],
            "expected one of r, w, or empty, got 'x' (outer.inner[0].mode).",
        ),
        ("inner", ["/a"], "expected a mapping of settings, got '/a' (outer.inner[0])."),
        ("labels", {"a": None}, "expected a text, got None (outer.labels.a)."),
        ("labels", "a", "expected a mapping, got 'a' (outer.labels)."),
    ],
)
def test_what_cannot_be_is_refused_in_one_wording(name, given, message):
    with pytest.raises(SettingsError) as caught:
        Outer.from_mapping({name: given})
    assert str(caught.value).startswith(message or "expected ")
    assert caught.value.setting.startswith(f"outer.{name}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", "7"),
        ("count", 7.0),
        ("share", "0.5"),
        ("flag", "yes"),
        ("name", 2),
        ("factor", "4"),
        ("factor", 4.0),
        ("ends", "3,4"),
        ("names", None),
        ("limit", "none"),
    ],
)
def test_python_code_is_held_to_the_types(name, value):
    assert Outer.from_mapping({name: value or "a"})
    with pytest.raises(SettingsError, match=r"^expected "):
        Outer(**{name: value})


def test_lists_of_json_become_tuples_and_integers_floats():
    section = Outer(ends=[1, 2], names=["b"])
    assert (section.ends, section.names) == ((1.0, 2.0), ("b",))
    assert json.loads(section.to_json())["ends"] == [1.0, 2.0]


@given(
    st.builds(
        Outer,
        count=st.integers(1, 9),
        share=st.floats(0, 1),
        flag=st.booleans(),
        name=st.text(),
        limit=st.none() | st.integers(0, 2**70),
    )
)
def test_json_gives_the_same_section_back(section):
    assert Outer.from_json(section.to_json()) == section


def test_what_is_no_mapping_is_refused():
    with pytest.raises(SettingsError, match="a mapping of settings, got \\['count'\\]"):
        Outer.from_mapping(["count"])
    assert Outer.from_mapping(None) == Outer()


def test_an_error_survives_a_worker():
    with pytest.raises(SettingsError) as caught:
        Outer(count=0)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.setting) == (str(caught.value), "outer.count")


def test_the_place_of_an_error_is_that_of_the_nearest_value_around_it():
    error = SettingsError("x", "y", "a.b[1].c")
    assert error.at({"": "f:1", "a": "f:2", "a.b": "f:3"}).place == "f:3"
    assert error.at({"": "f:1", "a.b[1].c": "f:9"}).place == "f:9"
    assert error.at({"": "f:1", "b": "f:2"}).place == "f:1"
    assert error.at({}).place == ""


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        (Bounds(), ""),
        (Bounds(ge=0, le=1), "from 0 to 1"),
        (Bounds(ge=0, lt=2**31), "from 0 to below 2**31"),
        (Bounds(gt=0, lt=1), "above 0 and below 1"),
        (Bounds(gt=0, le=0.5), "above 0 and up to 0.5"),
        (Bounds(ge=1), "1 or more"),
        (Bounds(gt=0.5), "above 0.5"),
        (Bounds(le=1_000), "up to 1,000"),
        (Bounds(lt=9), "below 9"),
    ],
)
def test_ranges_in_words(bounds, text):
    assert bounds.range_text() == text


@given(st.floats(-2, 2), st.floats(-2, 2))
def test_bounds_hold_what_they_say(number, bound):
    assert Bounds(ge=bound).holds(number) is (number >= bound)
    assert Bounds(gt=bound).holds(number) is (number > bound)
    assert Bounds(le=bound).holds(number) is (number <= bound)
    assert Bounds(lt=bound).holds(number) is (number < bound)


@pytest.mark.parametrize("annotation", [complex, tuple[int, str], list[int], dict])
def test_a_type_that_settings_cannot_have_is_refused(annotation):
    with pytest.raises(TypeError, match=r"^expected a t"):
        kind_of(annotation)
