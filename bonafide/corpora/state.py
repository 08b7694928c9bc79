"""A fingerprint of a corpus, so that TFX's cache notices changed protocols and audio."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from bonafide import corpora
from bonafide.corpora import counts


class CorpusState(NamedTuple):
    """Current state of a corpus.

    Attributes:
        fingerprint: A hexadecimal SHA-256. It does not depend on the location of the corpus.
        utterances: Number of utterances in the protocols.
        layout: Name of its layout.
        counts: Split -> key -> number of utterances.
        missing: Number of utterances without a file.
        notes: Remarks about the reading for the user.
        bad_rows: Malformed rows, which are left out.
    """

    fingerprint: str
    utterances: int
    layout: str = ""
    counts: Mapping[str, Mapping[str, int]] = {}
    missing: int = 0
    notes: tuple[str, ...] = ()
    bad_rows: tuple[corpora.BadRow, ...] = ()

    @property
    def summary(self) -> str:
        """The layout and the utterances of each split, in one line."""
        splits = counts.described(self.counts)
        return f"{self.layout}, {self.utterances:,} utterances (bona fide + spoof: {splits})"


def corpus_state(
    root: str,
    layout: str,
    files: corpora.CorpusFiles,
    options: corpora.Options = corpora.DEFAULTS,
) -> CorpusState:
    """Hashes the protocols' bytes and the path, size and modification time of the audio.

    It lists each folder once and opens no audio: a few seconds for the 121,461 utterances of
    ASVspoof 2019 LA. It also validates the corpus, so that a malformed protocol is found before the
    pipeline starts.

    Args:
        root: The corpus root, for messages.
        layout: A key of `corpora.LAYOUTS`, or `auto`.
        files: The corpus.
        options: Options of the layout.

    Raises:
        CorpusError: The layout is unknown, or the corpus is not of this layout or malformed.
    """
    try:
        layout = corpora.layout_of(files, layout, options)
        corpus = corpora.reader(layout)(files, corpus_name="", options=options)
    except corpora.CorpusError as error:
        if root in str(error):
            raise
        raise corpora.CorpusError(f"corpus {root}: {error}") from error
    digest = hashlib.sha256(layout.encode())
    if changed := options.changed():
        digest.update(f"\n{sorted(changed.items())!r}".encode())
    for path in corpus.protocols:
        content = files.read_bytes(path)
        digest.update(f"\n{path}\t{len(content)}\n".encode())
        digest.update(content)
    for path, info in sorted(corpus.audio.items()):
        line = f"\n{path}\t{info.size_bytes}\t{info.modified_seconds!r}"
        digest.update(line.encode(errors="surrogateescape"))  # A name need not be UTF-8.
    return CorpusState(
        digest.hexdigest(),
        len(corpus.utterances),
        layout,
        counts.by_split_and_class(corpus.utterances),
        sum(row.path not in corpus.audio for row in corpus.utterances),
        corpus.notes,
        corpus.bad_rows,
    )


def corpus_fingerprint(
    root: str,
    layout: str,
    files: corpora.CorpusFiles,
    options: corpora.Options = corpora.DEFAULTS,
) -> str:
    """Returns the fingerprint of `corpus_state`."""
    return corpus_state(root, layout, files, options).fingerprint
