"""ASVspoof 2021 LA, DF and PA: for evaluation only; all rows belong to the split `eval`.

    keys/{LA,DF,PA}/CM/trial_metadata.txt                (LA-keys-full.tar.gz and its like)
    keys/CM/trial_metadata.txt                           (LA-keys-stage-1.tar.gz and its like)
    ASVspoof2021_{LA,DF,PA}_eval/flac/<UTTERANCE_ID>.flac

`keys/` may lie beside the folder of audio or inside of it.

Lines of 8 (LA), 13 (DF) or 12 (PA) columns:

    LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval
    LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress traditional_vocoder - - - -
    PA_0010 PA_E_1000001 R3 M3 d4 r1 m1 s4 c4 spoof notrim eval

PA has no attack ids; the replay device (`s4`) is used as one. The parts of DF and PA may be
unpacked into one folder or into one each (`ASVspoof2021_DF_eval_part00/ASVspoof2021_DF_eval/flac`).
"""

import collections
import dataclasses
import itertools
from collections.abc import Callable

from bonafide.audio import endings
from bonafide.corpora import asvspoof_protocols, base
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.trials import layouts, tables

TRACKS = {
    "LA": layouts.ASVSPOOF2021_LA,
    "DF": layouts.ASVSPOOF2021_DF,
    "PA": layouts.ASVSPOOF2021_PA,
}
_PARTS = 10
_STAGE_1 = "keys/CM/trial_metadata.txt"


def find(track: str) -> Callable[[CorpusFiles], str]:
    """The finder of a track (`LA`, `DF` or `PA`); see `asvspoof_protocols.find`."""
    return lambda files: _find(track, files)


def _find(track: str, files: CorpusFiles) -> str:
    places = _places(track)
    try:
        prefix = asvspoof_protocols.find(files, places)
    except base.NotThisLayoutError as error:
        folder = f"ASVspoof2021_{track}_eval"
        there = [f"{above}flac" for above in (f"{folder}/", "") if above or folder in files.root]
        if any(map(endings.is_audio, itertools.chain(*map(files.list, there)))):
            raise base.CorpusError(
                f"corpus root {files.root}: the audio of ASVspoof 2021 {track} is there, and its "
                "keys are not. Download them from asvspoof.org and unpack them beside the audio. "
                f"Looked for, below the root: {', '.join(places.protocols['eval'])}"
            ) from error
        raise
    path = next(
        prefix + place for place in places.protocols["eval"] if files.exists(prefix + place)
    )
    # The keys of stage 1 have the same path in every track.
    if path.endswith(_STAGE_1) and f" {track}_E_" not in files.read_text(path).partition("\n")[0]:
        raise base.NotThisLayoutError(
            f"corpus root {files.root}: {path} is not of ASVspoof 2021 {track}"
        )
    return prefix


def reader(track: str) -> base.CorpusReader:
    """Returns the reader of a track. Options: `subset` (`eval`, ..., `all`) and `trim`.

    The reader raises FileError if the keys are missing, empty or malformed, an id occurs twice,
    or no trial has the subset and the trim of the options.
    """

    def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
        return _read(track, files, corpus_name, options)

    return read


def _places(track: str) -> asvspoof_protocols.Places:
    folder = f"ASVspoof2021_{track}_eval"
    keys = f"{track}/CM/trial_metadata.txt"
    parts = (f"{folder}_part{part:02d}/{folder}/flac" for part in range(_PARTS))
    return asvspoof_protocols.Places(
        name=f"ASVspoof 2021 {track}",
        prefixes=("", f"{track}/", f"{folder}/"),
        protocols={
            "eval": (
                f"keys/{keys}",
                f"{track}-keys-full/keys/{keys}",
                keys,
                _STAGE_1,
                f"{track}-keys-stage-1/{_STAGE_1}",
            )
        },
        audio={"eval": (f"{folder}/flac", "flac", *parts)},
    )


def _read(track: str, files: CorpusFiles, corpus_name: str, options: Options) -> base.Corpus:
    if options.subset not in (*layouts.SUBSETS, layouts.ALL):
        raise base.CorpusError(
            f"corpus.options: expected {', '.join(layouts.SUBSETS)} or {layouts.ALL} as the "
            f"subset, got {options.subset!r}"
        )
    counts: collections.Counter[tuple[str, str]] = collections.Counter()

    def keep(layout: layouts.Layout, row: tables.Row) -> bool:
        subset, trim = layout.cell(row, "subset"), layout.cell(row, "trim")
        counts[subset, trim] += 1
        return options.subset in (subset, layouts.ALL) and options.trim in (trim, layouts.ALL)

    corpus = asvspoof_protocols.read(
        files, _places(track), [TRACKS[track]], corpus_name=corpus_name, keep=keep
    )
    there = ", ".join(
        f"{subset} {trim} {count:,}" for (subset, trim), count in sorted(counts.items())
    )
    if not corpus.utterances:
        raise base.CorpusError(
            f"{corpus.protocols[0]}: no trial is of subset {options.subset!r} and trim "
            f"{options.trim!r} (corpus.options); there are {there}"
        )
    note = (
        f"{len(corpus.utterances):,} of {counts.total():,} trials, subset {options.subset}, trim "
        f"{options.trim}; there are {there}"
    )
    return dataclasses.replace(corpus, notes=(note,))
