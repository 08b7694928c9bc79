"""Types of settings that many sections share."""

from __future__ import annotations

from typing import Annotated

from bonafide.settings.rules import Bounds

Fraction = Annotated[float, Bounds(ge=0, le=1, unit="fraction")]
Probability = Annotated[float, Bounds(ge=0, le=1, unit="probability")]
# Dropout at 1 would leave nothing.
DropRate = Annotated[float, Bounds(ge=0, lt=1, unit="probability")]
# Stateless random operations of TensorFlow take an int32, the metadata store an int64.
Seed = Annotated[int, Bounds(ge=0, lt=2**31)]
LongSeed = Annotated[int, Bounds(ge=0, lt=2**63)]
