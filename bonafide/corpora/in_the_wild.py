"""In-the-Wild (Müller et al., 2022): speech of 58 public figures, recorded and imitated.

    release_in_the_wild/meta.csv        file,speaker,label
    release_in_the_wild/0.wav ...

A line reads `0.wav,Alec Guinness,spoof` or `9.wav,Alec Guinness,bona-fide`. Nothing says which
system made a spoof. It has no splits; it is mostly used for evaluation as a whole, which
`split=eval` does.
"""

from bonafide.audio import endings
from bonafide.corpora import base, names, splits, tables
from bonafide.corpora.options import DEFAULTS, Options

_PREFIXES = ("", "release_in_the_wild/")
_HEADER = ("file", "speaker", "label")


def find(files: base.CorpusFiles) -> str:
    """Where `meta.csv` lies below the root.

    Raises:
        NotThisLayoutError: There is none, or it is another one.
    """
    for prefix in _PREFIXES:
        path = f"{prefix}meta.csv"
        if files.exists(path) and set(_HEADER) <= set(tables.header(files.read_text(path), ",")):
            return prefix
    raise base.NotThisLayoutError(
        f"corpus root {files.root}: no meta.csv with the columns {', '.join(_HEADER)} of "
        f"In-the-Wild. Tried, below the root: {', '.join(f'{p}meta.csv' for p in _PREFIXES)}"
    )


def read(files: base.CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads `meta.csv`, lists the folder and makes splits by speaker.

    Options: those of `splits`.

    Raises:
        CorpusError: A malformed row, a file named twice, or too few speakers for splits.
    """
    prefix = find(files)
    where = f"{prefix}meta.csv"
    listing = files.list(prefix.rstrip("/"))
    rows = []
    for row in tables.read_table(files.read_text(where), where, delimiter=","):
        name, speaker, label = (row.cells[column] for column in _HEADER)
        key = tables.key_of(label)
        if key is None:
            raise row.fail(tables.unknown_key(label))
        if not endings.is_audio(name):
            raise row.fail(f"{base.shown(name)} is not the name of a file of audio, such as 0.wav")
        if not names.as_id(speaker):
            raise row.fail("the speaker is empty")
        if problem := names.id_problem(name):
            raise row.fail(f"the file name {problem}")
        rows.append(
            base.Utterance(
                utterance_id=names.as_id(endings.stem(name)),
                speaker_id=names.as_id(speaker),
                system_id=base.NO_ATTACK if key == base.BONAFIDE else base.SPOOF,
                key=key,
                split="",
                path=prefix + name,
                corpus=corpus_name,
                source=row.source,
            )
        )
    base.refuse_duplicates(rows)
    utterances, notes = splits.with_splits(rows, options, where=f"corpus root {files.root}")
    audio = {prefix + name: info for name, info in listing.items() if endings.is_audio(name)}
    return base.Corpus(utterances, (where,), audio, notes)
