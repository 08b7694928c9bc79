"""Corpora with a list for each part: lines `FILE LABEL` or `FILE LABEL NUMBER`, without a header.

Each list belongs to one folder of audio and to one split.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from bonafide.audio import endings
from bonafide.corpora import bad_rows, base
from bonafide.storage.corpus_files import CorpusFiles, FileInfo
from bonafide.text import shown
from bonafide.trials import ids, keys, tables

_FORMS = {
    ("file", "key"): "FILE LABEL, such as 'ADD_T_00000000.wav genuine'",
    ("file", "key", "number"): "FILE LABEL NUMBER, such as 'F01_SSB13650058.wav fake 1'",
}


class Part(NamedTuple):
    """A list and its audio.

    Attributes:
        where: Path of the list.
        folders: Where its audio may be; the first that has some is taken.
        split: Its split.
    """

    where: str
    folders: tuple[str, ...]
    split: str


Make = Callable[[Part, tables.Row, str, str, str], base.Utterance]


def read(files: CorpusFiles, parts: Iterable[Part], make: Make) -> base.Corpus:
    """Reads lists and lists folders.

    Args:
        files: The corpus.
        parts: Its lists.
        make: Returns the utterance from a list, its row, the name of the file, its path and the
            key.

    Raises:
        CorpusError: Too many malformed lines in a list, or two files with one id.
    """
    rows: list[base.Utterance] = []
    audio: dict[str, FileInfo] = {}
    bad: list[base.BadRow] = []
    protocols = []
    for part in parts:
        folder = next((name for name in part.folders if files.list(name)), part.folders[0])
        audio.update(
            {
                f"{folder}/{name}": info
                for name, info in files.list(folder).items()
                if endings.is_audio(name)
            }
        )
        table = tables.without_header(files.read_text(part.where), part.where, _FORMS)
        protocols.append(part.where)

        def utterance(row: tables.Row, part: Part = part, folder: str = folder) -> base.Utterance:
            name, label = row.fields[:2]
            key = keys.key_of(label)
            if key is None:
                raise row.error(keys.unknown_key(label))
            if not endings.is_audio(name):
                raise row.error(f"expected the name of an audio file, got {shown(name)}")
            if problem := ids.file_name_problem(name):
                raise row.error(problem)
            return make(part, row, name, f"{folder}/{name}", key)

        rows += bad_rows.good_rows(table, utterance, bad)
    base.refuse_duplicates(rows)
    return base.Corpus(tuple(rows), tuple(protocols), audio, bad_rows=tuple(bad))
