"""Fake-or-Real (FoR): real speech of several corpora, and commercial and neural synthesis.

    for-{norm,2sec,original,rerec}/{training,validation,testing}/{real,fake}/*.wav

The root is one of the four versions, or any folder above that holds one of them only: the copy on
Kaggle has `for-2sec/for-2seconds/training`, `for-rerec/for-rerecorded/training` and so on. Neither
speakers nor systems are named: intervals are by utterance, and all spoofs are one attack.
"""

from bonafide.audio import endings
from bonafide.corpora import base
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.trials import ids, keys

_VERSIONS = ("for-norm", "for-2sec", "for-original", "for-rerec")
_USUAL_PREFIXES = ("", *(f"{version}/" for version in _VERSIONS))
_MOST_ABOVE = 4  # Folders between the root and `training`.
_FOLDERS = {"training": "train", "validation": "dev", "testing": "eval"}
_KEYS = {"real": keys.BONAFIDE, "fake": keys.SPOOF}


def find(files: CorpusFiles) -> str:
    """Returns the parent of the folders `training`, `validation` and `testing`.

    Raises:
        NotThisLayoutError: None of them exists.
        CorpusError: Some of them are missing, or there are several versions.
    """
    held = _folders_with_files(files)
    found, incomplete = [], []
    for prefix in sorted(held, key=_usual_order):
        missing = [folder for folder in _folders(prefix) if folder not in held[prefix]]
        if missing:
            incomplete.append(f"Fake-or-Real lacks the files of {', '.join(missing)}")
        else:
            found.append(prefix)
        if found == [""]:
            break
    if incomplete and found != [""]:
        raise base.CorpusError(f"corpus root {files.root}: {'; '.join(incomplete)}")
    if len(found) > 1:
        raise base.CorpusError(
            f"corpus root {files.root}: expected one version of Fake-or-Real, got "
            f"{', '.join(prefix.rstrip('/') for prefix in found)}. Set the root to one of them"
        )
    if not found:
        raise base.NotThisLayoutError(
            f"corpus root {files.root}: no Fake-or-Real, which has files in "
            f"{', '.join(_folders(''))}, there or below {', '.join(_VERSIONS)}"
        )
    return found[0]


def _folders_with_files(files: CorpusFiles) -> dict[str, set[str]]:
    """What comes before `training` and so on -> the folders of it that have files."""
    # A walk does not follow links to folders, which a listing does.
    usual = {prefix: {*filter(files.list, _folders(prefix))} for prefix in _USUAL_PREFIXES}
    held = {prefix: folders for prefix, folders in usual.items() if folders}
    for path in files.walk(""):
        parts = path.split("/")
        if 3 <= len(parts) <= 3 + _MOST_ABOVE and parts[-2] in _KEYS and parts[-3] in _FOLDERS:
            prefix = "".join(f"{part}/" for part in parts[:-3])
            if "__MACOSX/" not in prefix:
                held.setdefault(prefix, set()).add("/".join(parts[:-1]))
    return held


def _usual_order(prefix: str) -> tuple[int, str]:
    """The order in which versions are usually named."""
    first = prefix.partition("/")[0]
    return (_VERSIONS.index(first) if first in _VERSIONS else len(_VERSIONS), prefix)


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
