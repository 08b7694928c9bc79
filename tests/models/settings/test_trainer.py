import dataclasses
import json
import math

import pytest

from models.settings.trainer import TrainerConfig


def test_survives_json():
    config = TrainerConfig(epochs=3, cache="disk", corpus_weights=("itw=3",))
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
    with pytest.raises(ValueError, match=rf"^expected .*, got {value!r} \(trainer\.{field}\)"):
        TrainerConfig(**{field: value})


@pytest.mark.parametrize("entries", [("itw",), ("itw=0",), ("itw=1", "itw=2")])
def test_what_is_no_weight_of_a_corpus_is_named(entries):
    with pytest.raises(ValueError, match=rf"got {entries[-1]!r} \(trainer\.corpus_weights\)"):
        TrainerConfig(corpus_weights=entries)


def test_the_largest_seed_is_taken():
    assert TrainerConfig(seed=2**31 - 1).seed == 2**31 - 1


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(
    "field", [f.name for f in dataclasses.fields(TrainerConfig) if isinstance(f.default, float)]
)
def test_a_float_must_be_finite(field, value):
    with pytest.raises(
        ValueError, match=rf"^expected a finite .*, got {value!r} \(trainer\.{field}\)"
    ):
        TrainerConfig(**{field: value})
