"""Types and checks that all corpus readers share.

A reader converts protocol files to `Utterance` rows. It accesses the corpus through `CorpusFiles`,
so it works on a local disk, on an object store and on a dictionary in a test.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles, FileInfo
from bonafide.storage.text_files import FileError
from bonafide.trials import ids

SPLITS = ("train", "dev", "eval")
UNKNOWN_SPEAKER = "-"  # For corpora without speakers; intervals are then by utterance.
# Further metadata of utterances; each is an optional feature of the schema.
EXTRA_NAMES = (
    *("codec", "transmission", "environment", "vocoder", "source"),
    *("gender", "language", "text"),
)


class CorpusError(FileError):
    """The corpus cannot be used; the message states problem, place and remedy."""


class NotThisLayoutError(CorpusError):
    """The root has no files of the layout."""


@dataclasses.dataclass(frozen=True, slots=True)
class Utterance:
    """One row of a protocol.

    Attributes:
        utterance_id: Unique in the corpus, safe as a file name.
        speaker_id: The speaker, or the speaker whose voice is imitated.
        system_id: The attack that generated it, `-` for bona fide.
        key: `bonafide` or `spoof`.
        split: `train`, `dev` or `eval`.
        path: The audio file: relative to the corpus root, or absolute. If it is missing, its
            expected path.
        corpus: The name of the corpus.
        source: `file:line` of the protocol row (or the file, without one), for messages.
        extra: Further metadata as (name, value) pairs with names from `EXTRA_NAMES`.
    """

    utterance_id: str
    speaker_id: str
    system_id: str
    key: str
    split: str
    path: str
    corpus: str
    source: str
    extra: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class BadRow:
    """A row of a table that cannot be used, and is left out.

    Attributes:
        source: `file:line`.
        reason: What is wrong with it.
    """

    source: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A corpus before any audio is opened.

    Attributes:
        utterances: All rows of all splits, in protocol order.
        protocols: Paths of the protocol files.
        audio: The audio files found, by path. Utterances with other paths are missing.
        notes: Remarks about the reading for the user, a sentence each.
        layout: The name of its layout, if it was detected from the files.
        unsplit: If splits were made by groups of files (`bonafide.corpora.groups`), the rows
            before that, so that a reader of the audio can improve the groups; empty otherwise.
        bad_rows: Malformed rows, which are not among the utterances.
        left_out: Paths of the rows that were removed when splits were made.
    """

    utterances: tuple[Utterance, ...]
    protocols: tuple[str, ...]
    audio: Mapping[str, FileInfo]
    notes: tuple[str, ...] = ()
    layout: str = ""
    unsplit: tuple[Utterance, ...] = ()
    bad_rows: tuple[BadRow, ...] = ()
    left_out: frozenset[str] = frozenset()


class CorpusReader(Protocol):
    """A corpus layout: reads protocols and listings, no audio."""

    def __call__(
        self, files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS
    ) -> Corpus:
        """Reads the corpus, or raises CorpusError."""


def extra(values: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    """Returns the `extra` of an utterance in the order of EXTRA_NAMES.

    Empty values, `-` and None are omitted.
    """
    return tuple(
        (name, ids.printable(value))
        for name in EXTRA_NAMES
        if (value := values.get(name)) and ids.printable(value) not in ("", "-")
    )


def changed(row: Utterance, speaker: str, split: str) -> Utterance:
    """Returns a row with another speaker and split; faster than `dataclasses.replace`."""
    return Utterance(
        row.utterance_id,
        speaker,
        row.system_id,
        row.key,
        split,
        row.path,
        row.corpus,
        row.source,
        row.extra,
    )


def refuse_duplicates(utterances: Sequence[Utterance]) -> None:
    """Raises CorpusError if an utterance id occurs twice, in one split or in two."""
    for other, place in ids.duplicates([row.utterance_id for row in utterances]):
        raise CorpusError(
            f"{utterances[place].source}: utterance id {utterances[place].utterance_id!r} was "
            f"already used at {utterances[other].source}. An utterance has one line in one split. "
            "Remove one of the lines"
        )
