"""Looks at a corpus without decoding it: counts, findings, and which preset fits."""

import contextlib
import dataclasses
import random
from collections.abc import Mapping

import soundfile

from bonafide import corpora
from bonafide.corpora import bad_rows, detect, groups
from bonafide.corpora.counts import by_split_and_class
from bonafide.metrics.gate import GateConfig
from bonafide.text import listed, percent, plural

_SAMPLED = 40  # Files whose headers are read for the duration.
_GATE = GateConfig()
_RARE_CLASS = 0.05
_NAMED = 5
# From this many recordings in train on, the larger model.
LARGE = 10_000


@dataclasses.dataclass(frozen=True)
class Look:
    """What a corpus is, as far as protocols and listings tell.

    Attributes:
        root: Its folder or URI.
        layout: Name of its layout.
        counts: Split -> key -> recordings.
        speakers: Split -> speakers of both classes; None where they are not named.
        attacks: Split -> names of attacks.
        megabytes: Size of its audio.
        hours: Duration, from the headers of some files; None where none could be read.
        notes: How it was read.
        findings: What is wrong, a sentence each, the gravest first.
        eval_speakers: Key -> speakers of eval with such recordings, as the gate counts them.
    """

    root: str
    layout: str
    counts: Mapping[str, Mapping[str, int]]
    speakers: Mapping[str, int] | None
    attacks: Mapping[str, frozenset[str]]
    megabytes: float
    hours: float | None
    notes: tuple[str, ...]
    findings: tuple[str, ...]
    eval_speakers: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def total(self, key: str) -> int:
        """Recordings of a class in all splits."""
        return sum(of_split.get(key, 0) for of_split in self.counts.values())

    @property
    def train(self) -> int:
        """Recordings of the train split."""
        return sum(self.counts.get("train", {}).values())

    @property
    def preset(self) -> str:
        """Name of the preset that fits its size."""
        return "asvspoof2019-la" if self.train > LARGE else "small-corpus"

    def minutes(self, cores: int) -> float:
        """Estimate of a whole run's duration on CPU cores, within a factor of two.

        From measured runs on cores of an AMD EPYC (docs of the presets): 150 s a core for 30 epochs
        of 1,093 recordings with `small-corpus`, 8 hours on 2 cores for 40 epochs of 25,380 with
        `asvspoof2019-la`; then about 100 recordings a second and core to read, and 3 minutes to
        start the components.
        """
        cores = max(1, min(cores, 16))
        of_train = 8 * 3600 * 2 / 25_380 if self.preset == "asvspoof2019-la" else 150 / 1093
        everything = sum(sum(of_split.values()) for of_split in self.counts.values())
        return 3 + (of_train * self.train + everything / 100) / cores / 60


def look_at(
    files: corpora.CorpusFiles, layout: str, options: corpora.Options = corpora.DEFAULTS
) -> Look:
    """Reads the protocols of a corpus and lists its files.

    Raises:
        CorpusError: It cannot be used; the message says why.
    """
    files = detect.CachedFiles(files)
    layout = corpora.layout_of(files, layout, options)
    corpus = corpora.reader(layout)(files, corpus_name="", options=options)
    unread = corpora.find_unread(files, corpus, layout)
    speakers: dict[str, set[str]] = {}
    eval_speakers: dict[str, set[str]] = {}
    attacks: dict[str, set[str]] = {}
    for row in corpus.utterances:
        speakers.setdefault(row.split, set()).add(row.speaker_id)
        if row.split == "eval":
            eval_speakers.setdefault(row.key, set()).add(row.speaker_id)
        if row.system_id != corpora.NO_ATTACK:
            attacks.setdefault(row.split, set()).add(row.system_id)
    unnamed = any(corpora.UNKNOWN_SPEAKER in names for names in speakers.values())
    seconds, unreadable = _seconds(files, corpus)
    look = Look(
        root=files.root,
        layout=layout,
        counts=by_split_and_class(corpus.utterances),
        speakers=None if unnamed else {split: len(names) for split, names in speakers.items()},
        attacks={split: frozenset(names) for split, names in attacks.items()},
        megabytes=sum(info.size_bytes for info in corpus.audio.values()) / 1e6,
        hours=None if seconds is None else seconds * len(corpus.utterances) / 3600,
        notes=corpus.notes,
        findings=(),
        eval_speakers={key: len(names) for key, names in eval_speakers.items()},
    )
    findings = (*_file_findings(corpus, unreadable), *_findings(look), *unread.notes)
    return dataclasses.replace(look, findings=findings)


