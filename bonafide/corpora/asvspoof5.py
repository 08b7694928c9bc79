"""ASVspoof 5, track 1, as distributed.

    ASVspoof5_protocols/ASVspoof5.{train,dev.track_1,eval.track_1}.tsv
    flac_T/  flac_D/  flac_E_eval/

The protocols have no header. Despite their name, their columns are separated by spaces: 10
columns, or 6 in an older form.

    D_4461 D_0000000169 F - - - AC1 A14 spoof -
    T_4850 T_0000000000 F - A05 spoof

The root contains the audio folders; the protocols are in the root or in a folder of their own.
"""

from bonafide.corpora import asvspoof_protocols, base
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.trials import layouts


def _protocols(*names: str) -> tuple[str, ...]:
    folders = ("ASVspoof5_protocols/", "protocols/", "")
    return tuple(f"{folder}ASVspoof5.{name}" for name in names for folder in folders)


_PLACES = asvspoof_protocols.Places(
    name="ASVspoof 5",
    prefixes=("", "ASVspoof5/"),
    protocols={
        "train": _protocols("train.tsv", "train.metadata.txt"),
        "dev": _protocols("dev.track_1.tsv", "dev.metadata.txt"),
        "eval": _protocols("eval.track_1.tsv", "eval.metadata.txt"),
    },
    audio={"train": ("flac_T",), "dev": ("flac_D",), "eval": ("flac_E_eval", "flac_E")},
)
_LAYOUTS = (layouts.ASVSPOOF5, layouts.ASVSPOOF5_OLD)


def find(files: CorpusFiles) -> str:
    """Returns the folder of the corpus below the root; see `asvspoof_protocols.find`."""
    return asvspoof_protocols.find(files, _PLACES)


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads the three protocols and lists the audio folders. There are no options.

    Raises:
        CorpusError: A protocol is missing, empty or malformed, or an utterance id occurs twice.
    """
    del options
    return asvspoof_protocols.read(files, _PLACES, _LAYOUTS, corpus_name=corpus_name)
