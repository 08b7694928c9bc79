import dataclasses
from typing import Annotated, Literal

import pytest

from bonafide.settings import Bounds, Section
from bonafide.settings.kinds import List, Number
from bonafide.settings.overrides import section_types
from bonafide.settings.reference import describe, help_text, introduction, markdown_table, title
from bonafide.settings.section import settings_of
from pipeline.config import Settings

SECTIONS = section_types(Settings)


@dataclasses.dataclass(frozen=True)
class Part(Section, section="part"):
    """What it is for. And more.

    A second paragraph
    on two lines.

    Attributes:
        width: Its width. It has
            two sentences: really.
        mode: How it is | done.
        name: Must be given.
    """

    name: str
    width: Annotated[float, Bounds(gt=0, unit="Hz")] = 3.5
    mode: Literal["a", "b"] = "a"


def test_the_text_of_a_setting_is_that_of_the_docstring():
    name, width, mode = describe(Part)
    assert (width.name, width.value_text, width.unit) == ("part.width", "3.5", "Hz")
    assert width.limits == "a number above 0"
    assert width.text == "Its width. It has two sentences: really."
    assert (mode.limits, mode.unit) == ("one of a, b", "")
    assert name.value is dataclasses.MISSING
    assert title(Part) == "What it is for."
    assert introduction(Part) == "What it is for. And more.\n\nA second paragraph on two lines."


def test_help_shows_the_values_in_force():
    text = help_text(Part("n", 7.0), 60)
    assert "part: What it is for.\n  part.name=n\n" in text
    assert "  part.width=7.0\n      Its width. It has two sentences: really.\n" in text
    assert "      a number above 0 (Hz)\n" in text
    assert max(map(len, text.splitlines())) <= 60


def test_a_table_has_a_row_for_each_setting():
    rows = markdown_table(Part).splitlines()
    assert rows[0] == "| Setting | Default | Range | Unit | What it does |"
    assert rows[2] == "| `part.name` | *required* | a text |  | Must be given. |"
    assert rows[4] == "| `part.mode` | `a` | one of a, b |  | How it is \\| done. |"


def test_a_setting_without_a_text_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Silent(Section):
        """Says nothing."""

        width: int = 1

    with pytest.raises(ValueError, match="got none for width"):
        describe(Silent)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.section)
def test_every_setting_has_a_sentence_and_a_range(section):
    for found in describe(section):
        assert found.text.endswith("."), found.name
        assert found.text[0].isupper(), found.name
        assert len(found.text.split()) >= 3, found.name
    for setting in settings_of(section):
        number = setting.kind.item if isinstance(setting.kind, List) else setting.kind
        if isinstance(number, Number):
            # A level in dB can be any number.
            assert number.bounds.range_text() or number.bounds.unit == "dB", setting.name


# A count, a share or a length has a unit; these are numbers of their own.
UNITLESS = {
    *("features.log_floor", "features.preemphasis", "conformer.ff_multiplier"),
    *("conformer.halved_after", "waveform.speed_range", "augment.mixup_alpha"),
    *("augment.cutmix_alpha", "trainer.learning_rate", "trainer.weight_decay"),
    *("trainer.clip_norm", "trainer.seed", "tuner.seed", "utterances.seed", "evaluation.seed"),
}


def test_every_number_has_a_unit():
    found = {
        f"{section.section}.{setting.name}"
        for section in SECTIONS
        for setting in settings_of(section)
        for number in [setting.kind.item if isinstance(setting.kind, List) else setting.kind]
        if isinstance(number, Number) and not number.bounds.unit
    }
    assert found == UNITLESS
