"""The content of a shard: CSV as score.py writes it, or TFRecords of tf.Examples."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np

from bonafide.scoring import output
from bonafide.scoring.engine import Recording
from bonafide.scoring.rows import Reading
from bonafide.storage import records


def write(file: BinaryIO, recordings: Iterable[Recording], reading: Reading, form: str) -> None:
    """Writes recordings as they come.

    Args:
        file: Where to.
        recordings: With their scores.
        reading: How scores are read.
        form: `csv`, where a recording without a score is a row with the reason; or `tfrecord`,
            which leaves it out.
    """
    if form == "tfrecord":
        for recording in recordings:
            if not recording.error:
                records.write_record(file, to_example(recording, reading))
        return
    # Not row by row into the file: those of a shard are some hundred kB, and each would be flushed.
    text = io.StringIO()
    with output.separated(text, reading, segments=False, delimiter=",") as write_row:
        for recording in recordings:
            write_row(recording)
    file.write(text.getvalue().encode())


def to_example(recording: Recording, reading: Reading) -> bytes:
    """Returns a serialized tf.Example of a recording with a score.

    Features: `path` and `decision` (bytes), `score`, `probability` and `seconds` (float),
    `segment_scores` and `segment_seconds` (floats: score and start of each segment).
    """
    row = reading.row(recording)
    starts = np.asarray(recording.starts, np.float64) / reading.sample_rate
    return records.encode_example(
        {
            "path": [os.fsencode(recording.path)],
            "decision": [row["decision"].encode()],
            "score": np.asarray([recording.score], np.float32),
            "probability": np.asarray([row["probability"]], np.float32),
            "seconds": np.asarray([recording.samples / reading.sample_rate], np.float32),
            "segment_scores": np.asarray(recording.scores, np.float32),
            "segment_seconds": starts.astype(np.float32),
        }
    )
