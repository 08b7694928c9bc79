"""Reader of corpora with a headerless protocol per split and folders of audio."""

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
    """Paths of a layout's files below the root.

    Attributes:
        name: Name of the layout, for messages.
        prefixes: Possible folders of the corpus; prefixes of all other paths.
        protocols: By split, the possible paths of its protocol, the usual one first.
        audio: By split, the folders of its audio.
    """

    name: str
    prefixes: tuple[str, ...]
    protocols: Mapping[str, tuple[str, ...]]
    audio: Mapping[str, tuple[str, ...]]


def find(files: CorpusFiles, places: Places) -> str:
    """Returns the first prefix with a protocol of every split.

    Raises:
        NotThisLayoutError: There is no protocol of the layout.
        CorpusError: Some protocols are missing; the message names them.
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
        f"corpus root {files.root}: no {places.name} protocol file found. Check that the root is "
        f"the folder of the corpus. Paths tried below the root:\n  {tried}"
    )


def read(
    files: CorpusFiles,
    places: Places,
    layouts: Sequence[Layout],
    *,
    corpus_name: str,
    keep: Callable[[Layout, Row], bool] | None = None,
) -> base.Corpus:
    """Reads all protocols and lists all folders once.

    Args:
        files: The corpus.
        places: Paths of its files.
        layouts: Possible layouts of its protocols.
        corpus_name: Name of the corpus in every row.
        keep: Filter of the lines; None keeps all.

    Columns with a name of `base.EXTRA_NAMES` become the `extra` of the rows.

    Raises:
        FileError: A protocol is missing, empty or malformed, or an utterance id occurs twice.
    """
    prefix = find(files, places)
    utterances: list[base.Utterance] = []
    audio: dict[str, FileInfo] = {}
    read_protocols = []
    for split, paths in places.protocols.items():
        path = _first(files, prefix, paths)
        assert path is not None  # `find` has checked this.
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
    """Returns the layout of a protocol, and its lines; see `layouts.open_layout`.

    Raises:
        FileError: It is empty, or has another layout. The iterator also raises it for a malformed
            line and for an utterance id that cannot be a file name.
    """
    layout, table = open_layout(text, where, layouts)

    def lines() -> Iterator[tuple[Row, protocols.Trial]]:
        for row, trial in protocols.read_trials(table, layout):
            if problem := ids.file_name_problem(trial.utterance):
                raise row.error(problem)
            yield row, trial

    return layout, lines()


def _system(layout: Layout, row: Row, trial: protocols.Trial) -> str:
    """Returns the attack id; without attack ids, the replay device."""
    if "device" not in layout.names:
        return trial.attack
    return keys.attack_of(trial.key, layout.cell(row, "device"))


@functools.lru_cache
def _extra(names: tuple[str, ...], cells: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Returns the `extra` of a row; cached, because few values occur on many lines."""
    return base.extra(dict(zip(names, cells, strict=True)))


def _first(files: CorpusFiles, prefix: str, paths: tuple[str, ...]) -> str | None:
    return next((prefix + path for path in paths if files.exists(prefix + path)), None)
