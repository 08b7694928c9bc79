"""`measures/SPLIT-00000.npz` beside the examples: measures of the utterances, a file per shard."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator

import numpy as np

from bonafide.audio import landmarks, measures
from bonafide.storage import beam_files

FOLDER = "measures"
# Samples per batch: 2 MiB, and twice that as floats.
_BATCH_SAMPLES = 1 << 20


class Collector:
    """Measures utterances in batches.

    Args:
        sample_rate: Sampling rate of all utterances, in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._clips: list[measures.Clip] = []
        self._held = 0
        self._parts: list[measures.Measures] = []

    def add(self, clip: measures.Clip) -> None:
        """Adds an utterance; its samples must not be changed afterwards."""
        self._clips.append(clip)
        self._held += len(clip.samples)
        if self._held >= _BATCH_SAMPLES:
            self._measure()

    def finish(self) -> measures.Measures:
        """Returns the measures of all added utterances, in order."""
        self._measure()
        return measures.join(self._parts)

    def _measure(self) -> None:
        if self._clips:
            self._parts.append(measures.measure(self._clips, self._sample_rate))
        self._clips, self._held = [], 0


def to_bytes(found: measures.Measures) -> bytes:
    """Returns the content of the file; the same measures give the same bytes."""
    file = io.BytesIO()
    np.savez(
        file,
        names=np.array(measures.NUMBERS),
        utterances=found.utterances,
        numbers=found.numbers,
        encodings=found.encodings,
        digests=found.digests,
        **dataclasses.asdict(found.marks),
    )
    return file.getvalue()


def from_bytes(data: bytes) -> measures.Measures:
    """The inverse of `to_bytes`.

    Raises:
        ValueError: The file is from another version with other measures.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        if tuple(file["names"]) != measures.NUMBERS:
            raise ValueError(
                "the measures beside the examples are of another version of this project; "
                "run UtteranceGen again"
            )
        marks = landmarks.Landmarks(file["counts"], file["codes"], file["places"])
        return measures.Measures(
            utterances=file["utterances"],
            numbers=file["numbers"],
            encodings=file["encodings"],
            digests=file["digests"],
            marks=marks,
        )


def read(examples_uri: str) -> Iterator[measures.Measures]:
    """Yields the measures of each shard beside the examples, in the order of their names.

    Raises:
        FileNotFoundError: The examples are of another producer, or of an older version.
        ValueError: The files are of another version.
    """
    folder = beam_files.join(examples_uri, FOLDER)
    names = sorted(beam_files.list_folder(folder))
    if not names:
        raise FileNotFoundError(
            f"{folder} contains no measures: the examples are not from UtteranceGen, or from an "
            "older version. Run UtteranceGen again."
        )
    for name in names:
        yield from_bytes(beam_files.read_bytes(beam_files.join(folder, name)))
