import dataclasses
import json
import math

import pytest

from models.trainer_config import TrainerConfig


def test_survives_json():
    config = TrainerConfig(epochs=3, cache="disk")
    assert TrainerConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("warmup_fraction", 1.0),
        ("label_smoothing", -0.1),
        ("clip_norm", -1.0),
        ("device", "abacus"),
        ("cache", "tape"),
        ("mixed_precision", "int8"),
        ("class_weighting", "half"),
        ("final_learning_rate_fraction", 1.1),
        ("seed", -1),
        ("seed", 2**31),
        ("crop_frames", -1),
    ],
)
def test_a_bad_value_is_named(field, value):
    with pytest.raises(ValueError, match=rf"trainer\.{field} must be .*, got {value!r}"):
        TrainerConfig(**{field: value})


def test_the_largest_seed_is_taken():
    assert TrainerConfig(seed=2**31 - 1).seed == 2**31 - 1


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(
    "field", [f.name for f in dataclasses.fields(TrainerConfig) if isinstance(f.default, float)]
)
def test_a_float_must_be_finite(field, value):
    with pytest.raises(ValueError, match=rf"^trainer\.{field} must be finite, got {value!r}$"):
        TrainerConfig(**{field: value})
