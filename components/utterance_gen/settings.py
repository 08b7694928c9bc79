"""What UtteranceGen is told: its execution properties, checked."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from bonafide import corpora

MOST_COPIES = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """The execution properties of UtteranceGen; names and types are those of its specification.

    Attributes:
        corpus_root: The folder of the corpus: a local path or a URI of any Beam filesystem.
        layout: How the corpus is laid out, a key of `corpora.LAYOUTS`, or `auto`.
        layout_options: What the layout is told, `name=value` with commas between them.
        corpus_name: Written into every example.
        sample_rate: Of the examples, in Hz.
        min_seconds: Shorter utterances are rejected.
        shard_bytes: About how large a shard should be.
        max_rejected_fraction: More rejected utterances than this share (0 to 1) stop the run.
        degraded_copies: How many degraded copies of each utterance of train are written after it.
        seed: Decides which shard an utterance goes to and its place there, and what becomes of the
            copies.
        corpus_fingerprint: Of protocols and audio; changes when they change.
        code_fingerprint: Of the code that makes the examples.
    """

    corpus_root: str
    layout: str
    layout_options: str
    corpus_name: str
    sample_rate: int
    min_seconds: float
    shard_bytes: int
    max_rejected_fraction: float
    degraded_copies: int
    seed: int
    corpus_fingerprint: str
    code_fingerprint: str

    def __post_init__(self) -> None:
        if not self.corpus_root:
            raise ValueError("corpus_root is empty: name the folder of the corpus")
        corpora.check(self.layout, self.options)
        if not self.corpus_name:
            raise ValueError("corpus_name is empty")
        if not 8_000 <= self.sample_rate <= 48_000:
            raise ValueError(f"sample_rate must be 8000 to 48000 Hz, not {self.sample_rate}")
        if not 0 <= self.min_seconds <= 60:
            raise ValueError(f"min_seconds must be 0 to 60, not {self.min_seconds}")
        if self.shard_bytes < 1:
            raise ValueError(f"shard_bytes must be positive, not {self.shard_bytes}")
        if not 0 <= self.max_rejected_fraction <= 1:
            raise ValueError(
                f"max_rejected_fraction must be 0 to 1, not {self.max_rejected_fraction}"
            )

        if not 0 <= self.degraded_copies <= MOST_COPIES:
            raise ValueError(
                f"degraded_copies must be 0 to {MOST_COPIES}, not {self.degraded_copies}"
            )

    @property
    def options(self) -> corpora.Options:
        """`layout_options`, understood."""
        return corpora.Options.parse(filter(None, self.layout_options.split(",")))

    @classmethod
    def from_exec_properties(cls, exec_properties: Mapping[str, Any]) -> Self:
        """From what an orchestrator hands over; some hand integers over as floats or strings."""
        return cls(
            **{
                field.name: field.type(exec_properties[field.name])
                for field in dataclasses.fields(cls)
            }
        )
