"""Readers of corpus layouts, by name. A new layout is one small module and one line here.

A reader sees the corpus through `CorpusFiles` and returns a `Corpus`; it uses the standard library
only and knows nothing of Beam or TensorFlow.
"""

import difflib
from collections.abc import Mapping

from components.utterance_gen.corpora import asvspoof2019_la
from components.utterance_gen.corpora.base import (
    BONAFIDE,
    NO_ATTACK,
    SPLITS,
    SPOOF,
    Corpus,
    CorpusError,
    CorpusFiles,
    CorpusReader,
    FileInfo,
    Utterance,
)

__all__ = [
    "BONAFIDE",
    "LAYOUTS",
    "NO_ATTACK",
    "SPLITS",
    "SPOOF",
    "Corpus",
    "CorpusError",
    "CorpusFiles",
    "CorpusReader",
    "FileInfo",
    "Utterance",
    "reader",
]

LAYOUTS: Mapping[str, CorpusReader] = {
    "asvspoof2019-la": asvspoof2019_la.read,
}


def reader(layout: str) -> CorpusReader:
    """The reader of a layout; an unknown name is a CorpusError that lists the known ones."""
    if layout not in LAYOUTS:
        near = difflib.get_close_matches(layout, LAYOUTS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise CorpusError(
            f"unknown corpus layout {layout!r}{hint} Known layouts: {', '.join(sorted(LAYOUTS))}"
        )
    return LAYOUTS[layout]
