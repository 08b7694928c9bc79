"""What is said of a recording, as the columns of every output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bonafide.scoring.engine import Recording
from bonafide.scoring.thresholds import Threshold, posterior
from bonafide.storage.files import printable

COLUMNS = ("path", "score", "probability", "decision", "seconds", "segments", "error")
SEGMENT_COLUMNS = (
    *("path", "start", "end", "score", "probability", "decision", "lowest", "error"),
)
_DECIMALS = {"score": 6, "probability": 6, "seconds": 3, "start": 3, "end": 3}

Row = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """How scores are read.

    Attributes:
        sample_rate: Of the model, in Hz.
        clip_samples: Of the model.
        threshold: Where to decide.
        prior: Share of recordings that are bona fide before any is heard.
    """

    sample_rate: int
    clip_samples: int
    threshold: Threshold
    prior: float

    def row(self, recording: Recording) -> Row:
        """Returns the values of COLUMNS; None where there is none."""
        row: Row = dict.fromkeys(COLUMNS) | {"path": printable(recording.path)}
        if recording.error:
            return row | {"error": recording.error}
        return row | {
            **self._judged(recording.score),
            "seconds": _rounded("seconds", recording.samples / self.sample_rate),
            "segments": len(recording.scores),
        }

    def segment_rows(self, recording: Recording) -> list[Row]:
        """Returns the values of SEGMENT_COLUMNS of each segment; one row of a bad recording.

        `start` and `end` are in seconds; `lowest` is true for the segment of the lowest score.
        """
        row: Row = dict.fromkeys(SEGMENT_COLUMNS) | {"path": printable(recording.path)}
        if recording.error:
            return [row | {"error": recording.error}]
        return [
            row
            | self._judged(score)
            | {
                "start": _rounded("start", start / self.sample_rate),
                "end": _rounded(
                    "end", min(start + self.clip_samples, recording.samples) / self.sample_rate
                ),
                "lowest": index == recording.lowest,
            }
            for index, (start, score) in enumerate(
                zip(recording.starts, recording.scores, strict=True)
            )
        ]

    def _judged(self, score: float) -> Row:
        return {
            "score": _rounded("score", score),
            "probability": _rounded("probability", posterior(score, self.prior)),
            # Of the score as it is, not as it is written.
            "decision": self.threshold.decide(score),
        }


def _rounded(column: str, value: float) -> float:
    return round(value, _DECIMALS[column]) + 0.0  # never -0.0


def as_text(column: str, value: Any) -> str:
    """Returns a value as it stands in CSV and TSV."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.{_DECIMALS[column]}f}" if column in _DECIMALS else str(value)
