"""Conditions of each evaluated recording: metadata of its corpus, and its duration."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from bonafide.audio import measures
from bonafide.dataset import listing, measure_files
from bonafide.metrics.slices import UNKNOWN

_DURATIONS = (2.0, 4.0, 8.0)  # seconds


def conditions_of(examples_uri: str, utterances: Iterable[str]) -> dict[str, npt.NDArray[np.str_]]:
    """Returns condition -> the value of each utterance, empty if not known.

    Args:
        examples_uri: Folder of UtteranceGen's examples.
        utterances: [N] ids.
    """
    place = {str(utterance): index for index, utterance in enumerate(utterances)}
    found: dict[str, list[str]] = {}
    for row in listing.read_listing(examples_uri):
        if (index := place.get(row.utterance)) is not None:
            for name, value in row.extra:
                if name in listing.CONDITIONS:
                    found.setdefault(name, [UNKNOWN] * len(place))[index] = value
    # Examples of an older version have no measures.
    with contextlib.suppress(FileNotFoundError):
        seconds = measures.NUMBERS.index("seconds")
        for part in measure_files.read(examples_uri):
            for utterance, numbers in zip(part.utterances, part.numbers, strict=True):
                if (index := place.get(str(utterance))) is not None:
                    durations = found.setdefault("duration", [UNKNOWN] * len(place))
                    durations[index] = duration_bucket(float(numbers[seconds]))
    order = [*listing.CONDITIONS, "duration"]
    return {name: np.array(found[name]) for name in order if name in found}


def duration_bucket(seconds: float) -> str:
    """Such as `2 to 4 s`."""
    below = [limit for limit in _DURATIONS if seconds >= limit]
    above = [limit for limit in _DURATIONS if seconds < limit]
    if not below:
        return f"under {_DURATIONS[0]:g} s"
    return f"{below[-1]:g} to {above[0]:g} s" if above else f"{below[-1]:g} s and longer"
