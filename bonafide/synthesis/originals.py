"""The bona fide recordings that a corpus is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bonafide import corpora
from bonafide.audio import endings
from bonafide.corpora import manifest, splits
from bonafide.corpora.base import NotThisLayoutError, refuse_duplicates
from bonafide.storage.local_files import LocalFiles
from bonafide.storage.text_files import FileError, read_text
from bonafide.text import plural
from bonafide.trials import ids

Utterance = corpora.Utterance
_CORPUS = "bonafide"
_MANIFESTS = ("manifest.csv", "manifest.tsv", "manifest.jsonl")


@dataclasses.dataclass(frozen=True)
class Originals:
    """Bona fide recordings.

    Attributes:
        root: The folder.
        rows: A row for each; `split` is empty if the corpus has none.
        notes: Sentences for the user.
    """

    root: str
    rows: tuple[Utterance, ...]
    notes: tuple[str, ...]

    @property
    def named(self) -> bool:
        """Whether speakers are named."""
        return all(row.speaker_id != corpora.UNKNOWN_SPEAKER for row in self.rows)


def read(root: str) -> Originals:
    """Reads a folder: a corpus of a known layout, a manifest, or only audio.

    Without a known layout, `SPEAKER/recording.wav` names speakers, and files in the folder itself
    have none. Spoofed recordings of a corpus are not used.

    Raises:
        CorpusError: There are no bona fide recordings, or a protocol is malformed.
    """
    files = LocalFiles(root)
    rows: Sequence[Utterance]
    notes: tuple[str, ...]
    if any(files.exists(name) for name in _MANIFESTS):
        rows, notes = _manifest(files), ("read from its manifest",)
    else:
        try:
            corpus = corpora.reader(corpora.AUTO)(files, corpus_name=_CORPUS)
            rows, notes = corpus.utterances, corpus.notes
        except NotThisLayoutError as error:
            rows, notes = _plain(files), ("a folder of recordings, without a known layout",)
            if not rows:
                raise corpora.CorpusError(
                    f"{root}: expected bona fide recordings, got no audio file. Name a folder "
                    "of recordings, or a corpus"
                ) from error
    bonafide = tuple(row for row in rows if row.key == corpora.BONAFIDE)
    if not bonafide:
        raise corpora.CorpusError(
            f"{root}: expected bona fide recordings, got {plural(len(rows), 'spoofed recording')}"
        )
    if unused := len(rows) - len(bonafide):
        notes = (*notes, f"{plural(unused, 'spoofed recording')} of it not used")
    refuse_duplicates(bonafide)
    return Originals(root, bonafide, notes)


def _manifest(files: LocalFiles) -> list[Utterance]:
    where = manifest.find(files)
    try:
        text = files.read_text(where)
        found = manifest.parse(text, where, corpus_name=_CORPUS, options=corpora.DEFAULTS)
        return list(found)
    except corpora.CorpusError:
        raise
    except FileError as error:
        raise corpora.CorpusError(str(error)) from error


def _plain(files: LocalFiles) -> list[Utterance]:
    rows = []
    for path in sorted(files.walk("")):
        folder, _, name = path.rpartition("/")
        if not endings.is_audio(path) or name.startswith("._"):
            continue
        rows.append(
            Utterance(
                utterance_id=ids.as_id(endings.stem(path)),
                speaker_id=ids.as_id(folder) or corpora.UNKNOWN_SPEAKER,
                system_id=corpora.NO_ATTACK,
                key=corpora.BONAFIDE,
                split="",
                path=path,
                corpus=_CORPUS,
                source=path,
            )
        )
    if any(row.speaker_id == corpora.UNKNOWN_SPEAKER for row in rows):
        # Some files lie outside the folders of speakers: none counts as named.
        rows = [dataclasses.replace(row, speaker_id=corpora.UNKNOWN_SPEAKER) for row in rows]
    return rows


def with_splits(
    originals: Originals, copies: int, options: corpora.Options
) -> tuple[tuple[Utterance, ...], tuple[str, ...]]:
    """Returns the rows with a split each: their own, or made by speaker (`corpora.splits`).

    Args:
        originals: The recordings.
        copies: Synthetic copies of each, which count as spoofs of its speaker.
        options: Of the splitting; `split` puts all into one.

    Raises:
        CorpusError: There are fewer than three speakers.
    """
    rows = originals.rows
    if all(row.split for row in rows) and not options.split:
        return rows, ("splits are those of the recordings",)
    if options.split:
        made = tuple(dataclasses.replace(row, split=options.split) for row in rows)
        return made, (f"all recordings are in {options.split} (--split)",)
    # Without names, every recording counts as a voice of its own.
    voices = [row.speaker_id if originals.named else row.utterance_id for row in rows]
    real = [
        dataclasses.replace(row, speaker_id=voice) for row, voice in zip(rows, voices, strict=True)
    ]
    spoofs = [
        dataclasses.replace(
            row, utterance_id=f"{row.utterance_id}_{copy}", key=corpora.SPOOF, system_id="any"
        )
        for row in real
        for copy in range(copies)
    ]
    both = [*real, *spoofs]
    plain = dataclasses.replace(options, unseen_fraction=0.0)
    divided, notes = splits.divide(both, plain, where=originals.root)
    split_of = {row.utterance_id: row.split for row in divided}
    made = tuple(dataclasses.replace(row, split=split_of[row.utterance_id]) for row in rows)
    return made, notes[:1] if originals.named else (*notes[:1], _UNNAMED)


_UNNAMED = (
    "speakers are not named (SPEAKER/recording.wav, or a column `speaker`): a voice may be in "
    "train and in eval, and error rates may be too low"
)


def texts_from(path: str) -> tuple[str, ...]:
    """Reads texts, one in a line; a line may begin with a language and a tab: `de<TAB>Guten Tag`.

    Raises:
        FileError: It cannot be read, or has no texts.
    """
    lines = tuple(line.strip() for line in read_text(path).splitlines() if line.strip())
    if not lines:
        raise FileError(f"{path}: expected a text in each line, got none")
    return lines
