"""A manifest: a table with a row for each recording, for any corpus of your own.

    path,key,speaker,system,split,language
    audio/1.wav,bonafide,S1,-,train,en
    audio/2.wav,spoof,S1,TTS-A,train,en

CSV, TSV or JSON Lines (`manifest.csv`, `.tsv`, `.jsonl` at the root, or where `manifest` says).
`path` is relative to the root, or the URI of a Beam filesystem. Only `path` and `key` must be
there; the options `path_column` and so on name columns that are called otherwise. Columns named as
in `base.EXTRA_NAMES` are kept besides.
"""

from collections.abc import Iterator, Mapping, Sequence

from bonafide.audio import endings
from bonafide.corpora import base, names, splits, tables
from bonafide.corpora.options import DEFAULTS, Options

_NAMES = ("manifest.csv", "manifest.tsv", "manifest.jsonl")
# What columns are usually called, the best name first.
_USUAL = {
    "path": ("path", "file", "filename", "file_name", "audio", "wav"),
    "key": ("key", "label"),
    "speaker": ("speaker", "speaker_id"),
    "system": ("system", "system_id", "attack", "attack_id"),
    "split": ("split", "subset", "partition"),
    "id": ("utterance", "utterance_id", "id"),
}
_REQUIRED = ("path", "key")


def find(files: base.CorpusFiles) -> str:
    """Returns the path of the manifest.

    Raises:
        NotThisLayoutError: There is none.
        CorpusError: There are several.
    """
    return _find(files, DEFAULTS)


def _find(files: base.CorpusFiles, options: Options) -> str:
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


def read(files: base.CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads the manifest, lists the folders that it names, and makes splits where it has none.

    Options: those of columns and keys, and those of `splits`.

    Raises:
        CorpusError: A malformed row, an id used twice, speakers or splits named in some rows only,
            or splits cannot be made.
    """
    where = _find(files, options)
    rows = list(parse(files.read_text(where), where, corpus_name=corpus_name, options=options))
    base.refuse_duplicates(rows)
    audio = {}
    for folder in sorted({_folder(row.path) for row in rows}):
        below = f"{folder}/" if folder else ""
        audio.update({below + name: info for name, info in files.list(folder).items()})
    wanted = {row.path for row in rows}
    audio = {path: info for path, info in audio.items() if path in wanted}
    _all_or_none(rows, where)
    notes: tuple[str, ...] = ()
    utterances = tuple(rows)
    if not rows[0].split or options.split:
        utterances, notes = splits.with_splits(rows, options, where=where)
    return base.Corpus(utterances, (where,), audio, notes)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _all_or_none(rows: Sequence[base.Utterance], where: str) -> None:
    """Refuses a manifest that names speakers, or splits, in some rows only."""
    for what, without in (
        ("split", [row for row in rows if not row.split]),
        ("speaker", [row for row in rows if row.speaker_id == base.UNKNOWN_SPEAKER]),
    ):
        if without and len(without) < len(rows):
            raise base.CorpusError(
                f"{without[0].source}: this row names no {what}, as {len(without):,} of "
                f"{len(rows):,} in {where} do not: name it in all rows, or in none"
            )


def parse(text: str, where: str, *, corpus_name: str, options: Options) -> Iterator[base.Utterance]:
    """Yields the rows of a manifest, with an empty split where it names none.

    Raises:
        CorpusError: A column is missing, or a row is malformed.
    """
    known: dict[tuple[str, ...], dict[str, str | None]] = {}
    for row in tables.read_table(text, where):
        header = tuple(row.cells)
        if header not in known:  # The same in all rows, unless it is JSON.
            known[header] = _columns(row, header, options)
        yield _utterance(
            row,
            {what: row.cells[name] if name else "" for what, name in known[header].items()},
            corpus_name,
            options,
        )


def _columns(row: tables.Row, header: Sequence[str], options: Options) -> dict[str, str | None]:
    """Which column has what; None where there is none for it."""
    columns = {}
    for what, usual in _USUAL.items():
        wanted = getattr(options, f"{what}_column")
        columns[what] = tables.column(header, wanted, usual)
        if columns[what] is None and (wanted or what in _REQUIRED):
            raise row.fail(
                f"there is no column {wanted or ' or '.join(usual)} (the {what}); there are "
                f"{', '.join(header)}. corpus.options={what}_column=NAME names it"
            )
    return columns


def _utterance(
    row: tables.Row, cells: Mapping[str, str], corpus_name: str, options: Options
) -> base.Utterance:
    key = tables.key_of(cells["key"], bonafide=options.bonafide, spoof=options.spoof)
    if key is None:
        raise row.fail(tables.unknown_key(cells["key"]))
    system = names.as_id(cells["system"])
    unnamed = system in ("", base.NO_ATTACK) or tables.key_of(system) is not None
    if key == base.BONAFIDE and not unnamed:
        raise row.fail(f"a bona fide row names the system {system!r}; it must be '-' or empty")
    split = tables.split_of(cells["split"])
    if cells["split"] and split is None:
        raise row.fail(f"unknown split {base.shown(cells['split'])}; there are train, dev and eval")
    path = _path(row, cells["path"])
    identity = names.as_id(cells["id"] or endings.stem(path.partition("://")[2] or path))
    if not identity:
        raise row.fail("the id is empty")
    return base.Utterance(
        utterance_id=identity,
        speaker_id=names.as_id(cells["speaker"]) or base.UNKNOWN_SPEAKER,
        system_id=base.NO_ATTACK if key == base.BONAFIDE else base.SPOOF if unnamed else system,
        key=key,
        split=split or "",
        path=path,
        corpus=corpus_name,
        source=row.source,
        extra=base.extra(row.cells),
    )


def paths(text: str, where: str) -> Iterator[str]:
    """Yields the paths in a manifest, of which no other column need be there.

    Unlike `parse`, which is for what UtteranceGen reads, it takes any ending.

    Raises:
        CorpusError: There is no column with paths, or a path is not one below the root.
    """
    for row in tables.read_table(text, where):
        name = tables.column(tuple(row.cells), "", _USUAL["path"])
        if name is None:
            raise row.fail(
                f"there is no column {' or '.join(_USUAL['path'])}; there are "
                f"{', '.join(row.cells)}"
            )
        if not row.cells[name]:
            raise row.fail("the path is empty")
        yield _below_root(row, row.cells[name])


def _path(row: tables.Row, text: str) -> str:
    """The path of a recording that UtteranceGen can read."""
    path = text.replace("\\", "/")
    if not endings.is_audio(path.partition("://")[2] or path):
        raise row.fail(f"the path {base.shown(text)} does not end as a file of audio does")
    return _below_root(row, text)


def _below_root(row: tables.Row, text: str) -> str:
    """The path as other rows and listings write it."""
    path = text.replace("\\", "/")
    scheme, separator, rest = path.partition("://")
    if not separator:
        scheme, rest = "", path
    if not separator and (rest.startswith("/") or rest[1:2] == ":"):
        raise row.fail(
            f"the path {base.shown(text)} is absolute: write it relative to the root of the corpus"
        )
    parts = [part for part in rest.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise row.fail(f"the path {base.shown(text)} goes out of the corpus by '..'")
    if not path.isprintable():
        raise row.fail("the path holds control characters")
    return scheme + separator + "/".join(parts)
