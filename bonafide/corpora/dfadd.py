"""DFADD (Du et al., 2024): speech of diffusion and flow-matching TTS, on the voices of VCTK.

    DATASET_VCTK_BONAFIDE/{train,valid,test}/p225_001.wav
    DATASET_GradTTS/{train,valid,test}/p225_001_GradTTS.flac
    DATASET_MatchaTTS/... DATASET_NaturalSpeech2/... DATASET_PflowTTS/... DATASET_StyleTTS2/...

in the root or any number of folders below (`DFADD/`, `DFADD_ZIP/`). The speaker is the first part
of a file's name. Its test split has the systems of train.
"""

from bonafide.audio import endings
from bonafide.corpora import base, by_path, splits
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.trials import keys

_MARK = "DATASET_"
_REAL = "VCTK_BONAFIDE"


def find(files: CorpusFiles) -> str:
    """Returns the folder of bona fide speech.

    Raises:
        NotThisLayoutError: No file is below a folder `DATASET_...`.
        CorpusError: There is no bona fide speech among them.
    """
    found = [path for path in files.walk("") if _MARK in path and endings.is_audio(path)]
    if not found:
        raise base.NotThisLayoutError(
            f"corpus root {files.root}: no DFADD, which has {_MARK}{_REAL}/train and further "
            f"folders {_MARK}SYSTEM/train"
        )
    real = next((path for path in found if _MARK + _REAL + "/" in path), None)
    if real is None:
        raise base.CorpusError(
            f"corpus root {files.root}: expected the folder {_MARK}{_REAL} beside "
            f"{found[0].partition('/')[0]}, got none. Unpack the bona fide part of DFADD there"
        )
    return real.partition(_MARK + _REAL)[0] + _MARK + _REAL


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Lists the folders.

    Raises:
        CorpusError: As `find`, or two files have the same id.
    """
    find(files)

    def make(path: str) -> base.Utterance | None:
        _, found, rest = path.partition(_MARK)
        parts = rest.split("/")
        if not found or len(parts) != 3 or (split := splits.split_named(parts[1])) is None:
            return None
        system, _, name = parts
        real = system == _REAL
        return by_path.row(
            path,
            f"{system}/{endings.stem(name)}",
            corpus_name=corpus_name,
            key=keys.BONAFIDE if real else keys.SPOOF,
            speaker=name.partition("_")[0],
            system="" if real else system,
            split=split,
        )

    rows, audio = by_path.rows_of(files, make)
    note = (
        "the systems of test are those of train: a model passes the gate only with "
        "gate.allow_attack_overlap=true"
    )
    return base.Corpus(tuple(rows), (), audio, (note,))
