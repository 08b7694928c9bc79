"""Manifest: a table with a row for each recording, for any corpus.

    path,key,speaker,system,split,language
    audio/1.wav,bonafide,S1,-,train,en
    audio/2.wav,spoof,S1,TTS-A,train,en

CSV, TSV or JSON Lines (`manifest.csv`, `.tsv`, `.jsonl` at the root, or the option `manifest`).
`path` is relative to the root, or the URI of a Beam filesystem. Only `path` and `key` are
required; the options `path_column` etc. set other column names. Columns with a name of
`base.EXTRA_NAMES` are kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from bonafide.audio import endings
from bonafide.corpora import bad_rows, base, splits
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.text import shown
from bonafide.trials import ids, keys, tables

_NAMES = ("manifest.csv", "manifest.tsv", "manifest.jsonl")
# Usual column names, the preferred one first.
_USUAL = {
    "path": ("path", "file", "filename", "file_name", "audio", "wav"),
    "key": tables.KEY_NAMES,
    "speaker": tables.SPEAKER_NAMES,
    "system": tables.ATTACK_NAMES,
    "split": ("split", "subset", "partition"),
    "id": ("utterance", "utterance_id", "id"),
}
_REQUIRED = ("path", "key")


def find(files: CorpusFiles) -> str:
    """Returns the path of the manifest.

    Raises:
        NotThisLayoutError: There is no manifest.
        CorpusError: There are several manifests.
    """
    return _find(files, DEFAULTS)


def _find(files: CorpusFiles, options: Options) -> str:
    usual = (options.manifest,) if options.manifest else _NAMES
    found = [name for name in usual if files.exists(name)]
    if not found:
        raise base.NotThisLayoutError(
            f"corpus root {files.root}: no manifest, {' or '.join(usual)}; "
            "corpus.options=manifest=PATH names another"
        )
    if len(found) > 1:
        raise base.CorpusError(
            f"corpus root {files.root}: several manifests, {', '.join(found)}: "
            "say which by corpus.options=manifest=PATH"
        )
    return found[0]


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads the manifest, lists its folders, and makes splits if it has none.

    Options: those of columns and keys, and those of `splits`.

    Raises:
        CorpusError: Too many malformed rows, a duplicate id, speakers or splits in some rows
            only, or splits cannot be made.
    """
    where = _find(files, options)
    table = tables.read_table(files.read_text(where), where)
    bad: list[base.BadRow] = []
    rows = list(bad_rows.good_rows(table, _maker(table, corpus_name, options), bad))
    base.refuse_duplicates(rows)
    audio = {}
    for folder in sorted({_folder(row.path) for row in rows}):
        below = f"{folder}/" if folder else ""
        audio.update({below + name: info for name, info in files.list(folder).items()})
    named = {row.path for row in rows}
    audio = {path: info for path, info in audio.items() if path in named}
    _all_or_none(rows, where)
    if rows[0].split and not options.split:
        return base.Corpus(tuple(rows), (where,), audio, bad_rows=tuple(bad))
    return splits.split_corpus(
        rows, options, where=where, audio=audio, protocols=(where,), bad_rows=bad
    )


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _all_or_none(rows: Sequence[base.Utterance], where: str) -> None:
    """Refuses a manifest with speakers, or splits, in some rows only."""
    for what, without in (
        ("split", [row for row in rows if not row.split]),
        ("speaker", [row for row in rows if row.speaker_id == base.UNKNOWN_SPEAKER]),
    ):
        if without and len(without) < len(rows):
            raise base.CorpusError(
                f"{without[0].source}: expected a {what} in all rows or in none, got none in "
                f"{len(without):,} of {len(rows):,} rows of {where}. Complete or remove the column"
            )


def parse(text: str, where: str, *, corpus_name: str, options: Options) -> Iterator[base.Utterance]:
    """Yields the rows of a manifest; the split is empty if there is none.

    Raises:
        FileError: A column is missing, or a row is malformed.
    """
    table = tables.read_table(text, where)
    yield from map(_maker(table, corpus_name, options), table)


