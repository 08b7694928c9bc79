"""ASVspoof 2019 LA and PA (replayed speech), as distributed, and any corpus in their layouts.

    LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{train.trn,dev.trl,eval.trl}.txt
    LA/ASVspoof2019_LA_{train,dev,eval}/flac/<UTTERANCE_ID>.flac

and the same with PA. A protocol line has five columns, in LA `SPEAKER_ID UTTERANCE_ID - SYSTEM_ID
KEY`, in PA `SPEAKER_ID UTTERANCE_ID ENVIRONMENT_ID ATTACK_ID KEY`:

    LA_0079 LA_T_1138215 - - bonafide
    LA_0079 LA_T_1004644 - A01 spoof
    PA_0079 PA_T_0005401 aaa AA spoof

(The official README swaps columns 3 and 4 of LA; the files are as above.) The corpus root may be
the folder above LA, LA itself, or a copy that nests a second LA, as the one on Kaggle does.
"""

from collections.abc import Callable

from bonafide.corpora import asvspoof_protocols, base
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.trials import layouts

TRACKS = {"LA": layouts.ASVSPOOF2019_LA, "PA": layouts.ASVSPOOF2019_PA}
_ASV_SCORES = "ASVspoof2019_LA_asv_scores/ASVspoof2019.LA.asv.{split}.gi.trl.scores.txt"


def find(track: str) -> Callable[[CorpusFiles], str]:
    """Returns the finder of a track (`LA` or `PA`); see `asvspoof_protocols.find`."""
    return lambda files: asvspoof_protocols.find(files, _places(track))


def reader(track: str) -> base.CorpusReader:
    """Returns the reader of a track, which has no options.

    Utterances without a file have the path of the expected FLAC. The reader raises FileError if a
    protocol is missing, empty or malformed, or an utterance id occurs twice.
    """

    def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
        del options
        places = _places(track)
        return asvspoof_protocols.read(files, places, [TRACKS[track]], corpus_name=corpus_name)

    return read


def _places(track: str) -> asvspoof_protocols.Places:
    folder = f"ASVspoof2019_{track}"
    kinds = {"train": "trn", "dev": "trl", "eval": "trl"}
    return asvspoof_protocols.Places(
        name=f"ASVspoof 2019 {track}",
        prefixes=("", f"{track}/", f"{track}/{track}/"),
        protocols={
            split: (f"{folder}_cm_protocols/ASVspoof2019.{track}.cm.{split}.{kind}.txt",)
            for split, kind in kinds.items()
        },
        audio={split: (f"{folder}_{split}/flac",) for split in kinds},
    )


def asv_scores(files: CorpusFiles, split: str) -> str | None:
    """Returns the path of the organisers' ASV scores of a split of LA; None without such a file."""
    path = find("LA")(files) + _ASV_SCORES.format(split=split)
    return path if files.exists(path) else None
