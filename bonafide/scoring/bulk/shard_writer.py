"""The Beam step: one worker reads, decodes, scores and writes one whole shard."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystems import FileSystems
from apache_beam.utils import shared

from bonafide.scoring import ahead, engine
from bonafide.scoring.bulk import listing, model_archive, rows_file
from bonafide.scoring.bulk.plan import Plan
from bonafide.scoring.bulk.workspace import ShardResult, Workspace
from bonafide.scoring.reading import AUTO, Track, fetch_tracks, read_tracks
from bonafide.scoring.rows import Reading
from bonafide.scoring.thresholds import BONAFIDE, NOT_SURE, SPOOF
from bonafide.storage import beam_files

# Concurrent reads of an object store, whose latency is tens of milliseconds.
_REMOTE_READERS = 16


class ScoreShard(beam.DoFn):
    """Scores and writes the shard with a given name; yields the name.

    A shard is written to a scratch file and then moved to its place in one step; its result
    follows. If Beam runs a shard twice, the second run writes the same content.

    Args:
        workspace: Files of the job.
        plan: The plan.
    """

    def __init__(self, workspace: Workspace, plan: Plan) -> None:
        # Not the plan: this object is sent to workers and must not contain millions of paths.
        self._workspace = workspace
        self._root = plan.root
        self._channel = plan.channel
        self._reading = plan.reading
        self._model = (plan.model_sha256, plan.model_version)
        self._shared = shared.Shared()

    def setup(self) -> None:
        """Loads the model once per worker process."""
        digest, version = self._model
        self._scorer = self._shared.acquire(
            lambda: model_archive.load(self._workspace.model, version), tag=digest
        )

    def process(self, name: str) -> Iterator[str]:
        """Writes the shard, then its result; keeps both if Beam runs a finished shard again."""
        workspace = self._workspace
        done = beam_files.join(workspace.results, name)
        if beam_files.exists(done) and beam_files.exists(workspace.shard(name)):
            yield name
            return
        paths = json.loads(beam_files.read_bytes(beam_files.join(workspace.lists, name)))
        counter = _Counter(self._reading)
        with beam_files.writing(workspace.shard(name), scratch=workspace.scratch) as file:
            scored = score(paths, self._root, self._scorer, self._reading, self._channel)
            rows_file.write(file, counter.counted(scored), self._reading, workspace.form)
        beam_files.write_bytes(
            beam_files.join(workspace.results, name),
            counter.result().to_json(),
            scratch=workspace.scratch,
        )
        yield name


def score(
    paths: Sequence[str],
    root: str,
    score_batch: Callable[[Sequence[bytes]], np.ndarray],
    reading: Reading,
    channel: str = AUTO,
) -> Iterator[engine.Recording]:
    """Yields the recordings with their scores, in order; see `engine.score_recordings`.

    Args:
        paths: Paths of the recordings.
        root: Root of relative paths.
        score_batch: Function from int16 bytes of B clips to scores [B].
        reading: Defines the clips of the model.
        channel: See `bonafide.scoring.reading.read_tracks`.
    """

    def read(path: str) -> Iterable[Track]:
        uri = listing.address(root, path)
        if listing.is_local(uri):
            return read_tracks(uri, reading.sample_rate, channel)
        return fetch_tracks(path, reading.sample_rate, lambda: content(uri), channel)

    remote = not listing.is_local(root) or any("://" in path for path in paths)
    workers = _REMOTE_READERS if remote else ahead.WORKERS
    decoder = ahead.Decoder(
        paths,
        read,
        reading.sample_rate,
        reading.clip_samples,
        workers=workers,
        qualities=reading.training is not None,
    )
    try:
        yield from engine.score_recordings(paths, decoder, score_batch)
    finally:
        decoder.stop()


def content(uri: str) -> bytes:
    """Returns the content of a file; retries after an error only if the file exists.

    Raises:
        OSError: It does not exist, or cannot be read.
    """
    try:
        return beam_files.read_once(uri)
    except OSError:
        if not FileSystems.exists(uri):
            raise FileNotFoundError(uri) from None
        return beam_files.read_bytes(uri)


class _Counter:
    """Counts recordings."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._recordings = self._clips = self._samples = self._no_speech = 0
        self._decisions = dict.fromkeys((BONAFIDE, NOT_SURE, SPOOF), 0)
        self._rejected: list[tuple[str, str]] = []

    def counted(self, recordings: Iterable[engine.Recording]) -> Iterator[engine.Recording]:
        for recording in recordings:
            self._recordings += 1
            self._clips += sum(len(track.segments) for track in recording.tracks)
            if recording.has_score:
                track = self._reading.verdict(recording)
                self._decisions[self._reading.decide(track)] += 1
                self._samples += track.samples
            else:
                self._rejected.append((recording.path, recording.reason))
                self._no_speech += not recording.error
            yield recording

    def result(self) -> ShardResult:
        return ShardResult(
            recordings=self._recordings,
            bonafide=self._decisions[BONAFIDE],
            not_sure=self._decisions[NOT_SURE],
            no_speech=self._no_speech,
            clips=self._clips,
            samples=self._samples,
            rejected=tuple(self._rejected),
        )