def _maker(
    table: tables.Table, corpus_name: str, options: Options
) -> Callable[[tables.Row], base.Utterance]:
    """Returns the function from a row of this table to its utterance."""
    columns = {what: _column(table, what, options) for what in _USUAL}
    extra = {name: table.find([name]) for name in base.EXTRA_NAMES}

    def make(row: tables.Row) -> base.Utterance:
        cells = {what: row.cell(column) for what, column in columns.items()}
        rest = {name: row.cell(column) for name, column in extra.items()}
        return _utterance(row, cells, rest, corpus_name, options)

    return make


def _column(table: tables.Table, what: str, options: Options) -> int | None:
    """Returns the column of an option, else the first usual one, else None."""
    named = getattr(options, f"{what}_column")
    names = (named.lower(),) if named else _USUAL[what]
    column = table.find(names)
    if column is None and (named or what in _REQUIRED):
        raise _missing(table, what, f". Name it by corpus.options={what}_column=NAME", named)
    return column


def _missing(table: tables.Table, what: str, remedy: str = "", named: str = "") -> base.CorpusError:
    return base.CorpusError(
        f"{table.where}:{table.line}: expected a column {named or ' or '.join(_USUAL[what])} (the "
        f"{what}), got {', '.join(table.names)}{remedy}"
    )


def _utterance(
    row: tables.Row,
    cells: Mapping[str, str],
    rest: Mapping[str, str],
    corpus_name: str,
    options: Options,
) -> base.Utterance:
    key = keys.key_of(cells["key"], bonafide=options.bonafide, spoof=options.spoof)
    if key is None:
        raise row.error(
            f"{keys.unknown_key(cells['key'])}. Say what they mean by "
            "corpus.options=bonafide=...,spoof=..."
        )
    system = ids.as_id(cells["system"])
    if problem := keys.attack_problem(key, system):
        raise row.error(problem)
    split = splits.split_named(cells["split"])
    if cells["split"] and split is None:
        raise row.error(f"expected train, dev or eval as the split, got {shown(cells['split'])}")
    path = _path(row, cells["path"])
    identity = ids.as_id(cells["id"] or endings.stem(path.partition("://")[2] or path))
    if not identity:
        raise row.error("the id is empty")
    return base.Utterance(
        utterance_id=identity,
        speaker_id=ids.as_id(cells["speaker"]) or base.UNKNOWN_SPEAKER,
        system_id=keys.attack_of(key, system),
        key=key,
        split=split or "",
        path=path,
        corpus=corpus_name,
        source=row.source,
        extra=base.extra(rest),
    )


def paths(text: str, where: str) -> Iterator[str]:
    """Yields the paths in a manifest, which need no other column.

    Unlike `parse`, which is for UtteranceGen's input, it allows any file extension.

    Raises:
        FileError: There is no column of paths, or a path is not below the root.
    """
    table = tables.read_table(text, where)
    column = table.find(_USUAL["path"])
    if column is None:
        raise _missing(table, "path")
    for row in table:
        if not row.cell(column):
            raise row.error("the path is empty")
        yield _below_root(row, row.cell(column))


def _path(row: tables.Row, text: str) -> str:
    """Returns the path of a recording that UtteranceGen can read."""
    path = text.replace("\\", "/")
    if not endings.is_audio(path.partition("://")[2] or path):
        raise row.error(f"expected the path of an audio file, got {shown(text)}")
    return _below_root(row, text)


def _below_root(row: tables.Row, text: str) -> str:
    """Returns the path in normal form, as in other rows and listings."""
    path = text.replace("\\", "/")
    scheme, separator, rest = path.partition("://")
    if not separator:
        scheme, rest = "", path
    if not separator and (rest.startswith("/") or rest[1:2] == ":"):
        raise row.error(
            f"expected a path relative to the root of the corpus, got the absolute {shown(text)}"
        )
    parts = [part for part in rest.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise row.error(f"expected a path below the root of the corpus, got {shown(text)}")
    if not path.isprintable():
        raise row.error("the path holds control characters")
    return scheme + separator + "/".join(parts)
