"""Why nothing can be read below a root, in the words of the person who gave it."""

import collections
import pathlib

from bonafide.audio import endings
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.text import listed, plural

_SHOWN = 5
LAYOUT_EXAMPLES = """\
The simplest layouts:
    real/*.wav            fake/*.wav                      two folders
    real/SPEAKER/*.wav    fake/SYSTEM/SPEAKER/*.wav       with speakers, which is better
    manifest.csv          path,key,speaker,system         any folders, a row for each file
docs/corpora.md lists all of them."""


def explain_root(files: CorpusFiles) -> str | None:
    """Returns what is wrong with a root in which no corpus was found; None if it has audio.

    Called only after reading failed: it lists everything below the root.
    """
    found = files.walk("")
    root = files.root
    if not found:
        if "://" not in root and pathlib.Path(root).is_file():
            return f"expected the folder of a corpus, got the file {root}. Name its folder."
        if not files.exists(""):
            return (
                f"expected the folder of a corpus, got {root}, which does not exist. {_above(root)}"
            )
        return f"expected a corpus, got the empty folder {root}. Unpack the corpus there."
    if not any(endings.is_audio(path) or ".tfrec" in path for path in found):
        kinds = collections.Counter(endings.suffix(path) or path for path in found)
        shown = [f"{kind} {number:,}" for kind, number in kinds.most_common()]
        return (
            f"corpus root {root}: expected audio, got {plural(len(found), 'file')} without any "
            f"({listed(shown, most=_SHOWN)}). Audio ends in {', '.join(endings.AUDIO_SUFFIXES[:4])}"
            " and the like."
        )
    return None


def describe_root(files: CorpusFiles) -> str:
    """Returns which folders below a root have audio, and examples of layouts."""
    folders = collections.Counter(
        "/".join(path.split("/")[:-1][:2]) or "."
        for path in files.walk("")
        if endings.is_audio(path)
    )
    shown = [f"{folder}/ {number:,}" for folder, number in folders.most_common()]
    return f"Audio files by folder: {listed(shown, most=_SHOWN)}.\n{LAYOUT_EXAMPLES}"


def _above(root: str) -> str:
    """The nearest folder above that there is, for those who mistyped a part of the path."""
    if "://" in root:
        return "Check its spelling."
    path = pathlib.Path(root)
    there = next((parent for parent in path.parents if parent.is_dir()), None)
    if there is None:
        return "Check its spelling."
    names = sorted(item.name for item in there.iterdir() if not item.name.startswith("."))
    return f"{there} has {listed(names, most=_SHOWN) if names else 'nothing in it'}."
