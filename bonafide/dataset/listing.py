"""`utterances.tsv` beside the examples: speaker, system, split and path of each utterance."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from apache_beam.io import filesystems

from bonafide.corpora import EXTRA_NAMES, NO_ATTACK, Utterance
from bonafide.metrics.gate import Overlap

LISTING_FILE = "utterances.tsv"
# Conditions of a recording, in the order of a report: metadata that several utterances share and
# that do not identify an attack.
CONDITIONS = ("corpus", "codec", "transmission", "environment", "source", "language", "gender")
_COLUMNS = ("split", "utterance", "speaker", "system", "path")


class Listed(NamedTuple):
    """One utterance in the examples.

    Attributes:
        split: `train`, `dev` or `eval`.
        utterance: Id of the utterance.
        speaker: The speaker, or the speaker whose voice is imitated.
        system: The attack, `-` for bona fide.
        path: The audio file, relative to the corpus root or an absolute URI.
        extra: Further metadata of the corpus; names are those of `corpora.EXTRA_NAMES`, and
            `corpus` if there are several.
    """

    split: str
    utterance: str
    speaker: str
    system: str
    path: str
    extra: tuple[tuple[str, str], ...] = ()


def listing_tsv(utterances: Iterable[Utterance], rejected: Iterable[str]) -> str:
    """Returns the listing of all utterances except the rejected ids, in the given order.

    It has a column for each kind of metadata, and one for the corpus if there are several.
    """
    left_out = set(rejected)
    rows = [row for row in utterances if row.utterance_id not in left_out]
    given = {name for row in rows for name, _ in row.extra}
    mixed = len({row.corpus for row in rows}) > 1
    names = [*(["corpus"] if mixed else []), *(name for name in EXTRA_NAMES if name in given)]
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow([*_COLUMNS, *names])
    for row in rows:
        extra = {**dict(row.extra), "corpus": row.corpus}
        writer.writerow(
            [
                *(row.split, row.utterance_id, row.speaker_id, row.system_id, row.path),
                *(extra.get(name, "") for name in names),
            ]
        )
    return text.getvalue()


def read_listing(examples_uri: str) -> Iterator[Listed]:
    """Yields the rows of the listing beside the examples.

    Raises:
        FileNotFoundError: The examples are of another producer, or of an older version.
    """
    file = f"{examples_uri}/{LISTING_FILE}"
    if not filesystems.FileSystems.exists(file):
        raise FileNotFoundError(f"{file} does not exist: the examples are not from UtteranceGen.")
    with filesystems.FileSystems.open(file) as stream:
        rows = csv.reader(io.TextIOWrapper(stream, "utf-8", newline=""), delimiter="\t")
        names = next(rows)[len(_COLUMNS) :]
        for row in rows:
            split, utterance, speaker, system, path, *values = row
            extra = tuple((name, value) for name, value in zip(names, values, strict=True) if value)
            yield Listed(split, utterance, speaker, system, path, extra)


def overlap(examples_uri: str, split: str, other: str) -> Overlap:
    """Returns the speakers and attacks that two splits share."""
    speakers: dict[str, set[str]] = {split: set(), other: set()}
    attacks: dict[str, set[str]] = {split: set(), other: set()}
    for row in read_listing(examples_uri):
        if row.split in speakers:
            speakers[row.split].add(row.speaker)
            attacks[row.split].add(row.system)
    return Overlap(
        speakers=tuple(sorted(speakers[split] & speakers[other])),
        attacks=tuple(sorted((attacks[split] & attacks[other]) - {NO_ATTACK})),
    )
