"""PartialSpoof (Zhang et al., 2021 to 2023): utterances of ASVspoof 2019 LA with spoofed parts.

    database/protocols/PartialSpoof_LA_cm_protocols/PartialSpoof.LA.cm.{train,dev,eval}.trl.txt
    database/{train,dev,eval}/con_wav/CON_T_0000000.wav
    database/segment_labels/...                                   (not read)

in the root, in `database/` or in `PartialSpoof/database/`. The protocols have the columns of
ASVspoof 2019 LA; the system of all spoofs is `CON`. An utterance is a spoof if a part of it is.
"""

import dataclasses

from bonafide.corpora import asvspoof_protocols, base
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.trials import layouts

_FOLDER = "PartialSpoof_LA_cm_protocols"
_PLACES = asvspoof_protocols.Places(
    name="PartialSpoof",
    prefixes=("", "database/", "PartialSpoof/", "PartialSpoof/database/"),
    protocols={
        split: tuple(
            f"{folder}PartialSpoof.LA.cm.{split}.trl.txt"
            for folder in (f"protocols/{_FOLDER}/", f"{_FOLDER}/")
        )
        for split in base.SPLITS
    },
    audio={split: (f"{split}/con_wav",) for split in base.SPLITS},
)
_NOTE = (
    "spoofs of PartialSpoof are spoofed in parts, and all are of one system (CON): eval has no "
    "unseen attack, and a model passes the gate only with gate.allow_attack_overlap=true"
)


def find(files: CorpusFiles) -> str:
    """Returns the folder of the corpus below the root; see `asvspoof_protocols.find`."""
    return asvspoof_protocols.find(files, _PLACES)


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads the protocols and lists the audio folders. There are no options.

    Raises:
        CorpusError: A protocol is missing, empty or malformed, or an utterance id occurs twice.
    """
    corpus = asvspoof_protocols.read(
        files, _PLACES, [layouts.ASVSPOOF2019_LA], corpus_name=corpus_name
    )
    return dataclasses.replace(corpus, notes=(_NOTE, *corpus.notes))
