"""What lies below the root of a corpus and is not read: counted, and named."""

import collections
import dataclasses
import unicodedata
from collections.abc import Iterable, Mapping

from bonafide.audio import endings
from bonafide.corpora import base, mixture
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.text import listed, plural

_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Unread:
    """Files that no utterance needs.

    Attributes:
        audio: Paths of audio, sorted.
        mac: How many files such as `._a.wav` there are, which macOS adds to archives.
        other: Ending (or name, without one) -> number of files that hold neither audio nor a
            protocol that was read.
        similar: Path of a missing recording -> path of audio whose name differs only in capitals,
            in its ending or in how Unicode composes its letters.
    """

    audio: tuple[str, ...] = ()
    mac: int = 0
    other: Mapping[str, int] = dataclasses.field(default_factory=dict)
    similar: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for people about each kind that there is."""
        notes = []
        if self.audio:
            notes.append(
                f"{plural(len(self.audio), 'audio file')} below the root "
                f"{'is' if len(self.audio) == 1 else 'are'} not read, because the corpus does not "
                f"name them: {listed(self.audio, most=_NAMED)}"
            )
        if self.similar:
            pairs = [f"{one} (there is {other})" for one, other in self.similar.items()]
            notes.append(
                f"{plural(len(self.similar), 'recording')} missing under the exact name, with a "
                f"similar one there: {listed(pairs, most=_NAMED)}"
            )
        if self.mac:
            notes.append(
                f"{plural(self.mac, 'file')} such as ._a.wav, which macOS adds to archives, "
                f"{'was' if self.mac == 1 else 'were'} ignored"
            )
        if self.other:
            kinds = [f"{ending} {number:,}" for ending, number in self.other.items()]
            notes.append(
                f"{plural(sum(self.other.values()), 'file')} of other kinds below the root "
                f"{'is' if sum(self.other.values()) == 1 else 'are'} not read: "
                f"{listed(kinds, most=_NAMED)}"
            )
        return tuple(notes)


def find_unread(files: CorpusFiles, corpus: base.Corpus, layout: str) -> Unread:
    """Lists everything below the root, and compares it with what the corpus names.

    Args:
        files: The corpus.
        corpus: As it was read.
        layout: Its layout; the paths of a mixture begin with the roots of its corpora.
    """
    if layout == mixture.LAYOUT:
        parts = [files.at(member.root) for member in mixture.parse(files.root)]
        paths = [part.uri(path) for part in parts for path in part.walk("")]
    else:
        paths = [*files.walk("")]
    named = {row.path.partition("#")[0] for row in (*corpus.utterances, *corpus.unsplit)}
    # Without a protocol, what was listed is the corpus, even if some of it was left out.
    known = named | corpus.left_out | ({*corpus.audio} if not corpus.protocols else set())
    audio: list[str] = []
    mac = 0
    other: collections.Counter[str] = collections.Counter()
    for path in paths:
        if path in known or path in corpus.protocols:
            continue
        if endings.is_mac_metadata(path):
            mac += 1
        elif endings.is_audio(path):
            audio.append(path)
        else:
            name = path.rpartition("/")[2]
            other[endings.suffix(name).lower() or name] += 1
    missing = [path for path in named if path not in corpus.audio and "://" not in path]
    return Unread(
        tuple(sorted(audio)), mac, dict(other.most_common()), _similar(missing, [*audio, *named])
    )


def _similar(missing: Iterable[str], there: Iterable[str]) -> dict[str, str]:
    """The first file with a similar name for each missing one."""
    lost = sorted(missing)
    if not lost:
        return {}
    absent = set(lost)
    by_name: dict[str, str] = {}
    for path in sorted(there):
        if path not in absent:
            by_name.setdefault(_folded(path), path)
            by_name.setdefault(_folded(endings.stem(path)), path)
    found = {
        path: by_name.get(_folded(path)) or by_name.get(_folded(endings.stem(path)))
        for path in lost
    }
    return {path: other for path, other in found.items() if other}


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
