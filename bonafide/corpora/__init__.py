"""Readers of corpus layouts, by name. A new layout is one small module and one line here.

A reader accesses the corpus through `CorpusFiles` and returns a `Corpus`. It uses the standard
library only, without Beam or TensorFlow.
"""

import dataclasses
from collections.abc import Mapping

from bonafide.corpora import (
    add,
    asvspoof5,
    asvspoof2019,
    asvspoof2019_tfrecord,
    asvspoof2021,
    codecfake,
    detect,
    dfadd,
    diagnosis,
    fake_or_real,
    fakeavceleb,
    folders,
    habla,
    in_the_wild,
    manifest,
    mixture,
    mlaad,
    partialspoof,
    spoofceleb,
    unread,
    wavefake,
)
from bonafide.corpora.base import (
    EXTRA_NAMES,
    SPLITS,
    UNKNOWN_SPEAKER,
    BadRow,
    Corpus,
    CorpusError,
    CorpusReader,
    NotThisLayoutError,
    Utterance,
)
from bonafide.corpora.detect import AUTO, Layout
from bonafide.corpora.options import COLUMNS, DEFAULTS, SPLITTING, Options
from bonafide.settings import SettingsError
from bonafide.storage.corpus_files import CorpusFiles, FileInfo
from bonafide.storage.text_files import FileError
from bonafide.text import did_you_mean
from bonafide.trials.keys import BONAFIDE, NO_ATTACK, SPOOF

find_unread, Unread = unread.find_unread, unread.Unread

__all__ = [
    "AUTO",
    "BONAFIDE",
    "DEFAULTS",
    "EXTRA_NAMES",
    "LAYOUTS",
    "NO_ATTACK",
    "SPLITS",
    "SPOOF",
    "UNKNOWN_SPEAKER",
    "BadRow",
    "Corpus",
    "CorpusError",
    "CorpusFiles",
    "CorpusReader",
    "FileInfo",
    "Layout",
    "LayoutError",
    "Options",
    "Unread",
    "Utterance",
    "check",
    "find_unread",
    "layout_of",
    "reader",
]


class LayoutError(CorpusError, SettingsError):
    """A layout does not exist or does not support an option."""


LAYOUTS: Mapping[str, Layout] = {
    **{
        f"asvspoof2019-{track.lower()}": Layout(
            find=asvspoof2019.find(track), read=asvspoof2019.reader(track)
        )
        for track in asvspoof2019.TRACKS
    },
    **{
        f"asvspoof2021-{track.lower()}": Layout(
            find=asvspoof2021.find(track),
            read=asvspoof2021.reader(track),
            options=frozenset({"subset", "trim"}),
        )
        for track in asvspoof2021.TRACKS
    },
    "asvspoof5": Layout(find=asvspoof5.find, read=asvspoof5.read),
    "asvspoof2019-tfrecord": Layout(
        find=asvspoof2019_tfrecord.find, read=asvspoof2019_tfrecord.read, turn=detect.LATER
    ),
    "in-the-wild": Layout(find=in_the_wild.find, read=in_the_wild.read, options=SPLITTING),
    "fake-or-real": Layout(find=fake_or_real.find, read=fake_or_real.read, turn=detect.LATER),
    "wavefake": Layout(find=wavefake.find, read=wavefake.read, options=frozenset({"split"})),
    "mlaad": Layout(find=mlaad.find, read=mlaad.read, options=SPLITTING, turn=detect.LATER),
    "partialspoof": Layout(find=partialspoof.find, read=partialspoof.read),
    "spoofceleb": Layout(find=spoofceleb.find, read=spoofceleb.read),
    "codecfake": Layout(find=codecfake.find, read=codecfake.read),
    "dfadd": Layout(find=dfadd.find, read=dfadd.read, turn=detect.LATER),
    **{
        f"add{year}": Layout(find=add.find(year), read=add.reader(year), turn=detect.LATER)
        for year in add.YEARS
    },
    "habla": Layout(find=habla.find, read=habla.read, options=SPLITTING, turn=detect.LATER),
    "fakeavceleb": Layout(
        find=fakeavceleb.find, read=fakeavceleb.read, options=SPLITTING, turn=detect.LATER
    ),
    "manifest": Layout(
        find=manifest.find, read=manifest.read, options=COLUMNS | SPLITTING, turn=detect.LISTED
    ),
    "folders": Layout(find=folders.find, read=folders.read, options=SPLITTING, turn=detect.LAST),
    mixture.LAYOUT: Layout(
        find=mixture.find,
        read=mixture.reader(lambda layout: reader(layout)),
        turn=detect.NEVER,
    ),
}


def check(layout: str, options: Options = DEFAULTS) -> None:
    """Validates the name of a layout (or `auto`) and its options.

    Raises:
        LayoutError: The name is unknown, or the layout does not support an option.
    """
    if layout == AUTO:
        return
    if layout not in LAYOUTS:
        advice = did_you_mean(layout, [*LAYOUTS, AUTO])
        raise LayoutError("a corpus layout", repr(layout), "corpus.layout", advice=advice)
    if strange := sorted(options.changed().keys() - LAYOUTS[layout].options):
        takes = ", ".join(sorted(LAYOUTS[layout].options)) or "none"
        raise LayoutError(
            f"options of the corpus layout {layout} ({takes})",
            ", ".join(strange),
            "corpus.options",
        )


def layout_of(files: CorpusFiles, layout: str, options: Options = DEFAULTS) -> str:
    """Returns the name of the layout; detects it from the files if it is `auto`.

    Raises:
        CorpusError: No layout or several fit, or the layout does not support the options.
    """
    if layout == AUTO:
        files = detect.CachedFiles(files)
        try:
            layout = detect.detect(files, LAYOUTS, options)
        except NotThisLayoutError as error:
            problem = diagnosis.explain_root(files)
            raise NotThisLayoutError(
                problem or f"{error}.\n{diagnosis.describe_root(files)}"
            ) from error
    check(layout, options)
    return layout


def reader(layout: str) -> CorpusReader:
    """Returns the reader of a layout, which may be `auto`.

    The reader refuses options that the layout does not support.

    Raises:
        CorpusError: The name is unknown; the message lists the known ones.
    """
    check(layout)

    def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> Corpus:
        files = detect.CachedFiles(files)
        found = layout_of(files, layout, options)
        try:
            corpus = LAYOUTS[found].read(files, corpus_name=corpus_name, options=options)
        except NotThisLayoutError as error:
            # A mixture's root is a list of roots; a manifest that was named may be about any place.
            elsewhere = found == mixture.LAYOUT or options.manifest
            problem = None if elsewhere else diagnosis.explain_root(files)
            raise NotThisLayoutError(problem or f"{error}{_hint(files)}") from error
        except CorpusError:
            raise
        except FileError as error:  # In a protocol.
            raise CorpusError(str(error)) from error
        if layout != AUTO:
            return corpus
        notes = (f"the layout is {found}", *corpus.notes)
        return dataclasses.replace(corpus, layout=found, notes=notes)

    return read


def _hint(files: CorpusFiles) -> str:
    """Suggests another layout that matches the files; empty if none does."""
    try:
        name = detect.detect(files, LAYOUTS, DEFAULTS)
    except CorpusError:
        return ""
    return f"\nIt looks like {name}: set corpus.layout={name} (--layout {name})"
