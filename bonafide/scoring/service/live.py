"""The verdict on a live recording, after each window of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bonafide.audio.activity import ActivityMeter
from bonafide.audio.conversion import Converter
from bonafide.scoring.engine import Recording, Segment, Track
from bonafide.scoring.model import Model
from bonafide.scoring.qualities import QualityMeter
from bonafide.scoring.rows import Reading, Row
from bonafide.scoring.single import ScoreBatch
from bonafide.scoring.windows import SpeechCutter

# Frames of speech detection that are computed together, half a second: a file waits for more.
_FRAMES = 32
_FULL_SCALE = np.float32(1 / 32768)


def verdicts(
    blocks: Iterable[np.ndarray], rate_hz: int, model: Model, reading: Reading, score: ScoreBatch
) -> Iterator[dict[str, Any]]:
    """Yields the verdict so far after each window of speech, and the final one at the end.

    The windows are those of `bonafide score`, and so is the final verdict.

    Args:
        blocks: int16 samples [M] each, mono.
        rate_hz: Their sampling rate.
        model: The model.
        reading: How scores are read.
        score: int16 bytes of B clips -> scores [B].

    Yields:
        `type` (`segment` or `final`), `verdict` (the row of a recording), and of a segment its
        `start`, `end`, `speech` and `score`.
    """
    cutter = SpeechCutter(
        model.sample_rate,
        model.clip_samples,
        meter=ActivityMeter(model.sample_rate, frames_a_pass=_FRAMES),
    )
    meter = QualityMeter(model.sample_rate) if model.training else None
    track, reached = Track(), 0
    cut = cutter.cut(_converted(blocks, rate_hz, model.sample_rate))
    for window in meter.watch(cut) if meter else cut:
        end = window.start + len(window.samples)
        [value] = score([window.samples.astype("<i2").tobytes()])
        segment = Segment(window.start, end, window.speech_seconds, float(value))
        track.segments.append(segment)
        # Windows overlap, and speech in the overlap counts once.
        share = (end - max(window.start, reached)) / max(1, end - window.start)
        track.speech_seconds += window.speech_seconds * share
        reached, track.samples = end, cutter.samples
        track.qualities = meter.values() if meter else None
        yield {"type": "segment", **_segment(segment, reading), "verdict": _row(track, reading)}
    track.samples, track.speech_seconds = cutter.samples, cutter.speech_seconds
    track.qualities = meter.values() if meter else None
    yield {"type": "final", "verdict": _row(track, reading)}


def _converted(blocks: Iterable[np.ndarray], rate_hz: int, target: int) -> Iterator[np.ndarray]:
    converter = Converter(rate_hz, target, 1)
    for block in blocks:
        is_ready = rate_hz == target
        yield converter.convert(block if is_ready else block.astype(np.float32) * _FULL_SCALE)
    yield from converter.finish()


def _segment(segment: Segment, reading: Reading) -> dict[str, float]:
    start, end = reading.span(segment, segment)
    speech = round(segment.speech_seconds, 3)
    return {"start": start, "end": end, "speech": speech, "score": round(segment.score, 6)}


def _row(track: Track, reading: Reading) -> Row:
    row = reading.row(Recording("", tracks=[track]))
    del row["path"]
    return row
