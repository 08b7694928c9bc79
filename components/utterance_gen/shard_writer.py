"""The Beam step: one worker reads, decodes and writes one whole shard.

It imports neither TFX nor TensorFlow, which would cost every Beam worker process seconds and
gigabytes.
"""

import collections
import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Self

import apache_beam as beam
import numpy as np

from bonafide import corpora
from bonafide.audio import activity, chains, codecs, decoding, measures
from bonafide.audio.channels import MIX, Agreement
from bonafide.dataset import measure_files
from bonafide.memory import keep_freed_memory
from bonafide.storage import beam_files, records
from components.utterance_gen import examples, plan
from components.utterance_gen.settings import IngestSettings

# Less contains no word.
MIN_SPEECH_SECONDS = 0.3


class TooManyRejectedError(corpora.CorpusError):
    """More utterances are rejected than allowed; the results contain the reasons."""


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """Result of a shard.

    Attributes:
        split: Its split.
        index: Index within the split.
        read: Number of utterances written, by system id.
        samples: Their total number of samples.
        rejections: Rejected utterances.
        channels: Class -> relation of the channels of a file (`channels.Kind`) -> utterances
            written of files with several channels.
        copies: Number of degraded copies written, which no other number includes.
        without_speech: Class -> utterances with less than `MIN_SPEECH_SECONDS` of speech, whether
            they were rejected or written.
    """

    split: str
    index: int
    read: dict[str, int]
    samples: int
    rejections: tuple[plan.Rejection, ...]
    channels: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    copies: int = 0
    without_speech: dict[str, int] = dataclasses.field(default_factory=dict)

    def to_json(self) -> bytes:
        """Serializes the result, to be returned through a file."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The inverse of `to_json`."""
        fields = json.loads(data)
        fields["rejections"] = tuple(plan.Rejection(**row) for row in fields["rejections"])
        return cls(**fields)


@dataclasses.dataclass(frozen=True)
class Workspace:
    """Folders of a run, all below the URI of the examples and thus on one filesystem.

    Plans and results are passed in files and not through Beam: a graph with the rows of a large
    corpus would exceed the limits of Dataflow and other engines, and the results are not read by a
    worker.
    """

    examples_uri: str

    @property
    def scratch(self) -> str:
        """Unfinished files. Outside the splits, because readers take every file of a split."""
        return beam_files.join(self.examples_uri, ".scratch")

    @property
    def plans(self) -> str:
        """One file per shard: its plan."""
        return beam_files.join(self.examples_uri, ".plans")

    @property
    def results(self) -> str:
        """One file per shard: its result."""
        return beam_files.join(self.examples_uri, ".results")

    @property
    def rejected(self) -> str:
        """One empty file per shard with rejections: its name ends with their number.

        One listing shows a worker how many utterances of the corpus are rejected so far.
        """
        return beam_files.join(self.examples_uri, ".rejected")

    @property
    def measures(self) -> str:
        """One file per shard: the measures of its utterances; kept after the run."""
        return beam_files.join(self.examples_uri, measure_files.FOLDER)

    def open(self, splits: tuple[str, ...]) -> None:
        """Creates the folders, also of the splits, without the files of an earlier attempt.

        Readers take every file of a split: shards of a killed attempt with another number of shards
        must be removed.
        """
        splits_uris = [beam_files.join(self.examples_uri, f"Split-{split}") for split in splits]
        for folder in (*self._own, self.measures, *splits_uris):
            beam_files.remove_folder(folder)
            beam_files.make_folder(folder)

    def read_results(self, shards: Sequence[plan.Shard]) -> list[ShardResult]:
        """Returns the results of the finished shards, in order."""
        done = beam_files.list_folder(self.results)
        return [
            ShardResult.from_json(beam_files.read_bytes(beam_files.join(self.results, shard.name)))
            for shard in shards
            if shard.name in done
        ]

    def close(self) -> None:
        """Removes temporary files."""
        for folder in self._own:
            beam_files.remove_folder(folder)

    @property
    def _own(self) -> tuple[str, ...]:
        return self.scratch, self.plans, self.results, self.rejected


