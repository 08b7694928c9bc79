import dataclasses
import json

import pytest

from models.settings.search_space import SEARCHABLE
from models.settings.tuner import TunerConfig


def test_survives_json():
    config = TunerConfig(trials=3, holdout_attacks=("A03",), space=SEARCHABLE[:2])
    assert TunerConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_off_unless_asked_for():
    assert TunerConfig().trials == 0


@pytest.mark.parametrize(
    ("field", "value", "law"),
    [
        ("trials", -1, "a whole number of trainings from 0"),
        ("trials", 10_001, "a whole number of trainings from 0 to 10,000"),
        ("epochs", 0, "a whole number of epochs from 1"),
        ("seed", 2**31, r"a whole number from 0 to below 2\*\*31"),
        ("space", (), "texts, .*at least 1"),
        ("space", ("conformer.dropout", "conformer.dropout"), "texts, .*each once"),
    ],
)
def test_a_bad_value_is_named(field, value, law):
    with pytest.raises(ValueError, match=rf"^expected {law}.*, got .* \(tuner\.{field}\)"):
        TunerConfig(**{field: value})


def test_a_misspelt_setting_of_the_space_is_told_with_the_nearest():
    with pytest.raises(
        ValueError, match=r"'trainer.learningrate' .*Did you mean 'trainer\.learning_"
    ):
        TunerConfig(space=("trainer.learningrate",))
