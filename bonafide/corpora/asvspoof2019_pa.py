"""ASVspoof 2019 PA (replayed speech), as distributed.

    PA/ASVspoof2019_PA_cm_protocols/ASVspoof2019.PA.cm.{train.trn,dev.trl,eval.trl}.txt
    PA/ASVspoof2019_PA_{train,dev,eval}/flac/<UTTERANCE_ID>.flac

A protocol line has five columns, `SPEAKER_ID UTTERANCE_ID ENVIRONMENT_ID ATTACK_ID KEY`:

    PA_0079 PA_T_0000001 aaa - bonafide
    PA_0079 PA_T_0005401 aaa AA spoof

The root may be the folder above PA, PA itself, or a copy that nests a second PA.
"""

from bonafide.corpora import asvspoof_protocols, base, columns
from bonafide.corpora.options import DEFAULTS, Options

_PLACES = asvspoof_protocols.Places(
    name="ASVspoof 2019 PA",
    prefixes=("", "PA/", "PA/PA/"),
    protocols={
        split: (f"ASVspoof2019_PA_cm_protocols/ASVspoof2019.PA.cm.{split}.{kind}.txt",)
        for split, kind in (("train", "trn"), ("dev", "trl"), ("eval", "trl"))
    },
    audio={split: (f"ASVspoof2019_PA_{split}/flac",) for split in base.SPLITS},
)
_FORMS = {
    5: columns.Columns(
        expected="SPEAKER_ID UTTERANCE_ID ENVIRONMENT_ID ATTACK_ID KEY, such as "
        "'PA_0079 PA_T_0005401 aaa AA spoof' or 'PA_0079 PA_T_0000001 aaa - bonafide'",
        key=4,
        attack=3,
        extra={"environment": (2,)},
    )
}


def find(files: base.CorpusFiles) -> str:
    """Where the corpus lies below the root; see `protocols.find`."""
    return asvspoof_protocols.find(files, _PLACES)


def read(files: base.CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads the three protocols and lists the three audio folders; takes no options.

    Raises:
        CorpusError: A protocol is missing, empty or malformed, or an utterance id occurs twice.
    """
    return asvspoof_protocols.read(files, _PLACES, _FORMS, corpus_name=corpus_name)
