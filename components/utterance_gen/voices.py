"""Copies of a recording stay in one split where splits are made by groups of files.

File names show some of what shares a voice (`bonafide.corpora.groups`); the sound shows the rest.
Only a corpus that names no speakers is read for this, once more than for its examples.
"""

import concurrent.futures
import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from bonafide import corpora
from bonafide.audio import copies, decoding, landmarks, measures
from bonafide.corpora import groups
from bonafide.text import plural
from components.utterance_gen.settings import IngestSettings

_BATCH = 64  # Recordings that are held and measured at once.
_MAX_BIT_ERRORS = 0.15  # As DataGate's rule `near_identical` allows by default.


def keep_copies_together(
    corpus: corpora.Corpus, files: corpora.CorpusFiles, settings: IngestSettings
) -> corpora.Corpus:
    """Returns the corpus with splits that no recording shares with a copy of it.

    Args:
        corpus: As its reader returned it.
        files: Where its audio is.
        settings: How audio is decoded.

    Returns:
        The same corpus where speakers are named, or where no copies were found.

    Raises:
        CorpusError: With copies kept together, there are too few groups left to split.
    """
    rows = corpus.unsplit
    if not rows:
        return corpus
    by_name = groups.name_groups(rows, by_speaker=settings.options.split_by != "file")
    pairs = find_pairs(rows, files, settings)
    together = groups.joined(by_name, pairs)
    if len({*together}) == len({*by_name}):
        return corpus
    utterances, notes = groups.deal(
        rows, together, settings.options, where=f"corpus root {files.root}"
    )
    copied = len({place for pair in pairs for place in pair})
    note = (
        f"{plural(copied, 'recording')} are copies of others; splits were made again with copies "
        "in one split"
    )
    return dataclasses.replace(corpus, utterances=utterances, notes=(*corpus.notes, note, *notes))


def find_pairs(
    rows: Sequence[corpora.Utterance], files: corpora.CorpusFiles, settings: IngestSettings
) -> list[tuple[int, int]]:
    """Returns the places of recordings with the same sound, two by two.

    A recording that cannot be decoded has no copies: it is rejected later, with the reason.
    """
    places: list[int] = []
    digests, counts, codes, at = [], [], [], []
    for batch in _clips(rows, files, settings):
        measured = measures.measure([clip for _, clip in batch], settings.sample_rate)
        places += [place for place, _ in batch]
        digests.append(measured.digests)
        counts.append(measured.marks.counts)
        codes.append(measured.marks.codes)
        at.append(measured.marks.places)
    if not places:
        return []
    marks = landmarks.Landmarks(*(np.concatenate(parts) for parts in (counts, codes, at)))
    number = np.arange(len(places))
    found = copies.find_copies(marks, np.zeros_like(number), number, max_bit_errors=_MAX_BIT_ERRORS)
    pairs = [(places[copy.first], places[copy.second]) for copy in found]
    first: dict[tuple[int, int], int] = {}
    for place, (low, high) in zip(places, np.concatenate(digests).tolist(), strict=True):
        if (other := first.setdefault((low, high), place)) != place:
            pairs.append((other, place))
    return pairs


def _clips(
    rows: Sequence[corpora.Utterance], files: corpora.CorpusFiles, settings: IngestSettings
) -> Iterator[list[tuple[int, measures.Clip]]]:
    """Yields decoded recordings with their places, some at a time."""

    def decode(row: corpora.Utterance) -> measures.Clip | None:
        try:
            decoded = decoding.decode_recording(
                files.read_bytes(row.path),
                settings.sample_rate,
                settings.min_seconds,
                name=row.path,
            )
        except (OSError, decoding.AudioError):
            return None
        return measures.Clip(row.utterance_id, decoded.samples, decoded.facts)

    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        for start in range(0, len(rows), _BATCH):
            decoded = enumerate(pool.map(decode, rows[start : start + _BATCH]), start=start)
            if batch := [(place, clip) for place, clip in decoded if clip is not None]:
                yield batch
