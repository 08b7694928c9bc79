"""Types of settings that many sections share."""

from __future__ import annotations

from typing import Annotated

from bonafide.settings.rules import Bounds

Fraction = Annotated[float, Bounds(ge=0, le=1, unit="fraction")]
Probability = Annotated[float, Bounds(ge=0, le=1, unit="probability")]
# Dropout at 1 would drop everything.
DropRate = Annotated[float, Bounds(ge=0, lt=1, unit="probability")]
# TensorFlow's stateless random operations use int32, the metadata store int64.
Seed = Annotated[int, Bounds(ge=0, lt=2**31)]
LongSeed = Annotated[int, Bounds(ge=0, lt=2**63)]
