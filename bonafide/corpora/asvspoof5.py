"""ASVspoof 5, track 1, as distributed.

    ASVspoof5_protocols/ASVspoof5.{train,dev.track_1,eval.track_1}.tsv
    flac_T/  flac_D/  flac_E_eval/

The protocols have no header. Despite their name, their columns are separated by spaces: 10
columns, or 6 in an older form.

    D_4461 D_0000000169 F - - - AC1 A14 spoof -
    T_4850 T_0000000000 F - A05 spoof

The root contains the audio folders; the protocols are in the root or in a folder of their own.

Train and dev are often downloaded without eval, which is five times as large. Eval is then made of
half of dev's speakers and half of its attacks, which dev does not keep.
"""

import collections
import dataclasses
import hashlib

from bonafide.corpora import asvspoof_protocols, base
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.text import listed, plural
from bonafide.trials import keys, layouts


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


# Without eval: protocol and audio of the other two.
_TRAIN_AND_DEV = dataclasses.replace(
    _PLACES,
    protocols={split: _PLACES.protocols[split] for split in ("train", "dev")},
)
_SEED = 1


def find(files: CorpusFiles) -> str:
    """Returns the folder of the corpus below the root; see `asvspoof_protocols.find`."""
    return _find(files)[0]


def _find(files: CorpusFiles) -> tuple[str, asvspoof_protocols.Places]:
    """The folder of the corpus, and where its files are: without eval if nothing of it is there."""
    try:
        return asvspoof_protocols.find(files, _PLACES), _PLACES
    except base.NotThisLayoutError:
        raise
    except base.CorpusError:
        prefix = asvspoof_protocols.find(files, _TRAIN_AND_DEV)
        if any(files.list(prefix + folder) for folder in _PLACES.audio["eval"]):
            raise  # Its audio is there: its protocol was forgotten.
        return prefix, _TRAIN_AND_DEV


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads the protocols and lists the audio folders. There are no options.

    Raises:
        CorpusError: A protocol is missing, empty or malformed, or an utterance id occurs twice; or
            eval is missing and dev has too few speakers or attacks to make one.
    """
    del options
    _, places = _find(files)
    corpus = asvspoof_protocols.read(files, places, _LAYOUTS, corpus_name=corpus_name)
    return corpus if places is _PLACES else _with_eval(corpus, files.root)


def _with_eval(corpus: base.Corpus, root: str) -> base.Corpus:
    """Divides dev into dev and eval, with no speaker and no attack in common."""
    dev = [row for row in corpus.utterances if row.split == "dev"]
    attacks = _half({row.system_id for row in dev if row.key == keys.SPOOF})
    speakers = _half({row.speaker_id for row in dev})
    divided: list[base.Utterance] = []
    for row in corpus.utterances:
        if row.split == "train":
            divided.append(row)
            continue
        in_eval = row.speaker_id in speakers
        if row.key == keys.BONAFIDE or in_eval == (row.system_id in attacks):
            divided.append(dataclasses.replace(row, split="eval" if in_eval else "dev"))
    for split in ("dev", "eval"):
        if {row.key for row in divided if row.split == split} != {keys.BONAFIDE, keys.SPOOF}:
            raise base.CorpusError(
                f"corpus root {root}: ASVspoof 5 without eval: expected a dev split with bona fide "
                "and spoofed speech of several speakers and attacks, to make an eval split of half "
                f"of it, got one that leaves {split} without a class. Add the eval split"
            )
    counts = collections.Counter(row.split for row in divided)
    note = (
        f"the eval split of ASVspoof 5 is not there: {plural(len(speakers), 'speaker')} and "
        f"{plural(len(attacks), 'attack')} of dev ({listed(sorted(attacks), most=10)}) are eval "
        f"({counts['eval']:,} utterances), the others dev ({counts['dev']:,}); "
        f"{len(corpus.utterances) - len(divided):,} utterances were removed to keep speakers and "
        "attacks apart. The error rates are not those of the published eval split"
    )
    return dataclasses.replace(corpus, utterances=tuple(divided), notes=(note, *corpus.notes))


def _half(names: set[str]) -> frozenset[str]:
    """Half of the names, rounded up, chosen by a hash: the same for the same names."""
    drawn = sorted(names, key=lambda name: hashlib.sha256(f"{_SEED}\n{name}".encode()).digest())
    return frozenset(drawn[: (len(drawn) + 1) // 2])
