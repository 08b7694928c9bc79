"""Fake-or-Real (FoR): real speech of several corpora, and commercial and neural synthesis.

    for-{norm,2sec,original,rerec}/{training,validation,testing}/{real,fake}/*.wav

The root is one of the four versions, or a folder that contains only one of them. The corpus names
neither speakers nor systems: intervals are by utterance, and all spoofs count as one attack.
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
    """Returns the parent of the folders `training`, `validation` and `testing`.

    Raises:
        NotThisLayoutError: None of them exists.
        CorpusError: Some of them are missing, or there are several versions.
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
            f"corpus root {files.root}: expected one version of Fake-or-Real, got "
            f"{', '.join(prefix.rstrip('/') for prefix in found)}. Set the root to one of them"
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
    """Lists the six folders. There are no options.

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
                raise base.CorpusError(f"{place}: expected audio files, got none")
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
    note = "the corpus names no speakers, so speakers may be in several splits"
    return base.Corpus(tuple(utterances), (), audio, (note,))
