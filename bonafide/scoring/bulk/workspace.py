"""Files of a job, below its output, on any filesystem of Beam."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import ClassVar, Self

from bonafide.storage import beam_files


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """Result of a shard.

    Attributes:
        recordings: Number of recordings, including those without a score.
        bonafide: Number of recordings that were decided as bona fide.
        not_sure: Number of recordings between the two thresholds of a band.
        no_speech: Number of recordings without a score because of too little speech.
        clips: Number of scored segments.
        samples: Total samples of the scored recordings, at the model's rate.
        rejected: Path and reason of each recording without a score.
    """

    recordings: int
    bonafide: int
    not_sure: int
    no_speech: int
    clips: int
    samples: int
    rejected: tuple[tuple[str, str], ...]

    def to_json(self) -> bytes:
        """Serializes the result, to be returned through a file."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The inverse of `to_json`."""
        fields = json.loads(data)
        fields["rejected"] = tuple((path, reason) for path, reason in fields["rejected"])
        return cls(**fields)


@dataclasses.dataclass(frozen=True)
class Workspace:
    """The files of a job.

    Plans and results of shards are passed in files, as in UtteranceGen: a graph
    with millions of paths would exceed the limits of engines.

    Attributes:
        output: Output folder, a path or URI.
        form: Format of the shards, which is their extension.
    """

    output: str
    form: str

    PLAN: ClassVar[str] = "plan.json"
    SUMMARY: ClassVar[str] = "summary.json"
    REJECTED: ClassVar[str] = "rejected.tsv"

    @property
    def plan(self) -> str:
        """Plan of the output; written first."""
        return beam_files.join(self.output, self.PLAN)

    @property
    def scratch(self) -> str:
        """Unfinished files."""
        return beam_files.join(self.output, ".scratch")

    @property
    def lists(self) -> str:
        """One file per missing shard, with its recordings."""
        return beam_files.join(self.output, ".lists")

    @property
    def model(self) -> str:
        """Archive of the model, for workers on other machines."""
        return beam_files.join(self.output, ".model", "model.tar")

    @property
    def results(self) -> str:
        """One file per finished shard; they are kept for a resume."""
        return beam_files.join(self.output, ".results")

    def shard(self, name: str) -> str:
        """Returns the path of a shard."""
        return beam_files.join(self.output, f"scores-{name}.{self.form}")

    def open(self) -> None:
        """Creates the folders, and removes unfinished files of a killed attempt."""
        for folder in self._passing:
            beam_files.remove_folder(folder)
            beam_files.make_folder(folder)
        beam_files.make_folder(self.results)

    def close(self) -> None:
        """Removes temporary files after all shards are written."""
        for folder in self._passing:
            beam_files.remove_folder(folder)

    def done(self, shards: Sequence[str]) -> list[str]:
        """Returns the finished shards, with results, in order."""
        scores, results = beam_files.list_folder(self.output), self.finished()
        return [
            name for name in shards if name in results and f"scores-{name}.{self.form}" in scores
        ]

    def finished(self) -> set[str]:
        """Returns the names of the shards with a result, with one listing."""
        return set(beam_files.list_folder(self.results))

    def result(self, shard: str) -> ShardResult:
        """Returns the result of a finished shard."""
        return ShardResult.from_json(beam_files.read_bytes(beam_files.join(self.results, shard)))

    @property
    def _passing(self) -> tuple[str, ...]:
        return self.scratch, self.lists, beam_files.join(self.output, ".model")
