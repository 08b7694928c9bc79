"""ASVspoof 2019 LA, as distributed, and any corpus in its layout.

    LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{train.trn,dev.trl,eval.trl}.txt
    LA/ASVspoof2019_LA_{train,dev,eval}/flac/<UTTERANCE_ID>.flac

A protocol line has five columns, `SPEAKER_ID UTTERANCE_ID - SYSTEM_ID KEY`:

    LA_0079 LA_T_1138215 - - bonafide
    LA_0079 LA_T_1004644 - A01 spoof

(The official README swaps columns 3 and 4; the files are as above.) The corpus root may be the
folder above LA, LA itself, or a copy that nests a second LA, as the one on Kaggle does.
"""

from bonafide.corpora import asvspoof_protocols, base, columns
from bonafide.corpora.options import DEFAULTS, Options

_PLACES = asvspoof_protocols.Places(
    name="ASVspoof 2019 LA",
    prefixes=("", "LA/", "LA/LA/"),
    protocols={
        split: (f"ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{split}.{kind}.txt",)
        for split, kind in (("train", "trn"), ("dev", "trl"), ("eval", "trl"))
    },
    audio={split: (f"ASVspoof2019_LA_{split}/flac",) for split in base.SPLITS},
)
_ASV_SCORES = "ASVspoof2019_LA_asv_scores/ASVspoof2019.LA.asv.{split}.gi.trl.scores.txt"
FORMS = {
    5: columns.Columns(
        expected="SPEAKER_ID UTTERANCE_ID - SYSTEM_ID KEY, such as "
        "'LA_0079 LA_T_1004644 - A01 spoof' or 'LA_0079 LA_T_1138215 - - bonafide'",
        key=4,
        attack=3,
        unused=2,
    )
}


def find(files: base.CorpusFiles) -> str:
    """Where the corpus lies below the root; see `protocols.find`."""
    return asvspoof_protocols.find(files, _PLACES)


def read(files: base.CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads the three protocols and lists the three audio folders, once each; takes no options.

    Utterances without a file keep the path at which a FLAC was expected.

    Raises:
        CorpusError: A protocol is missing, empty or malformed, or an utterance id occurs twice.
    """
    return asvspoof_protocols.read(files, _PLACES, FORMS, corpus_name=corpus_name)


def asv_scores(files: base.CorpusFiles, split: str) -> str | None:
    """Returns the path of the organisers' ASV scores of a split, None where they are not there."""
    path = find(files) + _ASV_SCORES.format(split=split)
    return path if files.exists(path) else None
