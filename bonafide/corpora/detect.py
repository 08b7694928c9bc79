"""Detects the layout of a corpus from its files."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

from bonafide.corpora import base
from bonafide.corpora.options import Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.storage.text_files import FileError

AUTO = "auto"
FIRST, LATER, LISTED, LAST, NEVER = range(5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """A supported layout.

    Attributes:
        find: Returns the folder of the corpus below the root; raises NotThisLayoutError if no file
            of the layout exists, another FileError if files are missing.
        read: Reads the corpus.
        options: The names of its options.
        turn: When the detection tries it: FIRST, LATER if it lists many files, LISTED if it is
            a list that a person made, LAST if many corpora match it, or NEVER.
    """

    find: Callable[[CorpusFiles], str]
    read: base.CorpusReader
    options: frozenset[str] = frozenset()
    turn: int = FIRST


class CachedFiles:
    """`CorpusFiles` with a cache of listings and file lookups."""

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
    """Returns the name of the layout of a corpus.

    Args:
        files: The corpus.
        layouts: The layouts to try.
        options: Options of the layout; the option `manifest` implies the layout `manifest`.

    Raises:
        CorpusError: No layout or several fit; the message lists what was found and what is
            missing.
    """
    if options.manifest:
        return "manifest"
    for turn in (FIRST, LATER, LISTED, LAST):
        of_turn = {name: layout for name, layout in layouts.items() if layout.turn == turn}
        found, near = _find(files, of_turn)
        if len(found) > 1:
            raise base.CorpusError(
                f"corpus root {files.root}: it looks like {' and '.join(found)}. Choose one with "
                "corpus.layout"
            )
        if found:
            return found[0]
        if near:  # An incomplete layout must not be read as a simpler one.
            raise base.CorpusError(
                f"corpus root {files.root}: no layout is complete. Partial matches:\n"
                + "\n".join(near)
            )
    raise base.NotThisLayoutError(
        f"corpus root {files.root}: no supported layout found. Layouts: {', '.join(layouts)}"
    )


def _find(files: CorpusFiles, layouts: Mapping[str, Layout]) -> tuple[list[str], list[str]]:
    """Returns the layouts that match, and messages about partial matches."""
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
