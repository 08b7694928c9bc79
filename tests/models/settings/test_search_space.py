import dataclasses

import pytest

from models.settings.search_space import (
    DEFAULT_SPACE,
    SEARCHABLE,
    apply_values,
    search_space,
    value_of,
    values_text,
)
from pipeline.config import PRESETS, sample

CONFIG = {
    "trainer": {"epochs": 3, "learning_rate": 1.0},
    "augment": {"alpha": 2},
    "materialized": 1,
}


def test_values_replace_those_of_the_settings_and_nothing_else():
    changed = apply_values(CONFIG, {"trainer.learning_rate": 0.5})
    assert changed == {**CONFIG, "trainer": {"epochs": 3, "learning_rate": 0.5}}
    assert CONFIG["trainer"]["learning_rate"] == 1.0
    assert apply_values(CONFIG, {}) == CONFIG


@pytest.mark.parametrize("name", ["trainer.momentum", "trainers.epochs"])
def test_a_setting_that_is_not_there_is_not_made(name):
    with pytest.raises(KeyError):
        apply_values(CONFIG, {name: 1})


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("name", SEARCHABLE)
def test_the_settings_take_both_ends_of_every_range(preset, name):
    settings = PRESETS[preset]()
    features = settings.features
    found = search_space(
        frames=settings.trainer.crop_frames or features.num_frames, bands=features.num_features
    )[name]
    section, field = name.split(".")
    for value in (found.low, found.high):
        changed = dataclasses.replace(getattr(settings, section), **{field: value})
        assert isinstance(value, type(getattr(getattr(settings, section), field)))
        dataclasses.replace(settings, **{section: changed})
    assert found.low < found.high
    assert found.low > 0 or not found.log


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_the_presets_lie_inside_the_ranges_that_are_searched_by_default(preset):
    settings = PRESETS[preset]()
    features = settings.features
    ranges = search_space(
        frames=settings.trainer.crop_frames or features.num_frames, bands=features.num_features
    )
    for name in DEFAULT_SPACE:
        assert ranges[name].low <= value_of(settings.training(), name) <= ranges[name].high, name


def test_the_smallest_clip_has_a_range_too():
    assert search_space(frames=1, bands=1)["augment.max_time_mask_frames"].high == 1


def test_text():
    values = {"trainer.learning_rate": 0.00123, "augment.max_time_mask_frames": 24}
    assert values_text(values) == "learning_rate 0.00123  max_time_mask_frames 24"
    assert sample().tuner.space == DEFAULT_SPACE
