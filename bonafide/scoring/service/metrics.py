"""Metrics for Prometheus: requests, latency, queue, batches, decisions, drift of what comes in."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from bonafide.metrics.training_range import QUALITIES
from bonafide.scoring.engine import Recording
from bonafide.scoring.rows import Reading
from bonafide.scoring.thresholds import NO_SPEECH

# Where the workers of one service write their numbers; prometheus_client reads it when imported.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_SCORES = (-8, -6, -4, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 4, 6, 8)
_BATCHES = (1, 2, 4, 8, 16, 32)
_QUALITY_EDGES = {
    "bandwidth_hz": (2000, 3000, 3500, 4000, 5000, 6000, 7000, 7500, 8000),
    "level_dbfs": (-60, -50, -40, -35, -30, -25, -20, -15, -10),
    "snr_db": (0, 5, 10, 15, 20, 25, 30, 40, 50, 60),
    "segment_seconds": (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4),
    "speech_share": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1),
    "roughness_db": (4, 5, 6, 7, 8, 9, 10, 12),
}
_DEFAULT_EDGES = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)


class Metrics:
    """The metrics of a process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        one: dict[str, Any] = {"registry": self._registry, "namespace": "bonafide"}
        self.requests = Counter("requests", "Answered requests", ("site", "route", "status"), **one)
        self.seconds = Histogram(
            "request_seconds",
            "Time from the header of a request to its answer",
            ("site", "route"),
            buckets=_SECONDS,
            **one,
        )
        self.bytes = Counter("received_bytes", "Bytes of bodies", ("site",), **one)
        self.running = Gauge(
            "requests_running",
            "Requests being read, waiting or being scored",
            multiprocess_mode="livesum",
            **one,
        )
        self.held = Gauge(
            "held_bytes", "Bytes of the bodies being scored", multiprocess_mode="livesum", **one
        )
        self.waiting = Gauge(
            "clips_waiting", "Clips that wait for the model", multiprocess_mode="livesum", **one
        )
        self.streams = Gauge("streams_running", "Live streams", multiprocess_mode="livesum", **one)
        self.batches = Histogram(
            "batch_clips", "Clips in a call of the model", buckets=_BATCHES, **one
        )
        self.recordings = Counter(
            "recordings",
            "Recordings by decision; `error` where one cannot be used",
            ("decision",),
            **one,
        )
        self.audio = Counter("audio_seconds", "Seconds of scored channels", ("kind",), **one)
        self.scores = Histogram("score", "Scores of recordings", buckets=_SCORES, **one)
        self.unlike = Counter(
            "unlike_training", "Recordings outside of the range of training", ("quality",), **one
        )
        self.qualities = {
            quality.name: Histogram(
                f"quality_{quality.name}",
                f"{quality.title} of the speech that comes in",
                buckets=_QUALITY_EDGES.get(quality.name, _DEFAULT_EDGES),
                **one,
            )
            for quality in QUALITIES
        }
        self.version = Gauge(
            "model_version",
            "Version of the model in service, 1",
            ("version",),
            multiprocess_mode="livemax",
            **one,
        )
        self.reloads = Counter("model_loads", "Versions loaded, or refused", ("outcome",), **one)

    def count(self, recording: Recording, reading: Reading) -> None:
        """Counts a scored recording: its decision, and what its speech is like."""
        if recording.error:
            self.recordings.labels("error").inc()
            return
        track = reading.verdict(recording)
        decision = reading.decide(track) if track.has_score else NO_SPEECH
        self.recordings.labels(decision).inc()
        for one in recording.tracks:
            self.audio.labels("all").inc(one.samples / reading.sample_rate)
            self.audio.labels("speech").inc(one.speech_seconds)
        if track.has_score:
            self.scores.observe(track.score)
        if track.qualities is None:
            return
        for quality, value in zip(QUALITIES, track.qualities, strict=True):
            self.qualities[quality.name].observe(value)
            if reading.training and reading.training.reasons(
                [value if other is quality else float("nan") for other in QUALITIES]
            ):
                self.unlike.labels(quality.name).inc()

    def text(self) -> bytes:
        """Returns all metrics, of all workers, in Prometheus' text format."""
        if FOLDER_VARIABLE not in os.environ:
            return bytes(generate_latest(self._registry))
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return bytes(generate_latest(together))


def forget_dead_workers() -> None:
    """Removes the gauges of workers that have ended without doing so."""
    folder = os.environ.get(FOLDER_VARIABLE)
    for file in Path(folder).glob("gauge_live*_*.db") if folder else ():
        pid = int(file.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists():
            with contextlib.suppress(FileNotFoundError):
                mark_process_dead(pid)  # type: ignore[no-untyped-call]
