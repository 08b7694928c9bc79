"""Corpora of protocols without a header, a file for each split, and folders of audio."""

import dataclasses
from collections.abc import Callable, Mapping

from bonafide.audio import endings
from bonafide.corpora import base, columns


@dataclasses.dataclass(frozen=True, kw_only=True)
class Places:
    """Where a layout has its files, below the root.

    Attributes:
        name: Of the layout, for messages.
        prefixes: Where the corpus itself may lie: what comes before all other paths.
        protocols: By split, the places where its protocol may be, the usual one first.
        audio: By split, the folders of its audio.
    """

    name: str
    prefixes: tuple[str, ...]
    protocols: Mapping[str, tuple[str, ...]]
    audio: Mapping[str, tuple[str, ...]]


def find(files: base.CorpusFiles, places: Places) -> str:
    """The first prefix with a protocol of every split.

    Raises:
        NotThisLayoutError: There is no protocol of the layout at all.
        CorpusError: Some are there and others are missing, which are named.
    """
    for prefix in places.prefixes:
        missing = [
            prefix + paths[0]
            for paths in places.protocols.values()
            if _first(files, prefix, paths) is None
        ]
        if not missing:
            return prefix
        if len(missing) < len(places.protocols):
            raise base.CorpusError(
                f"corpus root {files.root}: missing protocol file {', '.join(missing)}; "
                f"{', '.join(places.protocols)} each need one"
            )
    tried = "\n  ".join(
        prefix + path
        for prefix in places.prefixes
        for paths in places.protocols.values()
        for path in paths
    )
    raise base.NotThisLayoutError(
        f"corpus root {files.root}: no {places.name} protocol file found. Is the root the "
        f"folder that holds the corpus? Tried, below the root:\n  {tried}"
    )


def read(
    files: base.CorpusFiles,
    places: Places,
    forms: Mapping[int, columns.Columns],
    *,
    corpus_name: str,
    keep: Callable[[columns.Line], bool] = lambda line: True,
) -> base.Corpus:
    """Reads all protocols and lists all folders, once each.

    Args:
        files: The corpus.
        places: Where its files are.
        forms: The forms of its protocols.
        corpus_name: Written into every row.
        keep: Which lines are wanted.

    Raises:
        CorpusError: A protocol is missing, empty or malformed, or an utterance id occurs twice.
    """
    prefix = find(files, places)
    utterances: list[base.Utterance] = []
    audio: dict[str, base.FileInfo] = {}
    read_protocols = []
    for split, paths in places.protocols.items():
        protocol = _first(files, prefix, paths)
        assert protocol is not None  # `find` has seen it.
        read_protocols.append(protocol)
        by_stem: dict[str, str] = {}
        for folder in places.audio[split]:
            listing = files.list(prefix + folder)
            for stem, name in endings.audio_by_stem(listing).items():
                path = f"{prefix}{folder}/{name}"
                by_stem.setdefault(stem, path)
                audio[path] = listing[name]
        expected = f"{prefix}{places.audio[split][0]}/"
        utterances += [
            base.Utterance(
                utterance_id=line.utterance,
                speaker_id=line.speaker,
                system_id=line.system,
                key=line.key,
                split=split,
                path=by_stem.get(line.utterance, f"{expected}{line.utterance}.flac"),
                corpus=corpus_name,
                source=line.source,
                extra=line.extra,
            )
            for line in columns.read_lines(files.read_text(protocol), protocol, forms)
            if keep(line)
        ]
    base.refuse_duplicates(utterances)
    return base.Corpus(tuple(utterances), tuple(read_protocols), audio)


def _first(files: base.CorpusFiles, prefix: str, paths: tuple[str, ...]) -> str | None:
    return next((prefix + path for path in paths if files.exists(prefix + path)), None)
