"""What is said of a recording, as the columns of every output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bonafide import cells
from bonafide.metrics.training_range import TrainingRange
from bonafide.scoring import partial
from bonafide.scoring.engine import Recording, Segment, Track
from bonafide.scoring.thresholds import NO_SPEECH, NOT_SURE, SPOOF, Threshold, posterior
from bonafide.storage.files import printable

COLUMNS = (
    *("path", "channel", "score", "probability", "decision", "seconds", "speech", "segments"),
    *("lowest", "lowest_start", "partly_spoofed", "unlike_training", "note", "error"),
)
SEGMENT_COLUMNS = (
    *("path", "channel", "start", "end", "speech", "score", "probability", "decision", "lowest"),
    *("partly_spoofed", "unlike_training", "error"),
)
_DECIMALS = {
    **{"score": 6, "probability": 6, "seconds": 3, "speech": 3, "start": 3, "end": 3},
    **{"lowest": 6, "lowest_start": 3},
}
# Where the channel's name stands of the recording itself, of which others have rows of their own.
WORST = "worst: "

Row = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """How scores are read.

    Attributes:
        sample_rate: Of the model, in Hz.
        clip_samples: Of the model.
        threshold: Where to decide.
        prior: Share of recordings that are bona fide before any is scored.
        training: What the model's training data were like; None where it does not say.
    """

    sample_rate: int
    clip_samples: int
    threshold: Threshold
    prior: float
    training: TrainingRange | None = None

    def unlike_training(self, track: Track) -> str:
        """Says in what a track is unlike the model's training; empty where in nothing known."""
        if self.training is None or track.qualities is None or not track.has_score:
            return ""
        return "; ".join(self.training.reasons(track.qualities))

    def decide(self, track: Track) -> str:
        """Returns the decision on a track that has a score.

        The threshold's error rates are those of speech like training's: of other speech nobody
        knows what a score means.
        """
        return NOT_SURE if self.unlike_training(track) else self.threshold.decide(track.score)

    def verdict(self, recording: Recording) -> Track:
        """Returns the track that decides: `Recording.verdict`, but for tracks unlike training.

        A spoof that is like training decides before them, and they before what is bona fide.
        """
        scored = [track for track in recording.tracks if track.has_score]
        unlike = [track for track in scored if self.unlike_training(track)]
        like = [track for track in scored if track not in unlike]
        spoofs = [track for track in like if self.decide(track) == SPOOF]
        for group in (spoofs, unlike, like):
            if group:
                return min(group, key=lambda track: track.score)
        return recording.verdict

    def rows(self, recording: Recording) -> list[Row]:
        """Returns the row of the recording and, where channels were scored apart, one for each."""
        own = self.row(recording)
        if len(recording.tracks) < 2:
            return [own]
        path = own["path"]
        return [own, *(self._track_row(path, track) for track in recording.tracks)]

    def row(self, recording: Recording) -> Row:
        """Returns the values of COLUMNS; None where there is none.

        Where channels were scored apart it is that of the channel that decides, which `channel`
        says.
        """
        path = printable(recording.path)
        if recording.error:
            return dict.fromkeys(COLUMNS) | {"path": path, "error": recording.error}
        row = self._track_row(path, self.verdict(recording))
        if len(recording.tracks) > 1:
            row["channel"] = WORST + row["channel"]
        return row | {"note": recording.note or None, "error": recording.reason or None}

    def segment_rows(self, recording: Recording) -> list[Row]:
        """Returns the values of SEGMENT_COLUMNS of each segment; one row of a bad recording.

        `start` and `end` are in seconds; `lowest` is true for the segment of the lowest score of
        its channel, `partly_spoofed` for those of a run that looks spoofed while the rest does not.
        """
        path = {"path": printable(recording.path)}
        if not recording.has_score:
            row = dict.fromkeys(SEGMENT_COLUMNS) | path | {"error": recording.reason}
            return [row | ({} if recording.error else {"decision": NO_SPEECH})]
        return [
            dict.fromkeys(SEGMENT_COLUMNS) | path | row
            for track in recording.tracks
            if track.has_score
            for row in self.rows_of_segments(track)
        ]

    def rows_of_segments(self, track: Track) -> list[Row]:
        """Returns what SEGMENT_COLUMNS say of the segments of a track that has a score."""
        run = partial.spoofed_run(track.segments, self.threshold)
        lowest, unlike = track.lowest, self.unlike_training(track) or None
        return [
            self._judged(segment.score, unlike)
            | {
                "channel": track.channel,
                "start": self._seconds("start", segment.start),
                "end": self._seconds("end", segment.end),
                "speech": _rounded("speech", segment.speech_seconds),
                "lowest": segment is lowest,
                "partly_spoofed": any(segment is one for one in run),
                "unlike_training": unlike,
            }
            for segment in track.segments
        ]

    def run(self, recording: Recording) -> tuple[float, float] | None:
        """Returns where a recording looks partly spoofed, start and end in seconds; else None."""
        if not recording.has_score:
            return None
        run = partial.spoofed_run(self.verdict(recording).segments, self.threshold)
        return self.span(run[0], run[-1]) if run else None

    def span(self, first: Segment, last: Segment) -> tuple[float, float]:
        """Returns where segments begin and end, in seconds."""
        return self._seconds("start", first.start), self._seconds("end", last.end)

    def _track_row(self, path: str, track: Track) -> Row:
        row: Row = dict.fromkeys(COLUMNS) | {
            "path": path,
            "channel": track.channel,
            "seconds": self._seconds("seconds", track.samples),
            "speech": _rounded("speech", track.speech_seconds),
        }
        if not track.has_score:
            return row | {"decision": NO_SPEECH}
        unlike = self.unlike_training(track) or None
        return row | {
            **self._judged(track.score, unlike),
            "segments": len(track.segments),
            "lowest": _rounded("lowest", track.lowest.score),
            "lowest_start": self._seconds("lowest_start", track.lowest.start),
            "partly_spoofed": bool(partial.spoofed_run(track.segments, self.threshold)),
            "unlike_training": unlike,
        }

    def _judged(self, score: float, unlike: str | None) -> Row:
        return {
            "score": _rounded("score", score),
            "probability": _rounded("probability", posterior(score, self.prior)),
            # Of the score as it is, not as it is written.
            "decision": NOT_SURE if unlike else self.threshold.decide(score),
        }

    def _seconds(self, column: str, samples: int) -> float:
        return _rounded(column, samples / self.sample_rate)


def _rounded(column: str, value: float) -> float:
    return round(value, _DECIMALS[column]) + 0.0  # never -0.0


def as_text(column: str, value: Any) -> str:
    """Returns a value as it stands in CSV and TSV; text as in `bonafide.cells`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column in _DECIMALS:
        return f"{value:.{_DECIMALS[column]}f}"
    return cells.safe(value) if isinstance(value, str) else str(value)
