import dataclasses
import math

import pytest

from models.settings.features import FeatureConfig


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(
    "field", [f.name for f in dataclasses.fields(FeatureConfig) if isinstance(f.default, float)]
)
def test_a_float_must_be_finite(field, value):
    with pytest.raises(
        ValueError, match=rf"^expected a finite .*, got {value!r} \(features\.{field}\)"
    ):
        FeatureConfig(**{field: value})
