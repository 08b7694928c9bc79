"""Profile of a corpus: distributions of its measures, kept with the model trained on it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from bonafide.audio.measures import NUMBERS, Measures
from bonafide.metrics import distribution
from bonafide.metrics.distribution import Distribution
from components.data_gate.table import Table

BONAFIDE, SPOOF = "bonafide", "spoof"


@dataclasses.dataclass(frozen=True)
class ClassProfile:
    """The utterances of one class.

    Attributes:
        count: How many there are.
        numbers: Distribution of each measure.
        encodings: Encoding -> files.
    """

    count: int
    numbers: Mapping[str, Distribution]
    encodings: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Profile:
    """The split train of a corpus.

    Attributes:
        corpus: Its name.
        fingerprint: Of what was read.
        classes: `bonafide` and `spoof`, where there are any.
    """

    corpus: str
    fingerprint: str
    classes: Mapping[str, ClassProfile]


def profile_of(measured: Measures, rows: np.ndarray) -> ClassProfile | None:
    """Describes some utterances; None if there is none.

    Args:
        measured: N utterances.
        rows: Indices of those.
    """
    if not len(rows):
        return None
    names, counts = np.unique(measured.encodings[rows], return_counts=True)
    return ClassProfile(
        count=len(rows),
        numbers={
            name: distribution.distribution_of(measured.numbers[rows, column])
            for column, name in enumerate(NUMBERS)
        },
        encodings=dict(zip(names.tolist(), counts.tolist(), strict=True)),
    )


def train_profile(table: Table, corpus: str, fingerprint: str) -> Profile:
    """Returns the profile of the split train.

    Args:
        table: The utterances.
        corpus: Name of the corpus.
        fingerprint: Of what was read.
    """
    found = {name: profile_of(table.measured, rows) for name, rows in train_rows(table).items()}
    return Profile(corpus, fingerprint, {name: of for name, of in found.items() if of})


def train_rows(table: Table) -> dict[str, np.ndarray]:
    """Class -> indices of its utterances in train."""
    train = table.splits == "train"
    return {
        BONAFIDE: np.flatnonzero(train & table.is_bonafide),
        SPOOF: np.flatnonzero(train & ~table.is_bonafide),
    }


def to_json(profile: Profile) -> str:
    """Returns a profile as text."""
    return json.dumps(dataclasses.asdict(profile), indent=1) + "\n"


def from_json(text: str) -> Profile:
    """Reads back what `to_json` wrote.

    Raises:
        ValueError: It is something else, or damaged.
    """
    try:
        data = json.loads(text)
        classes = {name: _class_from(found) for name, found in data["classes"].items()}
        return Profile(data["corpus"], data["fingerprint"], classes)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"expected the profile of a corpus, got {type(error).__name__}: {error}"
        ) from error


def _class_from(data: Mapping[str, Any]) -> ClassProfile:
    numbers = {name: distribution.from_json(found) for name, found in data["numbers"].items()}
    return ClassProfile(data["count"], numbers, data["encodings"])
