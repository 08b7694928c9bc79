"""What every corpus reader shares: the row it yields, the files it sees, the checks it makes.

A reader turns protocol files into `Utterance` rows. It sees the corpus through `CorpusFiles` only,
so the same reader works on a local disk, on an object store and on a dictionary in a test.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from bonafide.corpora.names import printable
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusError, CorpusFiles, FileInfo, decode_text

__all__ = ["CorpusError", "CorpusFiles", "FileInfo", "decode_text"]  # Of another module.

SPLITS = ("train", "dev", "eval")
BONAFIDE = "bonafide"
SPOOF = "spoof"
NO_ATTACK = "-"  # The system id of bona fide speech.
UNKNOWN_SPEAKER = "-"  # Where a corpus names no speakers; intervals are by utterance then.
# What a corpus may tell of an utterance besides; each is an optional feature of the schema.
EXTRA_NAMES = (
    *("codec", "transmission", "environment", "vocoder", "source"),
    *("gender", "language", "text"),
)
_SHOWN_CHARACTERS = 200


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
        layout: The name of its layout, where it was told from the files.
    """

    utterances: tuple[Utterance, ...]
    protocols: tuple[str, ...]
    audio: Mapping[str, FileInfo]
    notes: tuple[str, ...] = ()
    layout: str = ""


class CorpusReader(Protocol):
    """A corpus layout: reads protocols and listings, no audio."""

    def __call__(
        self, files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS
    ) -> Corpus:
        """Reads the corpus, or raises CorpusError."""


def rows(text: str) -> Iterator[tuple[int, str]]:
    """Line numbers (from 1) and stripped lines, blank ones left out; LF or CRLF.

    Not `str.splitlines`, which also breaks at form feeds and other characters, and then counts
    lines differently from every editor.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if stripped := line.strip(" \t\r"):
            yield number, stripped


def shown(line: str) -> str:
    """A line as a message shows it: one with lone CR line ends is a whole file."""
    return repr(line) if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]!r} ..."


def extra(values: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    """The `extra` of an utterance: what is known, of the names and in the order of EXTRA_NAMES.

    An empty value, `-` and None are not known.
    """
    return tuple(
        (name, printable(value))
        for name in EXTRA_NAMES
        if (value := values.get(name)) and printable(value) not in ("", "-")
    )


def refuse_duplicates(utterances: Iterable[Utterance]) -> None:
    """Raises CorpusError if an utterance id occurs twice, in one split or in two."""
    first: dict[str, Utterance] = {}
    for utterance in utterances:
        other = first.setdefault(utterance.utterance_id, utterance)
        if other is not utterance:
            raise CorpusError(
                f"{utterance.source}: utterance id {utterance.utterance_id!r} was already used at "
                f"{other.source}; an utterance belongs to one split and has one line: remove one"
            )
