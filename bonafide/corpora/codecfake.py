"""Codecfake (Xie et al., 2024): speech of VCTK and AISHELL-3 through neural codecs.

    label/{train,dev,C1,...,C7}.txt          SSB13650058.wav real 0 / F01_SSB13650058.wav fake 1
    train/ dev/ C1/ ... C7/                  the audio of each list, in a folder of its name

in the root or in `Codecfake/`. The lists other than train and dev are eval; the number is that of
the codec (`F01` to `F07`). Speakers are the beginnings of AISHELL-3's and VCTK's names (`SSB1365`,
`p225`); where some file has neither, all speakers are unknown.

(The other CodecFake, of Wu et al., 2024, has no bona fide speech and no lists: use a manifest.)
"""

import dataclasses
import re

from bonafide.audio import endings
from bonafide.corpora import base, by_path, label_lists
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.trials import keys, tables

_PREFIXES = ("", "Codecfake/", "codecfake/")
_TRAINING = ("train", "dev")
_SPEAKER = re.compile(r"(?:F\d\d_)?(?:(SSB\d{4})\d{4}|([ps]\d{1,3})_\d{3})")


def find(files: CorpusFiles) -> str:
    """Returns the folder of `label/`, with a slash at its end; empty for the root.

    Raises:
        NotThisLayoutError: There is neither `label/train.txt` nor `label/dev.txt`.
        CorpusError: One of them is missing.
    """
    for prefix in _PREFIXES:
        missing = [name for name in _TRAINING if not files.exists(f"{prefix}label/{name}.txt")]
        if not missing:
            return prefix
        if len(missing) < len(_TRAINING):
            raise base.CorpusError(
                f"corpus root {files.root}: Codecfake has no list {prefix}label/{missing[0]}.txt"
            )
    raise base.NotThisLayoutError(
        f"corpus root {files.root}: no Codecfake, which has label/train.txt and label/dev.txt"
    )


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads the lists and lists the folders. There are no options.

    Raises:
        CorpusError: Too many malformed lines in a list, or a file that a list names twice.
    """
    del options
    prefix = find(files)
    parts = [
        label_lists.Part(
            f"{prefix}label/{name}",
            (f"{prefix}{endings.stem(name)}",),
            endings.stem(name) if endings.stem(name) in _TRAINING else "eval",
        )
        for name in sorted(files.list(f"{prefix}label"))
        if name.endswith(".txt")
    ]

    def make(
        part: label_lists.Part, row: tables.Row, name: str, path: str, key: str
    ) -> base.Utterance:
        number = row.fields[2] if len(row.fields) > 2 else ""
        match = _SPEAKER.match(name)
        return by_path.row(
            path,
            f"{part.folders[0].rpartition('/')[2]}/{endings.stem(name)}",
            corpus_name=corpus_name,
            key=key,
            speaker=(match[1] or match[2]) if match else "",
            system=f"F{number:0>2}" if key == keys.SPOOF and number else "",
            split=part.split,
            source=row.source,
        )

    corpus = label_lists.read(files, parts, make)
    if all(row.speaker_id != base.UNKNOWN_SPEAKER for row in corpus.utterances):
        return corpus
    rows = [base.changed(row, base.UNKNOWN_SPEAKER, row.split) for row in corpus.utterances]
    return dataclasses.replace(corpus, utterances=tuple(rows))
