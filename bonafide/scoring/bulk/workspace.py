"""Where a job works: everything lies below its output, on any filesystem that Beam knows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import ClassVar, Self

from bonafide.storage import beam_files


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """What became of a shard.

    Attributes:
        recordings: How many it has, with those that have no score.
        bonafide: How many were decided to be bona fide.
        not_sure: How many lie between the two thresholds of a band.
        no_speech: How many have no score because there is too little speech in them.
        clips: Segments that were scored.
        samples: How many samples the scored recordings hold together, at the model's rate.
        rejected: Path and reason of each recording that has no score.
    """

    recordings: int
    bonafide: int
    not_sure: int
    no_speech: int
    clips: int
    samples: int
    rejected: tuple[tuple[str, str], ...]

    def to_json(self) -> bytes:
        """Serializes it, to be handed back through a file."""
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

    What a shard is to hold and what became of it go through files, as UtteranceGen's do: a graph
    with millions of paths in it would be larger than engines accept.

    Attributes:
        output: A folder, or its URI.
        form: The format of the shards, which is the ending of their names.
    """

    output: str
    form: str

    PLAN: ClassVar[str] = "plan.json"
    SUMMARY: ClassVar[str] = "summary.json"
    REJECTED: ClassVar[str] = "rejected.tsv"

    @property
    def plan(self) -> str:
        """Which plan the output is of; there before anything else is."""
        return beam_files.join(self.output, self.PLAN)

    @property
    def scratch(self) -> str:
        """Files not finished."""
        return beam_files.join(self.output, ".scratch")

    @property
    def lists(self) -> str:
        """One file per shard that is to be written: its recordings."""
        return beam_files.join(self.output, ".lists")

    @property
    def model(self) -> str:
        """A file in a folder of its own: the model, for workers on machines that lack it."""
        return beam_files.join(self.output, ".model", "model.tar")

    @property
    def results(self) -> str:
        """One file per shard that is done. They stay: with them a job is gone on with."""
        return beam_files.join(self.output, ".results")

    def shard(self, name: str) -> str:
        """Where a shard lies."""
        return beam_files.join(self.output, f"scores-{name}.{self.form}")

    def open(self) -> None:
        """Makes the folders, without what a killed attempt left unfinished."""
        for folder in self._passing:
            beam_files.remove_folder(folder)
            beam_files.make_folder(folder)
        beam_files.make_folder(self.results)

    def close(self) -> None:
        """Removes what nobody needs once all shards are there."""
        for folder in self._passing:
            beam_files.remove_folder(folder)

    def done(self, shards: Sequence[str]) -> list[str]:
        """Which of the shards are there, with their results, in order."""
        scores, results = beam_files.list_folder(self.output), self.finished()
        return [
            name for name in shards if name in results and f"scores-{name}.{self.form}" in scores
        ]

    def finished(self) -> set[str]:
        """Names of the shards that have a result, by one listing."""
        return set(beam_files.list_folder(self.results))

    def result(self, shard: str) -> ShardResult:
        """What became of a shard that is done."""
        return ShardResult.from_json(beam_files.read_bytes(beam_files.join(self.results, shard)))

    @property
    def _passing(self) -> tuple[str, ...]:
        return self.scratch, self.lists, beam_files.join(self.output, ".model")