def _seconds(
    files: corpora.CorpusFiles, corpus: corpora.Corpus
) -> tuple[float | None, tuple[str, ...]]:
    """The mean duration of some recordings from their headers, and those without a header."""
    if "://" in files.root or any("#" in row.path for row in corpus.utterances[:1]):
        return None, ()
    rows = [row for row in corpus.utterances if row.path in corpus.audio and "://" not in row.path]
    some = random.Random(0).sample(rows, min(_SAMPLED, len(rows)))
    found, unreadable = [], []
    for row in some:
        try:
            header = soundfile.info(files.uri(row.path))
        except (soundfile.SoundFileError, OSError):
            # What only FFmpeg reads has no duration here; what claims to be WAV or FLAC is broken.
            if row.path.lower().endswith((".wav", ".flac")):
                unreadable.append(row.path)
        else:
            found.append(header.frames / header.samplerate)
    with contextlib.suppress(ZeroDivisionError):
        return sum(found) / len(found), tuple(unreadable)
    return None, tuple(unreadable)


def _file_findings(corpus: corpora.Corpus, unreadable: tuple[str, ...]) -> list[str]:
    rows = corpus.utterances
    missing = [row.path for row in rows if row.path not in corpus.audio]
    empty = [
        row.path
        for row in rows
        if row.path in corpus.audio and not corpus.audio[row.path].size_bytes
    ]
    findings = []
    if bad := bad_rows.described(corpus.bad_rows):
        findings.append(f"{bad}.")
    if missing:
        findings.append(
            f"{len(missing):,} of {plural(len(rows), 'recording')} are missing: "
            f"{listed(missing, most=_NAMED)}. Above 1 % the run stops "
            "(utterances.max_rejected_fraction)."
        )
    if empty:
        findings.append(f"{plural(len(empty), 'file')} of 0 bytes: {listed(empty, most=_NAMED)}.")
    if unreadable:
        findings.append(
            f"{len(unreadable)} of {_SAMPLED} sampled files have no readable header: "
            f"{listed(unreadable, most=_NAMED)}."
        )
    return findings


def _few_speakers(look: Look) -> list[str]:
    """Compares the speakers of each class in eval with the gate's minimum."""
    return [
        f"eval has {plural(look.eval_speakers.get(key, 0), 'speaker')} with {words} recordings, "
        f"and the gate needs {least} ({setting}): a model will be trained and not pushed."
        for key, words, least, setting in (
            (corpora.BONAFIDE, "bona fide", _GATE.min_speakers, "gate.min_speakers"),
            (corpora.SPOOF, "spoofed", _GATE.min_spoof_speakers, "gate.min_spoof_speakers"),
        )
        if look.eval_speakers.get(key, 0) < least
    ]


def _findings(look: Look) -> list[str]:
    """What DataGate or the gate will say of these numbers."""
    findings = []
    if missing := [split for split in corpora.SPLITS if split not in look.counts]:
        findings.append(
            f"There is no {' and no '.join(missing)}: the corpus can evaluate a model, not train "
            "one. Combine it with another corpus (--corpus NAME=DIR, several times)."
        )
        return findings
    for split, of_split in look.counts.items():
        for key in (corpora.BONAFIDE, corpora.SPOOF):
            share = of_split.get(key, 0) / sum(of_split.values())
            if share < _RARE_CLASS:
                findings.append(f"{split}: {percent(share)} of the recordings are {key}.")
    fewest = min(look.counts["eval"].get(key, 0) for key in (corpora.BONAFIDE, corpora.SPOOF))
    if fewest < _GATE.min_bonafide:
        findings.append(
            f"eval has {fewest} recordings of one class, and the gate needs {_GATE.min_bonafide} "
            "(gate.min_bonafide, gate.min_spoof): a model will be trained and not pushed. About "
            f"{groups.ENOUGH_RECORDINGS} of each class in the whole corpus are enough."
        )
    if look.speakers is None:
        findings.append(
            "No speakers are named: a voice may be in train and in eval, so error rates may be too "
            "low and intervals too narrow, and the gate does not push the model "
            f"(gate.min_speakers).\n{groups.HOW_TO_NAME_SPEAKERS}"
        )
    else:
        findings += _few_speakers(look)
    none: frozenset[str] = frozenset()
    if shared := look.attacks.get("train", none) & look.attacks.get("eval", none):
        findings.append(
            f"{plural(len(shared), 'attack')} of eval in train as well "
            f"({listed(sorted(shared), most=_NAMED)}): eval does not measure unseen attacks, and "
            "the gate does not push the model unless gate.allow_attack_overlap is true."
        )
    return findings
