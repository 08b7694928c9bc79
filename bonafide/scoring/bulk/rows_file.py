"""The content of a shard: CSV as from `bonafide score`, or TFRecords of tf.Examples."""

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
    """Writes recordings as they arrive.

    Args:
        file: Output file.
        recordings: Recordings with scores.
        reading: Conversion of scores to rows.
        form: `csv`, with a row and the reason for recordings without a score; or `tfrecord`,
            which omits them.
    """
    if form == "tfrecord":
        for recording in recordings:
            if recording.has_score:
                records.write_record(file, to_example(recording, reading))
        return
    # Not row by row: a shard has some hundred kB, and each row would be flushed.
    text = io.StringIO()
    with output.separated(text, reading, segments=False, delimiter=",") as write_row:
        for recording in recordings:
            write_row(recording)
    file.write(text.getvalue().encode())


def to_example(recording: Recording, reading: Reading) -> bytes:
    """Returns a serialized tf.Example of a recording with a score.

    Features: `path`, `channel` and `decision` (bytes), `score`, `probability`, `seconds` and
    `speech` (float), `partly_spoofed` (0 or 1), `unlike_training` (bytes, empty if it is like
    training), `segment_scores`, `segment_seconds` and `segment_speech` (floats: score, start and
    speech of each segment). If channels were scored separately, all values are those of the
    decisive one.
    """
    row = reading.row(recording)
    track = reading.verdict(recording)
    starts = np.array([segment.start for segment in track.segments]) / reading.sample_rate
    speech = np.array([segment.speech_seconds for segment in track.segments])
    return records.encode_example(
        {
            "path": [os.fsencode(recording.path)],
            "channel": [row["channel"].encode()],
            "decision": [row["decision"].encode()],
            "score": np.asarray([track.score], np.float32),
            "probability": np.asarray([row["probability"]], np.float32),
            "seconds": np.asarray([track.samples / reading.sample_rate], np.float32),
            "speech": np.asarray([track.speech_seconds], np.float32),
            "partly_spoofed": [int(row["partly_spoofed"])],
            "unlike_training": [(row["unlike_training"] or "").encode()],
            "segment_scores": np.asarray([s.score for s in track.segments], np.float32),
            "segment_seconds": starts.astype(np.float32),
            "segment_speech": speech.astype(np.float32),
        }
    )
