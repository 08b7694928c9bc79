import dataclasses

import pytest

from bonafide.audio.degradation_specs import CONDITIONS, STEPS, title_of
from bonafide.report import figures, robustness
from bonafide.report.model_card import render_model_card


def test_the_worst_condition_comes_first_after_the_recordings_as_they_are(contents):
    rows = robustness.rows(contents.conditions)
    assert [row.name for row in rows] == ["as_recorded", "mp3:64k", "noise:30"]
    assert rows[1].title == "MP3 at 64 kbit/s"


def test_a_reviewer_is_told_what_a_condition_does_to_decisions(contents):
    said = robustness.summary(contents.conditions)
    assert "As recorded, 10 of 100 spoofs pass as bona fide" in said
    assert "in the worst condition (MP3 at 64 kbit/s) 99 do" in said
    assert "in the worst condition (white noise 30 dB below the speech) 20 are" in said
    assert "In 1 of 2 conditions a rate moves by more than 15 points" in said


def test_a_steady_detector_is_told_as_such(contents):
    results = {**contents.conditions.results}
    del results["mp3:64k"]
    steady = dataclasses.replace(contents.conditions, results=results)
    assert "No condition moves either rate by more than 15 points." in robustness.summary(steady)
    alone = {"as_recorded": results["as_recorded"]}
    alone = dataclasses.replace(contents.conditions, results=alone)
    assert robustness.summary(alone) == "No condition was measured."


def test_without_a_threshold_the_eer_stands_in(hostile):
    assert "at worst 20.00" in robustness.summary(hostile.conditions)
    spec = figures.conditions(hostile).specs[0]
    assert {row["error"] for row in spec["datasets"]["conditions"]} == {"EER"}


def test_the_chart_has_both_errors_of_every_condition(contents):
    figure = figures.conditions(contents)
    drawn = figure.specs[0]["datasets"]["conditions"]
    assert len(drawn) == 6
    assert [row["condition"] for row in drawn[::2]] == [row[0] for row in figure.table.rows]
    assert figures.conditions(dataclasses.replace(contents, conditions=None)) is None


def test_the_model_card_has_them_as_well(contents):
    card = render_model_card(contents)
    assert "## Robustness" in card
    assert "| MP3 at 64 kbit/s |" in card
    assert "## Robustness" not in render_model_card(dataclasses.replace(contents, conditions=None))


@pytest.mark.parametrize(
    ("spec", "title"),
    [
        ("mp3:64k", "MP3 at 64 kbit/s"),
        ("mp3:64k@44100", "MP3 at 64 kbit/s, coded at 44,100 Hz"),
        ("vorbis:q3", "Vorbis at quality 3"),
        ("highpass:300|alaw", "Nothing below 300 Hz, then A-law (telephone)"),
        ("none", "As recorded"),
        ("our own phone line", "our own phone line"),
    ],
)
def test_conditions_have_titles(spec, title):
    assert title_of(spec) == title


def test_every_condition_and_step_has_a_title():
    values = {"lowpass": 3000, "highpass": 300, "resample": 8000, "room": 0.3}
    specs = [f"{name}:{values.get(name, -10)}" for name in STEPS if name in values]
    for spec in [*CONDITIONS, *specs]:
        assert title_of(spec) != spec
