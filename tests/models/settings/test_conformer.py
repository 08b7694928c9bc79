import dataclasses
import math

import pytest

from models.settings.conformer import ConformerConfig


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(
    "field", [f.name for f in dataclasses.fields(ConformerConfig) if isinstance(f.default, float)]
)
def test_a_float_must_be_finite(field, value):
    with pytest.raises(
        ValueError, match=rf"^expected a finite .*, got {value!r} \(conformer\.{field}\)"
    ):
        ConformerConfig(**{field: value})
