"""Corpora of protocols without a header, a file for each split, and folders of audio."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from bonafide.audio import endings
from bonafide.corpora import base
from bonafide.storage.corpus_files import CorpusFiles, FileInfo
from bonafide.trials import ids, keys, protocols
from bonafide.trials.layouts import Layout, open_layout
from bonafide.trials.tables import Row


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


def find(files: CorpusFiles, places: Places) -> str:
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
    files: CorpusFiles,
    places: Places,
    layouts: Sequence[Layout],
    *,
    corpus_name: str,
    keep: Callable[[Layout, Row], bool] | None = None,
) -> base.Corpus:
    """Reads all protocols and lists all folders, once each.

    Args:
        files: The corpus.
        places: Where its files are.
        layouts: Those that its protocols may have.
        corpus_name: Written into every row.
        keep: Which lines to keep; None keeps all of them.

    Columns that are called as one of `base.EXTRA_NAMES` become the `extra` of the rows.

    Raises:
        FileError: A protocol is missing, empty or malformed, or an utterance id occurs twice.
    """
    prefix = find(files, places)
    utterances: list[base.Utterance] = []
    audio: dict[str, FileInfo] = {}
    read_protocols = []
    for split, paths in places.protocols.items():
        path = _first(files, prefix, paths)
        assert path is not None  # `find` has seen it.
        read_protocols.append(path)
        by_stem: dict[str, str] = {}
        for folder in places.audio[split]:
            listing = files.list(prefix + folder)
            for stem, name in endings.audio_by_stem(listing).items():
                by_stem.setdefault(stem, f"{prefix}{folder}/{name}")
                audio[f"{prefix}{folder}/{name}"] = listing[name]
        expected = f"{prefix}{places.audio[split][0]}/"
        layout, lines = parse(files.read_text(path), path, layouts)
        extra = tuple(name for name in base.EXTRA_NAMES if name in layout.names)
        for row, trial in lines:
            if keep is None or keep(layout, row):
                utterances.append(
                    base.Utterance(
                        utterance_id=trial.utterance,
                        speaker_id=trial.speaker,
                        system_id=_system(layout, row, trial),
                        key=trial.key,
                        split=split,
                        path=by_stem.get(trial.utterance, f"{expected}{trial.utterance}.flac"),
                        corpus=corpus_name,
                        source=row.source,
                        extra=_extra(extra, tuple([layout.cell(row, name) for name in extra])),
                    )
                )
    base.refuse_duplicates(utterances)
    return base.Corpus(tuple(utterances), tuple(read_protocols), audio)


def parse(
    text: str, where: str, layouts: Iterable[Layout]
) -> tuple[Layout, Iterator[tuple[Row, protocols.Trial]]]:
    """The layout of a protocol, and its lines; see `layouts.open_layout`.

    Raises:
        FileError: It is empty, or has another layout. A malformed line is raised when it is
            reached; so is an utterance id that cannot be the name of a file.
    """
    layout, table = open_layout(text, where, layouts)

    def lines() -> Iterator[tuple[Row, protocols.Trial]]:
        for row, trial in protocols.read_trials(table, layout):
            if problem := ids.file_name_problem(trial.utterance):
                raise row.error(problem)
            yield row, trial

    return layout, lines()


def _system(layout: Layout, row: Row, trial: protocols.Trial) -> str:
    """The attack; where attacks have no names, the replay device stands for one."""
    if "device" not in layout.names:
        return trial.attack
    return keys.attack_of(trial.key, layout.cell(row, "device"))


@functools.lru_cache
def _extra(names: tuple[str, ...], cells: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The `extra` of a row: there are few different ones, on many lines."""
    return base.extra(dict(zip(names, cells, strict=True)))


def _first(files: CorpusFiles, prefix: str, paths: tuple[str, ...]) -> str | None:
    return next((prefix + path for path in paths if files.exists(prefix + path)), None)
