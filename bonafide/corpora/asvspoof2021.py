"""ASVspoof 2021 LA, DF and PA: for evaluation only, so that all rows go to the split `eval`.

    keys/{LA,DF,PA}/CM/trial_metadata.txt                (LA-keys-full.tar.gz and its like)
    ASVspoof2021_{LA,DF,PA}_eval/flac/<UTTERANCE_ID>.flac

Lines of 8 (LA), 13 (DF) or 12 (PA) columns:

    LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval
    LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress traditional_vocoder - - - -
    PA_0010 PA_E_1000001 R3 M3 d4 r1 m1 s4 c4 spoof notrim eval

PA names no attacks; its replay device (`s4`) stands for one. The parts of DF and PA may be unpacked
into one folder or into one each (`ASVspoof2021_DF_eval_part00/ASVspoof2021_DF_eval/flac`).
"""

import collections
import dataclasses
from collections.abc import Callable

from bonafide.corpora import asvspoof_protocols, base, columns
from bonafide.corpora.options import DEFAULTS, Options

SUBSETS = ("eval", "progress", "hidden")
_ALL = "all"
_PARTS = 10


@dataclasses.dataclass(frozen=True)
class _Track:
    """A track: its columns, and where they say trimming and subset."""

    name: str
    columns: columns.Columns
    width: int
    trim: int
    subset: int

    @property
    def places(self) -> asvspoof_protocols.Places:
        folder = f"ASVspoof2021_{self.name}_eval"
        keys = f"{self.name}/CM/trial_metadata.txt"
        parts = (f"{folder}_part{part:02d}/{folder}/flac" for part in range(_PARTS))
        return asvspoof_protocols.Places(
            name=f"ASVspoof 2021 {self.name}",
            prefixes=("", f"{self.name}/", f"{folder}/"),
            protocols={
                "eval": (f"keys/{keys}", f"{self.name}-keys-full/keys/{keys}", keys),
            },
            audio={"eval": (f"{folder}/flac", "flac", *parts)},
        )


TRACKS = {
    "LA": _Track(
        "LA",
        columns.Columns(
            expected="SPEAKER UTTERANCE CODEC TRANSMISSION ATTACK KEY TRIM SUBSET, such as "
            "'LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval'",
            key=5,
            attack=4,
            extra={"codec": (2,), "transmission": (3,)},
        ),
        width=8,
        trim=6,
        subset=7,
    ),
    "DF": _Track(
        "DF",
        columns.Columns(
            expected="SPEAKER UTTERANCE CODEC SOURCE ATTACK KEY TRIM SUBSET VOCODER and four more, "
            "such as 'LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress "
            "traditional_vocoder - - - -'",
            key=5,
            attack=4,
            extra={"codec": (2,), "source": (3,), "vocoder": (8,)},
        ),
        width=13,
        trim=6,
        subset=7,
    ),
    "PA": _Track(
        "PA",
        columns.Columns(
            expected="SPEAKER UTTERANCE ROOM MICROPHONE DISTANCE, four columns of the attacker, "
            "KEY TRIM SUBSET, such as "
            "'PA_0010 PA_E_1000001 R3 M3 d4 r1 m1 s4 c4 spoof notrim eval'",
            key=9,
            attack=7,
            attack_named=False,
            extra={"environment": (2, 3, 4)},
        ),
        width=12,
        trim=10,
        subset=11,
    ),
}


def find(track: str) -> Callable[[base.CorpusFiles], str]:
    """The finder of a track (`LA`, `DF` or `PA`); see `protocols.find`."""
    return lambda files: asvspoof_protocols.find(files, TRACKS[track].places)


def reader(track: str) -> base.CorpusReader:
    """The reader of a track. Options: `subset` (`eval`, ..., `all`) and `trim`.

    It raises CorpusError if the keys are missing, empty or malformed, an utterance id occurs twice,
    or nothing is left of what the options want.
    """

    def read(
        files: base.CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS
    ) -> base.Corpus:
        return _read(TRACKS[track], files, corpus_name, options)

    return read


def _read(
    track: _Track, files: base.CorpusFiles, corpus_name: str, options: Options
) -> base.Corpus:
    if options.subset not in (*SUBSETS, _ALL):
        raise base.CorpusError(
            f"corpus.options: there is no subset {options.subset!r}; there are "
            f"{', '.join(SUBSETS)} and {_ALL}"
        )
    seen: collections.Counter[tuple[str, str]] = collections.Counter()

    def keep(line: columns.Line) -> bool:
        trim, subset = line.fields[track.trim], line.fields[track.subset]
        if subset not in SUBSETS:
            raise base.CorpusError(
                f"{line.source}: unknown subset {subset!r}; there are {', '.join(SUBSETS)}\n"
                f"  expected: {track.columns.expected}"
            )
        seen[subset, trim] += 1
        return options.subset in (subset, _ALL) and options.trim in (trim, _ALL)

    corpus = asvspoof_protocols.read(
        files, track.places, {track.width: track.columns}, corpus_name=corpus_name, keep=keep
    )
    there = ", ".join(
        f"{subset} {trim} {count:,}" for (subset, trim), count in sorted(seen.items())
    )
    if not corpus.utterances:
        raise base.CorpusError(
            f"{corpus.protocols[0]}: no trial is of subset {options.subset!r} and trim "
            f"{options.trim!r} (corpus.options); there are {there}"
        )
    note = (
        f"{len(corpus.utterances):,} of {seen.total():,} trials, subset {options.subset}, trim "
        f"{options.trim}; there are {there}"
    )
    return dataclasses.replace(corpus, notes=(note,))
