"""Which layout a corpus has, recognised from its files."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

from bonafide.corpora import base
from bonafide.corpora.options import Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.storage.text_files import FileError

AUTO = "auto"
FIRST, LATER, LAST, NEVER = range(4)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """A layout that can be read.

    Attributes:
        find: Returns where the corpus lies below the root; raises NotThisLayoutError if nothing of
            the layout is there, another FileError if something is missing.
        read: Reads it.
        options: The names of the options that it takes.
        turn: When it is looked for: FIRST, or LATER if that takes a listing of many files, or LAST
            if many corpora look like this, or NEVER.
    """

    find: Callable[[CorpusFiles], str]
    read: base.CorpusReader
    options: frozenset[str] = frozenset()
    turn: int = FIRST


class CachedFiles:
    """`CorpusFiles` that lists each folder, and looks for each file, once only."""

    def __init__(self, files: CorpusFiles) -> None:
        self.root = files.root
        self.read_bytes = files.read_bytes
        self.read_text = files.read_text
        self.uri = files.uri
        self.at = files.at
        self.exists = functools.cache(files.exists)
        self.list = functools.cache(files.list)
        self.walk = functools.cache(files.walk)


def detect(files: CorpusFiles, layouts: Mapping[str, Layout], options: Options) -> str:
    """The name of the layout of a corpus.

    Args:
        files: The corpus.
        layouts: Those that it may have.
        options: Options of the layout; one that names a manifest decides for `manifest`.

    Raises:
        CorpusError: None or several fit; the message says what is there of which, and what is
            missing.
    """
    if options.manifest:
        return "manifest"
    for turn in (FIRST, LATER, LAST):
        of_turn = {name: layout for name, layout in layouts.items() if layout.turn == turn}
        found, near = _find(files, of_turn)
        if len(found) > 1:
            raise base.CorpusError(
                f"corpus root {files.root}: it looks like {' and '.join(found)}: say which by "
                "corpus.layout"
            )
        if found:
            return found[0]
        if near:  # What is incomplete must not be taken for something simpler.
            raise base.CorpusError(
                f"corpus root {files.root}: no layout is complete there. These come near:\n"
                + "\n".join(near)
            )
    raise base.NotThisLayoutError(
        f"corpus root {files.root}: none of the known layouts is there ({', '.join(layouts)})"
    )


def _find(files: CorpusFiles, layouts: Mapping[str, Layout]) -> tuple[list[str], list[str]]:
    """Returns the layouts that are there, and what others lack of which something is there."""
    found, incomplete = [], []
    for name, layout in layouts.items():
        try:
            layout.find(files)
        except base.NotThisLayoutError:
            continue
        except FileError as error:
            incomplete.append(f"  {name}: {error}")
        else:
            found.append(name)
    return found, incomplete
