import dataclasses
from typing import Annotated

import pytest

from bonafide.settings import Bounds, Section, SettingsError
from bonafide.settings.overrides import (
    Change,
    override,
    section_types,
    sections_of,
    values_of,
)


@dataclasses.dataclass(frozen=True)
class Net(Section, section="net"):
    """A network."""

    width: Annotated[int, Bounds(ge=1)] = 8
    heads: Annotated[int, Bounds(ge=1)] = 2

    def __post_init__(self):
        super().__post_init__()
        if self.width % self.heads:
            raise self.refused("width", f"a multiple of net.heads ({self.heads})")


@dataclasses.dataclass(frozen=True)
class Tree:
    """Settings."""

    name: str = "x"
    net: Net = dataclasses.field(default_factory=Net)

    def __post_init__(self):
        if self.net.width == 66:
            raise self.net.refused("width", "another width")


NAMED = {"net": {"S": Net(4, 1), "M": Net(16, 4)}}


def test_sections_and_values():
    assert section_types(Tree) == [Net]
    assert sections_of(Tree()) == {"net": Net()}
    assert values_of(Tree()) == {"net.width": 8, "net.heads": 2}


def test_changes_are_applied_together_and_the_later_wins():
    assert override(Tree(), ["net.width=9", "net.heads=3", "net.width = 6"]).net == Net(6, 3)
    assert override(Tree(), ["net=M", "net.heads=8"], NAMED).net == Net(16, 8)
    assert override(Tree(), ["net.heads=8", "net=M"], NAMED).net == Net(16, 4)
    assert override(Tree(), []) == Tree()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["net.width"], "expected section.field=value, got 'net.width' (--set)."),
        (
            ["net.wdith=3"],
            "expected a setting, got 'net.wdith' (--set). Did you mean 'net.width'?",
        ),
        (["zzz=1"], "expected a setting, got 'zzz' (--set). Known: net.width, net.heads, net."),
        (["net=L"], "expected one of S, M, got 'L' (net, --set)."),
        (
            ["net.width=3"],
            "expected a multiple of net.heads (2), got 3 (net.width, --set).",
        ),
        (
            [Change("net.width", "x", "run.yaml:7")],
            "expected a whole number, 1 or more, got 'x' (net.width, run.yaml:7).",
        ),
        (
            [Change("net.width", 66, "run.yaml:7")],
            "expected another width, got 66 (net.width, run.yaml:7).",
        ),
        ([Change("net", ["S"], "run.yaml:7")], "expected one of S, M, got ['S'] (net, run."),
    ],
)
def test_what_is_refused_is_named_with_its_place(changes, message):
    with pytest.raises(SettingsError) as caught:
        override(Tree(), changes, NAMED)
    assert str(caught.value).startswith(message)


def test_a_section_without_names_cannot_be_set_as_a_whole():
    with pytest.raises(SettingsError, match=r"Name one of its settings, such as net\.width"):
        override(Tree(), ["net=S"])
