"""SpoofCeleb (Jung et al., 2024): in-the-wild speech of VoxCeleb and 23 TTS systems trained on it.

    spoofceleb/metadata/{train,development,evaluation}.csv          file,speaker,attack
    spoofceleb/flac/{train,development,evaluation}/a00/id10310/YYsxcZ5saac-00002-006.flac

in the root, in `spoofceleb/` or in `SpoofCeleb/spoofceleb/`. A row is
`a00/id10318/YYsxcZ5saac-00002-006.flac,id10318,a00`; the attack `a00` is bona fide.
"""

from bonafide.audio import endings
from bonafide.corpora import bad_rows, base, by_path
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.text import shown
from bonafide.trials import keys, tables

_PREFIXES = ("", "spoofceleb/", "SpoofCeleb/spoofceleb/")
_SPLITS = {"train": "train", "development": "dev", "evaluation": "eval"}
_COLUMNS = ("file", "speaker", "attack")
_BONAFIDE = "a00"


def find(files: CorpusFiles) -> str:
    """Returns the folder of `metadata/`, with a slash at its end; empty for the root.

    Raises:
        NotThisLayoutError: There is no `metadata/evaluation.csv` or `train.csv`, `development.csv`.
        CorpusError: Some of the three are missing.
    """
    for prefix in _PREFIXES:
        found = [name for name in _SPLITS if files.exists(f"{prefix}metadata/{name}.csv")]
        if len(found) == len(_SPLITS):
            return prefix
        if found:
            missing = [name for name in _SPLITS if name not in found]
            raise base.CorpusError(
                f"corpus root {files.root}: {prefix}metadata has {', '.join(found)} and no "
                f"{', '.join(missing)} (.csv)"
            )
    raise base.NotThisLayoutError(
        f"corpus root {files.root}: no SpoofCeleb, which has metadata/train.csv, development.csv "
        f"and evaluation.csv. Tried, below the root: {', '.join(p or './' for p in _PREFIXES)}"
    )


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads the three tables and lists the audio.

    Raises:
        CorpusError: Too many malformed rows, or a file named twice.
    """
    prefix = find(files)
    rows: list[base.Utterance] = []
    bad: list[base.BadRow] = []
    protocols = []
    for name, split in _SPLITS.items():
        where = f"{prefix}metadata/{name}.csv"
        table = tables.read_table(files.read_text(where), where, delimiter=",")
        columns = [table.find([column]) for column in _COLUMNS]
        if None in columns:
            raise base.CorpusError(
                f"{where}:{table.line}: expected the columns {', '.join(_COLUMNS)}, got "
                f"{', '.join(table.names)}"
            )
        protocols.append(where)

        def make(
            row: tables.Row,
            folder: str = f"{prefix}flac/{name}",
            split: str = split,
            columns: list[int | None] = columns,
        ) -> base.Utterance:
            file, speaker, attack = map(row.cell, columns)
            parts = file.split("/")
            if not endings.is_audio(file) or ".." in parts or not all(parts):
                raise row.error(
                    f"expected a path such as a00/id10310/1.flac below {folder}, got {shown(file)}"
                )
            if not (speaker and attack):
                raise row.error("the speaker or the attack is empty")
            real = attack.lower() == _BONAFIDE
            return by_path.row(
                f"{folder}/{file}",
                endings.stem(file),
                corpus_name=corpus_name,
                key=keys.BONAFIDE if real else keys.SPOOF,
                speaker=speaker,
                system="" if real else attack,
                split=split,
                source=row.source,
            )

        rows += bad_rows.good_rows(table, make, bad)
    base.refuse_duplicates(rows)
    audio = {
        f"{prefix}flac/{path}": info
        for path, info in files.walk(f"{prefix}flac").items()
        if endings.is_audio(path)
    }
    return base.Corpus(tuple(rows), tuple(protocols), audio, bad_rows=tuple(bad))
