"""Fake-or-Real (FoR): bundled speech corpora beside commercial and neural synthesis.

    for-{norm,2sec,original,rerec}/{training,validation,testing}/{real,fake}/*.wav

The root is one of the four versions, or the folder above when it holds one of them only. Neither
speakers nor systems are named: intervals are by utterance, and all spoofs are one attack.
"""

from bonafide.audio import endings
from bonafide.corpora import base
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.trials import ids, keys

_VERSIONS = ("for-norm", "for-2sec", "for-original", "for-rerec", "for-rerecorded")
_FOLDERS = {"training": "train", "validation": "dev", "testing": "eval"}
_KEYS = {"real": keys.BONAFIDE, "fake": keys.SPOOF}


def find(files: CorpusFiles) -> str:
    """Where the folders `training`, `validation` and `testing` lie below the root.

    Raises:
        NotThisLayoutError: There is none of them.
        CorpusError: Some are there and others are missing, or several versions are there.
    """
    nested = [prefix for name in _VERSIONS for prefix in (f"{name}/", f"{name}/{name}/")]
    found = []
    for prefix in ("", *nested):
        missing = [folder for folder in _folders(prefix) if not files.list(folder)]
        if not missing:
            found.append(prefix)
        elif len(missing) < len(_folders(prefix)):
            raise base.CorpusError(
                f"corpus root {files.root}: Fake-or-Real lacks the files of {', '.join(missing)}"
            )
        if found == [""]:
            break
    if len(found) > 1:
        raise base.CorpusError(
            f"corpus root {files.root}: several versions of Fake-or-Real are there, "
            f"{', '.join(prefix.rstrip('/') for prefix in found)}: name one of them as the root"
        )
    if not found:
        raise base.NotThisLayoutError(
            f"corpus root {files.root}: no Fake-or-Real, which has files in "
            f"{', '.join(_folders(''))}, there or below {', '.join(_VERSIONS[:4])}"
        )
    return found[0]


def _folders(prefix: str) -> list[str]:
    return [f"{prefix}{folder}/{kind}" for folder in _FOLDERS for kind in _KEYS]


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Lists the six folders; takes no options.

    Raises:
        CorpusError: See `find`; or a folder has no audio.
    """
    del options
    prefix = find(files)
    utterances = []
    audio = {}
    for folder, split in _FOLDERS.items():
        for kind, key in _KEYS.items():
            place = f"{prefix}{folder}/{kind}"
            listing = files.list(place)
            by_stem = endings.audio_by_stem(listing)
            if not by_stem:
                raise base.CorpusError(f"{place}: there is no file of audio in it")
            for stem, name in sorted(by_stem.items()):
                path = f"{place}/{name}"
                audio[path] = listing[name]
                utterances.append(
                    base.Utterance(
                        utterance_id=ids.as_id(f"{folder}/{kind}/{stem}"),
                        speaker_id=base.UNKNOWN_SPEAKER,
                        system_id=keys.NO_ATTACK if key == keys.BONAFIDE else keys.SPOOF,
                        key=key,
                        split=split,
                        path=path,
                        corpus=corpus_name,
                        source=path,
                    )
                )
    base.refuse_duplicates(utterances)
    note = "no speakers are named: nothing can tell whether splits share some"
    return base.Corpus(tuple(utterances), (), audio, (note,))
