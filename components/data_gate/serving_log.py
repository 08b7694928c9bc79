"""Statistics of a serving log: measures of recordings, which are read again, and scores."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import posixpath
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import numpy as np
from apache_beam.io.filesystems import FileSystems

from bonafide.audio import measures
from bonafide.audio.decoding import AudioError, decode_with_facts
from bonafide.storage import beam_files

_READERS = 8
_AT_ONCE = 32  # recordings per batch
_SEED = 1
_LEAST_SECONDS = 0.1


class ServingLogError(ValueError):
    """The log cannot be read; the message states place and reason."""


@dataclasses.dataclass(frozen=True, eq=False)
class ServingLogStats:
    """Statistics of a serving log.

    Attributes:
        measured: Measures of sampled recordings.
        scores: float64 [N] of all recordings of the log; empty if it has no scores.
        source: Path or pattern of the log.
        unread: Sampled recordings that could not be read.
    """

    measured: measures.Measures
    scores: np.ndarray
    source: str
    unread: int = 0


def read_serving_log(
    pattern: str, *, root: str = "", most: int, sample_rate: int
) -> ServingLogStats:
    """Reads the log, and measures a sample of its recordings as UtteranceGen does.

    Args:
        pattern: Path or URI of a file, or of several with `*`: CSV or TSV with a header, or lines
            of JSON, with a column `path` and optionally `score`, as `bonafide score` and `bonafide
            bulk` write them.
        root: Folder that the recordings' paths are relative to; empty for the working directory,
            or the folder of the log.
        most: Maximum number of recordings to measure, sampled with a fixed seed.
        sample_rate: Rate of the measurement, in Hz.

    Raises:
        ServingLogError: The file does not exist, it has no column `path` or no row, a score is not
            a number, or no recording could be read.
    """
    rows = [row for path in _files(pattern) for row in _rows(path, root)]
    if not rows:
        raise ServingLogError(
            f"expected a log with recordings, got none in {pattern} (data_gate.serving_log)."
        )
    order = np.random.default_rng(_SEED).permutation(len(rows))[:most]
    chosen = [rows[place][0] for place in sorted(order.tolist())]
    parts: list[measures.Measures] = []
    reasons: list[str] = []
    with futures.ThreadPoolExecutor(_READERS) as pool:
        for begin in range(0, len(chosen), _AT_ONCE):
            batch = chosen[begin : begin + _AT_ONCE]
            found = list(pool.map(_clip, batch, [sample_rate] * len(batch)))
            clips = [clip for clip in found if not isinstance(clip, str)]
            reasons += [reason for reason in found if isinstance(reason, str)]
            if clips:
                parts.append(measures.measure(clips, sample_rate))
    if not parts:
        raise ServingLogError(
            f"{pattern}: none of {len(chosen)} recordings can be read; the first one: {reasons[0]}"
        )
    scores = [score for _, score in rows if score is not None]
    return ServingLogStats(
        measures.join(parts), np.array(scores, np.float64), pattern, len(reasons)
    )


def _files(pattern: str) -> list[str]:
    try:
        [match] = FileSystems.match([pattern])
    except OSError as error:
        raise ServingLogError(f"{pattern}: {error}") from error
    paths = sorted(found.path for found in match.metadata_list)
    if not paths:
        raise ServingLogError(
            f"{pattern} does not exist. Set data_gate.serving_log to an existing file."
        )
    return paths


def _rows(path: str, root: str) -> Iterator[tuple[str, float | None]]:
    """Yields path and score of each recording of a file, except those with an error."""
    text = beam_files.read_bytes(path).decode("utf-8-sig", errors="surrogateescape")
    for number, row in enumerate(_records(text, path), start=1):
        if not row.get("path"):
            raise ServingLogError(
                f"expected a value of `path`, got none ({path}, row {number}). Use the CSV or JSON "
                "Lines of `bonafide score` or `bonafide bulk`."
            )
        if row.get("error"):
            continue
        score = row.get("score")
        try:
            value = None if score is None or score == "" else float(score)
        except (TypeError, ValueError):
            raise ServingLogError(
                f"expected a number as score, got {score!r} ({path}, row {number})."
            ) from None
        yield _placed(str(row["path"]), root, path.rpartition("/")[0]), value


def _records(text: str, path: str) -> Iterator[dict[str, Any]]:
    if text.lstrip().startswith("{"):
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise ServingLogError(f"{path}: line {number}: {error}") from error
        return
    first = text.partition("\n")[0]
    try:
        yield from csv.DictReader(
            io.StringIO(text, newline=""), delimiter="\t" if "\t" in first else ",", strict=True
        )
    except csv.Error as error:
        raise ServingLogError(f"{path}: {error}") from error


def _placed(path: str, root: str, log_folder: str) -> str:
    if "://" in path or path.startswith("/"):
        return path
    if not root and Path(path).is_file():
        return path
    return posixpath.join(root or log_folder, path)


def _clip(path: str, sample_rate: int) -> measures.Clip | str:
    """Returns a recording for the measurement, or the reason why it cannot be read."""
    try:
        samples, facts = decode_with_facts(beam_files.read_bytes(path), sample_rate, _LEAST_SECONDS)
    except (OSError, AudioError) as error:
        return f"{path}: {error}"
    return measures.Clip(path, samples, facts)
