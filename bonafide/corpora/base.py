"""What every corpus reader shares: the row it yields, what it returns, the checks it makes.

A reader turns protocol files into `Utterance` rows. It sees the corpus through `CorpusFiles` only,
so the same reader works on a local disk, on an object store and on a dictionary in a test.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles, FileInfo
from bonafide.storage.text_files import FileError
from bonafide.trials import ids

SPLITS = ("train", "dev", "eval")
UNKNOWN_SPEAKER = "-"  # Where a corpus names no speakers; intervals are by utterance then.
# What a corpus may say of an utterance besides; each is an optional feature of the schema.
EXTRA_NAMES = (
    *("codec", "transmission", "environment", "vocoder", "source"),
    *("gender", "language", "text"),
)


class CorpusError(FileError):
    """The corpus cannot be used as it is; the message says what, where and what to do."""


class NotThisLayoutError(CorpusError):
    """Nothing of the layout is below the root."""


@dataclasses.dataclass(frozen=True, slots=True)
class Utterance:
    """One row of a protocol.

    Attributes:
        utterance_id: Unique in the corpus, safe as a file name.
        speaker_id: Who speaks, or whose voice is imitated.
        system_id: The attack that made it, `-` for bona fide.
        key: `bonafide` or `spoof`.
        split: `train`, `dev` or `eval`.
        path: The audio file: relative to the corpus root, or absolute. Where there is
            none, the path at which it was expected.
        corpus: The name of the corpus.
        source: `file:line` of the protocol row (or the file, without one), for messages.
        extra: What else is known, as (name, value) pairs with names from `EXTRA_NAMES`.
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


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A corpus before any audio is opened.

    Attributes:
        utterances: All rows of all splits, in protocol order.
        protocols: The paths of the protocol files that were read.
        audio: The audio files found, by path. An utterance whose path is not here is missing.
        notes: What people should know of how it was read, a sentence each.
        layout: The name of its layout, where it was recognised from the files.
        unsplit: Where splits were made by groups of files (`bonafide.corpora.groups`), the rows
            before that, so that who reads the audio can make better groups; empty otherwise.
    """

    utterances: tuple[Utterance, ...]
    protocols: tuple[str, ...]
    audio: Mapping[str, FileInfo]
    notes: tuple[str, ...] = ()
    layout: str = ""
    unsplit: tuple[Utterance, ...] = ()


class CorpusReader(Protocol):
    """A corpus layout: reads protocols and listings, no audio."""

    def __call__(
        self, files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS
    ) -> Corpus:
        """Reads the corpus, or raises CorpusError."""


def extra(values: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    """The `extra` of an utterance: what is known, of the names and in the order of EXTRA_NAMES.

    An empty value, `-` and None are not known.
    """
    return tuple(
        (name, ids.printable(value))
        for name in EXTRA_NAMES
        if (value := values.get(name)) and ids.printable(value) not in ("", "-")
    )


def refuse_duplicates(utterances: Sequence[Utterance]) -> None:
    """Raises CorpusError if an utterance id occurs twice, in one split or in two."""
    for other, place in ids.duplicates([row.utterance_id for row in utterances]):
        raise CorpusError(
            f"{utterances[place].source}: utterance id {utterances[place].utterance_id!r} was "
            f"already used at {utterances[other].source}; an utterance belongs to one split and "
            "has one line: remove one"
        )
