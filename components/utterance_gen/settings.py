"""Settings of UtteranceGen. Imports no framework."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from bonafide import corpora
from bonafide.audio.channels import Choice
from bonafide.corpora import left_out
from bonafide.settings import Bounds, Pattern, Section
from bonafide.settings.types import Fraction, LongSeed

DegradedCopies = Annotated[int, Bounds(ge=0, le=20, unit="copies")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class IngestSettings(Section, section="utterance_gen"):
    """Settings of reading a corpus and writing examples.

    Attributes:
        corpus_root: Folder of the corpus: a local path or a URI of any Beam filesystem.
        layout: Name of the corpus layout, a key of `corpora.LAYOUTS`, or `auto`.
        layout_options: Options of the layout, `name=value` each; see `corpora.Options`.
        corpus_name: Name of the corpus in every example; None: the layout's name.
        sample_rate: Sampling rate of the examples.
        min_seconds: Minimum duration; shorter utterances are rejected.
        channels: Channels of recordings with several that are used: their mean, the first, the
            second, or, for `reject`, the mean if they are alike; others are rejected.
        reject_without_speech: Whether an utterance with less than 0.3 s of speech is rejected.
        shard_bytes: Approximate size of a shard. A shard is the unit of work, so a corpus should
            have several per worker.
        max_rejected_fraction: Maximum share of rejected utterances; a larger one stops the run.
        degraded_copies: Number of degraded copies of each utterance of train that are written after
            it, each through a random chain (`bonafide.audio.chains`) that its feature `degradation`
            names.
        leave_out: Rows of train and dev that are not read (`bonafide.corpora.left_out`).
        seed: Seed of the assignment and order of utterances in shards, and of the copies.
    """

    corpus_root: Annotated[str, Pattern(".+", "the folder of the corpus")]
    layout: str
    layout_options: tuple[str, ...] = ()
    corpus_name: Annotated[str, Pattern(".+", "a name")] | None = None
    sample_rate: Annotated[int, Bounds(ge=8_000, le=48_000, unit="Hz")] = 16_000
    min_seconds: Annotated[float, Bounds(ge=0, le=60, unit="seconds")] = 0.1
    channels: Choice = "mix"
    reject_without_speech: bool = True
    shard_bytes: Annotated[int, Bounds(ge=1, unit="bytes")] = 32 * 2**20
    max_rejected_fraction: Fraction = 0.01
    degraded_copies: DegradedCopies = 0
    leave_out: tuple[str, ...] = ()
    seed: LongSeed = 0

    def __post_init__(self) -> None:
        """Validates ranges, the layout and its options.

        Raises:
            SettingsError: A setting is out of range, or an option unknown.
            CorpusError: The layout is unknown, or does not take an option, or a condition of
                `leave_out` is malformed.
        """
        super().__post_init__()
        corpora.check(self.layout, self.options)
        for text in self.leave_out:
            left_out.Condition.parse(text)

    @property
    def options(self) -> corpora.Options:
        """`layout_options`, parsed."""
        return corpora.Options.parse(self.layout_options)

    @property
    def name(self) -> str:
        """Name of the corpus in examples."""
        return self.layout if self.corpus_name is None else self.corpus_name
