"""ADD 2022 and track 1.2 of ADD 2023 (audio deep synthesis detection challenges).

    ADD_train_dev/label/{train,dev}_label.txt            ADD_T_00000000.wav genuine
    ADD_train_dev/{train,dev}/ADD_T_00000000.wav
    eval_track1/label.txt                                (2022, if it is there)
    eval_track1/*.wav, or eval_track1/wav/*.wav

    Track1.2/{train,dev,testR1,testR2}/label.txt         ADD2023_T1.2R2_E_00000003.wav genuine
    Track1.2/{train,dev,testR1,testR2}/wav/ADD2023_T1.2R2_E_00000003.wav

in the root or any number of folders below. Speakers and systems are not named. Other tracks, which
locate manipulated parts or name the algorithm, and the adaptation sets are not read.
"""

import re
from collections.abc import Callable

from bonafide.audio import endings
from bonafide.corpora import base, by_path, label_lists
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.trials import tables

YEARS = ("2022", "2023")
_LISTS = {
    "2022": re.compile(
        r"(?P<root>(?:.*/)?)(?:ADD_train_dev/label/(?P<split>train|dev)_label|eval_track1/label)\.txt"
    ),
    "2023": re.compile(r"(?P<root>(?:.*/)?Track1\.2/)(?P<split>train|dev|test\w*)/label\.txt"),
}
_USUAL = {
    "2022": "ADD_train_dev/label/train_label.txt",
    "2023": "Track1.2/train/label.txt",
}


def find(year: str) -> Callable[[CorpusFiles], str]:
    """Returns the finder of a year's lists, which returns the path of the first."""

    def find_year(files: CorpusFiles) -> str:
        parts = _parts(files, year)
        if not parts:
            raise base.NotThisLayoutError(
                f"corpus root {files.root}: no list of ADD {year}, such as {_USUAL[year]}"
            )
        return parts[0].where

    return find_year


def _parts(files: CorpusFiles, year: str) -> list[label_lists.Part]:
    parts = []
    for path in sorted(files.walk("")):
        if not path.endswith("label.txt"):
            continue
        match = _LISTS[year].fullmatch(path)
        if match is None:
            continue
        split = match["split"] or "eval"
        folder = path.rpartition("/")[0]
        if folder.endswith("/label") or folder == "label":
            folders: tuple[str, ...] = (f"{match['root']}ADD_train_dev/{split}",)
        else:
            folders = (f"{folder}/wav", folder)
        split = "eval" if split.startswith("test") else split
        parts.append(label_lists.Part(path, folders, split))
    return parts


def reader(year: str) -> base.CorpusReader:
    """Returns the reader of a year, which has no options."""

    def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
        del options
        find(year)(files)

        def make(
            part: label_lists.Part, row: tables.Row, name: str, path: str, key: str
        ) -> base.Utterance:
            return by_path.row(
                path,
                endings.stem(name),
                corpus_name=corpus_name,
                key=key,
                split=part.split,
                source=row.source,
                extra=[("language", "zh")],
            )

        return label_lists.read(files, _parts(files, year), make)

    return read
