"""Rows of a corpus whose folders and file names say everything: no protocol is read."""

from collections.abc import Callable, Iterable

from bonafide.audio import endings
from bonafide.corpora import base
from bonafide.storage.corpus_files import CorpusFiles, FileInfo
from bonafide.trials import ids, keys


def row(  # noqa: PLR0913 (what an utterance has)
    path: str,
    name: str,
    *,
    corpus_name: str,
    key: str,
    speaker: str = "",
    system: str = "",
    split: str = "",
    source: str = "",
    extra: Iterable[tuple[str, str]] = (),
) -> base.Utterance:
    """Returns the utterance of a file.

    Args:
        path: Its path below the root.
        name: What becomes its id, with its folders and without its ending.
        corpus_name: The name of the corpus.
        key: `bonafide` or `spoof`.
        speaker: Empty where it is unknown.
        system: Of a spoof; empty where it is unknown.
        split: Empty where splits are made.
        source: `file:line` of a protocol; the path without one.
        extra: Further metadata.
    """
    return base.Utterance(
        utterance_id=ids.as_id(name),
        speaker_id=ids.as_id(speaker) or base.UNKNOWN_SPEAKER,
        system_id=keys.attack_of(key, ids.as_id(system)),
        key=key,
        split=split,
        path=path,
        corpus=corpus_name,
        source=source or path,
        extra=base.extra(dict(extra)),
    )


def rows_of(
    files: CorpusFiles, make: Callable[[str], base.Utterance | None]
) -> tuple[list[base.Utterance], dict[str, FileInfo]]:
    """Returns the utterances of all audio below the root, and their files.

    Args:
        files: The corpus.
        make: Returns the utterance of a path, or None for a file that is not of the corpus.

    Raises:
        CorpusError: Two files would have the same id.
    """
    found = files.walk("")
    rows, audio = [], {}
    for path in sorted(filter(endings.is_audio, found)):
        if (made := make(path)) is not None:
            rows.append(made)
            audio[path] = found[path]
    base.refuse_duplicates(rows)
    return rows, audio


def below(path: str, folder: str) -> str | None:
    """Returns the part of a path below the first folder of this name; None without one."""
    _, found, rest = f"/{path}".partition(f"/{folder}/")
    return rest if found else None
