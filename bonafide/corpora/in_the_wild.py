"""In-the-Wild (Müller et al., 2022): speech of 58 public figures, recorded and imitated.

    release_in_the_wild/meta.csv        file,speaker,label
    release_in_the_wild/0.wav ...

The copy on Kaggle has the recordings in `release_in_the_wild/real/` and `fake/`; without
`meta.csv` its speakers are unknown, and splits are made by file.

Lines are `0.wav,Alec Guinness,spoof` or `9.wav,Alec Guinness,bona-fide`. The corpus does not name
the systems of spoofs. It has no splits; it is mostly used as a whole for evaluation
(`split=eval`).
"""

from bonafide.audio import endings
from bonafide.corpora import bad_rows, base, splits
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles, FileInfo
from bonafide.storage.text_files import FileError
from bonafide.text import shown
from bonafide.trials import ids, keys, tables

_BELOW = "release_in_the_wild/"
_PREFIXES = ("", _BELOW)
_KEYS = {"real": keys.BONAFIDE, "fake": keys.SPOOF}
_HEADER = ("file", "speaker", "label")


def find(files: CorpusFiles) -> str:
    """Returns the folder of `meta.csv` below the root.

    Raises:
        NotThisLayoutError: There is none, or it belongs to another corpus.
    """
    for prefix in _PREFIXES:
        path = f"{prefix}meta.csv"
        if files.exists(path) and set(_HEADER) <= _names(files.read_text(path), path):
            return prefix
    if all(map(files.list, _folders(_BELOW))):
        return _BELOW
    raise base.NotThisLayoutError(
        f"corpus root {files.root}: no meta.csv with the columns {', '.join(_HEADER)} of "
        f"In-the-Wild. Tried, below the root: {', '.join(f'{p}meta.csv' for p in _PREFIXES)}"
    )


def _folders(prefix: str) -> list[str]:
    return [f"{prefix}{kind}" for kind in _KEYS]


def _names(text: str, where: str) -> set[str]:
    """Returns the column names of a table of any corpus; empty if the text is not a table."""
    try:
        return set(tables.read_table(text, where, delimiter=",").names)
    except FileError:
        return set()


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads `meta.csv`, lists the folder and makes splits by speaker.

    Options: those of `splits`.

    Raises:
        CorpusError: Too many malformed rows, a file named twice, or too few speakers for splits.
    """
    prefix = find(files)
    where = f"{prefix}meta.csv"
    if not files.exists(where):
        return _read_folders(files, prefix, corpus_name, options)
    audio = _audio(files, prefix)
    # A file may lie in a folder of its class.
    places = {path.rpartition("/")[2]: path for path in reversed(audio)}
    table = tables.read_table(files.read_text(where), where, delimiter=",")
    columns = [table.find([name]) for name in _HEADER]

    def make(row: tables.Row) -> base.Utterance:
        name, speaker, label = map(row.cell, columns)
        key = keys.key_of(label)
        if key is None:
            raise row.error(keys.unknown_key(label))
        if not endings.is_audio(name):
            raise row.error(f"expected the name of an audio file, such as 0.wav, got {shown(name)}")
        if not ids.as_id(speaker):
            raise row.error("the speaker is empty")
        if problem := ids.file_name_problem(name):
            raise row.error(problem)
        return base.Utterance(
            utterance_id=ids.as_id(endings.stem(name)),
            speaker_id=ids.as_id(speaker),
            system_id=keys.NO_ATTACK if key == keys.BONAFIDE else keys.SPOOF,
            key=key,
            split="",
            path=places.get(name, prefix + name),
            corpus=corpus_name,
            source=row.source,
        )

    bad: list[base.BadRow] = []
    rows = list(bad_rows.good_rows(table, make, bad))
    base.refuse_duplicates(rows)
    return splits.split_corpus(
        rows,
        options,
        where=f"corpus root {files.root}",
        audio=audio,
        protocols=(where,),
        bad_rows=bad,
    )


def _audio(files: CorpusFiles, prefix: str) -> dict[str, FileInfo]:
    """The audio beside `meta.csv`, then that in folders of classes."""
    found = {prefix + name: info for name, info in files.list(prefix.rstrip("/")).items()}
    for folder in _folders(prefix):
        found.update({f"{folder}/{name}": info for name, info in files.list(folder).items()})
    return {path: info for path, info in found.items() if endings.is_audio(path)}


def _read_folders(
    files: CorpusFiles, prefix: str, corpus_name: str, options: Options
) -> base.Corpus:
    """Reads the folders of both classes, where nothing names the speakers."""
    audio = _audio(files, prefix)
    rows = []
    for path in sorted(audio):
        kind, _, name = path.removeprefix(prefix).rpartition("/")
        if kind in _KEYS:
            key = _KEYS[kind]
            rows.append(
                base.Utterance(
                    utterance_id=ids.as_id(f"{kind}/{endings.stem(name)}"),
                    speaker_id=base.UNKNOWN_SPEAKER,
                    system_id=keys.attack_of(key, ""),
                    key=key,
                    split="",
                    path=path,
                    corpus=corpus_name,
                    source=path,
                )
            )
    base.refuse_duplicates(rows)
    note = f"there is no {prefix}meta.csv, which names the speakers: add it for splits by speaker"
    return splits.split_corpus(
        rows, options, where=f"corpus root {files.root}", audio=audio, notes=(note,)
    )
