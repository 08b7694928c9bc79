"""Two folders of real and synthetic speech, without a protocol.

    real/[SPEAKER/]*.wav                    bona fide
    fake/[SYSTEM/[SPEAKER/]]*.wav           spoof

or the same three times, below `train/`, `dev/` and `eval/`. `real` may also be called `bonafide`,
`bona-fide` or `genuine`, and `fake` `spoof`; splits may be called as other corpora call them
(`training`, `validation`, `test`, ...). Without folders of splits, they are made by speaker; a
system without folders of speakers counts as a voice then. Where some files are in no folder of a
speaker, splits are made by groups of files with related names (`bonafide.corpora.groups`).
"""

import collections
import dataclasses
import functools
from collections.abc import Iterator

from bonafide.audio import endings
from bonafide.corpora import base, splits
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles, FileInfo
from bonafide.trials import ids, keys

_REAL = ("real", "bonafide", "bona-fide", "genuine")
_FAKE = ("fake", "spoof")
_SPLITS = ("train", "training", "dev", "valid", "val", "validation", "eval", "test", "testing")


@dataclasses.dataclass(frozen=True)
class _Place:
    """A folder of one class, below the root."""

    folder: str
    key: str
    split: str


def find(files: CorpusFiles) -> str:
    """Returns a description of the folders.

    Raises:
        NotThisLayoutError: No such folder with audio exists.
        CorpusError: A class is missing, overall or in a split; or there are folders with and
            without splits.
    """
    return ", ".join(place.folder for place in _places(files))


def _places(files: CorpusFiles) -> list[_Place]:
    found = []
    for prefix, split in (
        ("", ""),
        *((f"{name}/", splits.split_named(name) or "") for name in _SPLITS),
    ):
        both = [
            next((name for name in usual if _has_audio(files, prefix + name)), "")
            for usual in (_REAL, _FAKE)
        ]
        if any(both) and not all(both):
            there, missing = (prefix + (both[0] or both[1]), "fake" if both[0] else "real")
            raise base.CorpusError(
                f"corpus root {files.root}: there is audio in {there}, and none in "
                f"{prefix}{missing}"
            )
        if all(both):
            found += [
                _Place(prefix + name, key, split)
                for name, key in zip(both, (keys.BONAFIDE, keys.SPOOF), strict=True)
            ]
    if not found:
        raise base.NotThisLayoutError(
            f"corpus root {files.root}: no folders real and fake with audio in them, there or "
            "below train, dev and eval"
        )
    if len({place.split for place in found}) > 1 and any(not place.split for place in found):
        raise base.CorpusError(
            f"corpus root {files.root}: {', '.join(place.folder for place in found)}: have folders "
            "real and fake at the root, or below train, dev and eval, not both"
        )
    return found


def _has_audio(files: CorpusFiles, folder: str) -> bool:
    return any(endings.is_audio(path) for path in files.walk(folder))


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Lists the folders, and makes splits by speaker if there are none.

    Options: those of `splits`, if there are no folders of splits.

    Raises:
        CorpusError: As `find`; or splits cannot be made, or two files would have the same id.
    """
    rows: list[base.Utterance] = []
    audio: dict[str, FileInfo] = {}
    for place in _places(files):
        below = {
            path: info for path, info in files.walk(place.folder).items() if endings.is_audio(path)
        }
        audio.update({f"{place.folder}/{path}": info for path, info in below.items()})
        rows += _rows(place, sorted(below), corpus_name)
    base.refuse_duplicates(rows)
    if rows[0].split and not options.split:
        return base.Corpus(tuple(rows), (), audio)
    return splits.split_corpus(rows, options, where=f"corpus root {files.root}", audio=audio)


def _rows(place: _Place, paths: list[str], corpus_name: str) -> Iterator[base.Utterance]:
    # `a.wav` and `a.mp3` are two recordings, which need two ids.
    stems = [endings.stem(path) for path in paths]
    same = collections.Counter(stems)
    as_id = functools.cache(ids.as_id)
    for path, stem in zip(paths, stems, strict=True):
        name = path if same[stem] > 1 else stem
        folders = path.split("/")[:-1]
        if place.key == keys.BONAFIDE:
            system = keys.NO_ATTACK
            speaker = folders[0] if folders else base.UNKNOWN_SPEAKER
        else:
            system = as_id(folders[0]) if folders else keys.SPOOF
            speaker = folders[min(1, len(folders) - 1)] if folders else base.UNKNOWN_SPEAKER
        yield base.Utterance(
            utterance_id=ids.as_id(f"{place.folder}/{name}"),
            speaker_id=as_id(speaker),
            system_id=system,
            key=place.key,
            split=place.split,
            path=f"{place.folder}/{path}",
            corpus=corpus_name,
            source=f"{place.folder}/{path}",
        )