class WriteShard(beam.DoFn):
    """Writes the shard whose plan lies at the given URI, and its measures; yields that URI.

    A shard is written to a scratch file and then moved to its place in one step. Memory holds a few
    utterances at a time, those that are measured together. If Beam runs a shard again, it is kept
    as it is; two runs at the same time write the same bytes.

    Args:
        settings: What is read and how.
        examples_uri: URI of the examples.
        max_rejected: Maximum number of rejected utterances; reading stops beyond it.
    """

    def __init__(self, settings: IngestSettings, *, examples_uri: str, max_rejected: int) -> None:
        self._settings = settings
        self._workspace = Workspace(examples_uri)
        self._max_rejected = max_rejected

    def setup(self) -> None:
        """Called by Beam before the first shard."""
        keep_freed_memory()

    def process(self, plan_uri: str) -> Iterator[str]:
        """Writes the shard, its measures, then its result.

        Raises:
            TooManyRejectedError: All shards together exceed the limit of rejections.
        """
        shard = plan.Shard.from_json(beam_files.read_bytes(plan_uri))
        scratch = self._workspace.scratch
        target = beam_files.join(self._workspace.examples_uri, shard.path)
        done = beam_files.join(self._workspace.results, shard.name)
        # An engine that lost a worker runs the step again.
        if beam_files.exists(done) and beam_files.exists(target):
            yield plan_uri
            return
        collector = measure_files.Collector(self._settings.sample_rate)
        with beam_files.writing(target, scratch=scratch) as file:
            result = self._write(shard, file, collector)
        beam_files.write_bytes(
            beam_files.join(self._workspace.measures, f"{shard.name}.npz"),
            measure_files.to_bytes(collector.finish()),
            scratch=scratch,
        )
        self._report(shard, result)
        yield plan_uri

    def _report(self, shard: plan.Shard, result: ShardResult) -> None:
        scratch = self._workspace.scratch
        done = beam_files.join(self._workspace.results, shard.name)
        beam_files.write_bytes(done, result.to_json(), scratch=scratch)
        if count := len(result.rejections):
            mark = beam_files.join(self._workspace.rejected, f"{shard.name}.{count}")
            beam_files.write_bytes(mark, b"", scratch=scratch)

    def _rejected_elsewhere(self, shard: plan.Shard) -> int:
        """Number of rejected utterances in other finished shards."""
        marks = (name.rpartition(".") for name in beam_files.list_folder(self._workspace.rejected))
        return sum(int(count) for name, _, count in marks if name != shard.name)

    def _write(
        self, shard: plan.Shard, file: BinaryIO, collector: measure_files.Collector
    ) -> ShardResult:
        files = beam_files.BeamFiles(self._settings.corpus_root)
        read: collections.Counter[str] = collections.Counter()
        channels: dict[str, collections.Counter[str]] = {}
        without_speech: collections.Counter[str] = collections.Counter()
        total = copies = 0
        rejections: list[plan.Rejection] = []
        elsewhere = self._rejected_elsewhere(shard)
        # Not compressed: gzip takes several times as long as all other work and saves 14 % on PCM.
        for utterance in shard.utterances:
            try:
                clip, agreement = self._clip(files, utterance)
                self._check_speech(clip, utterance.key, without_speech)
            except decoding.AudioError as error:
                rejections.append(
                    plan.Rejection(
                        utterance.utterance_id, utterance.split, utterance.path, str(error)
                    )
                )
                if elsewhere + len(rejections) > self._max_rejected:
                    lost = ShardResult(shard.split, shard.index, dict(read), total, (*rejections,))
                    self._report(shard, lost)
                    raise TooManyRejectedError("too much of the corpus cannot be used") from error
                continue
            example = examples.to_example(
                utterance,
                clip.samples,
                sample_rate=self._settings.sample_rate,
                attack_pool=shard.attack_pool,
            )
            records.write_record(file, example)
            for example in self._degraded(shard, utterance, clip.samples):
                records.write_record(file, example)
                copies += 1
            read[utterance.system_id] += 1
            total += len(clip.samples)
            if len(agreement.names) > 1:
                channels.setdefault(utterance.key, collections.Counter())[agreement.kind] += 1
            collector.add(clip)
        return ShardResult(
            shard.split,
            shard.index,
            dict(read),
            total,
            tuple(rejections),
            {key: dict(kinds) for key, kinds in channels.items()},
            copies,
            dict(without_speech),
        )

    def _check_speech(
        self, clip: measures.Clip, key: str, without_speech: collections.Counter[str]
    ) -> None:
        """Counts an utterance without speech, and raises AudioError if it is rejected."""
        if activity.holds_speech(clip.samples, self._settings.sample_rate, MIN_SPEECH_SECONDS):
            return
        without_speech[key] += 1
        if self._settings.reject_without_speech:
            raise decoding.AudioError(
                f"no speech: less than {MIN_SPEECH_SECONDS:g} s of it in "
                f"{len(clip.samples) / self._settings.sample_rate:.1f} s "
                "(utterances.reject_without_speech=false keeps it)"
            )

    def _degraded(
        self, shard: plan.Shard, utterance: corpora.Utterance, samples: np.ndarray
    ) -> Iterator[bytes]:
        """Yields the examples of the copies of an utterance: none outside of train.

        They are not measured: DataGate evaluates original recordings, and copies of a recording are
        not a leak.
        """
        copies = self._settings.degraded_copies if shard.split == plan.COPIED_SPLIT else 0
        for number in range(1, copies + 1):
            chain = chains.draw_chain(self._settings.seed, utterance.utterance_id, number)
            seed = chains.seed_of(self._settings.seed, utterance.utterance_id, number)
            yield examples.to_example(
                utterance,
                codecs.degrade(samples, chain, seed, self._settings.sample_rate),
                sample_rate=self._settings.sample_rate,
                attack_pool=shard.attack_pool,
                degradation=chain,
            )

    def _clip(
        self, files: beam_files.BeamFiles, utterance: corpora.Utterance
    ) -> tuple[measures.Clip, Agreement]:
        """Returns the decoded utterance and the relation of its channels.

        Raises:
            AudioError: It cannot be opened or decoded.
        """
        try:
            data = files.read_bytes(utterance.path)
        except OSError as error:
            raise decoding.AudioError(f"cannot be opened: {error}") from error
        channel = MIX if self._settings.channels == "reject" else self._settings.channels
        decoded = decoding.decode_recording(
            data,
            self._settings.sample_rate,
            self._settings.min_seconds,
            channel=channel,
            name=utterance.path,
        )
        if self._settings.channels == "reject" and not decoded.agreement.alike:
            raise decoding.AudioError(
                f"{decoded.agreement}: utterances.channels=left or right takes one of them"
            )
        clip = measures.Clip(utterance.utterance_id, decoded.samples, decoded.facts)
        return clip, decoded.agreement
