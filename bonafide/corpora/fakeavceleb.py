"""FakeAVCeleb (Khalid et al., 2021): the audio of videos whose faces or voices are synthetic.

    FakeAVCeleb_v1.2/RealVideo-RealAudio/African/men/id00076/00109.mp4
    FakeAVCeleb_v1.2/RealVideo-FakeAudio/African/men/id00076/00109_fake.mp4

in the root or any number of folders below. The label is that of the audio. The videos of
`FakeVideo-RealAudio` and `FakeVideo-FakeAudio` have another face over the sound of these, so they
would repeat recordings and are left out. All voices are clones by one tool (SV2TTS); the corpus has
no splits.
"""

from bonafide.audio import endings
from bonafide.corpora import base, by_path, splits
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.text import plural
from bonafide.trials import keys

_CLASSES = {"RealVideo-RealAudio": keys.BONAFIDE, "RealVideo-FakeAudio": keys.SPOOF}
_OTHER_FACES = ("FakeVideo-RealAudio/", "FakeVideo-FakeAudio/")
_SYSTEM = "SV2TTS"
_GENDERS = {"men": "M", "women": "F"}


def find(files: CorpusFiles) -> str:
    """Returns the folder of real recordings.

    Raises:
        NotThisLayoutError: There is neither of the two folders.
        CorpusError: There is one of them.
    """
    found = {
        name: next((path for path in files.walk("") if by_path.below(path, name)), None)
        for name in _CLASSES
    }
    missing = [name for name, path in found.items() if path is None]
    if len(missing) == len(_CLASSES):
        raise base.NotThisLayoutError(
            f"corpus root {files.root}: no FakeAVCeleb, which has the folders "
            f"{' and '.join(_CLASSES)}"
        )
    if missing:
        raise base.CorpusError(
            f"corpus root {files.root}: FakeAVCeleb has no folder {missing[0]} here. Unpack it"
        )
    return next(iter(_CLASSES))


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Lists the folders and makes splits by speaker.

    Options: those of `splits`.

    Raises:
        CorpusError: As `find`; two files have the same id, or splits cannot be made.
    """
    find(files)

    def make(path: str) -> base.Utterance | None:
        for name, key in _CLASSES.items():
            parts = (by_path.below(path, name) or "").split("/")
            if len(parts) == 4:
                _, gender, speaker, _ = parts
                return by_path.row(
                    path,
                    endings.stem(f"{name}/{speaker}/{parts[-1]}"),
                    corpus_name=corpus_name,
                    key=key,
                    speaker=speaker,
                    system="" if key == keys.BONAFIDE else _SYSTEM,
                    extra=[("gender", _GENDERS.get(gender, "")), ("language", "en")],
                )
        return None

    rows, audio = by_path.rows_of(files, make)
    other_faces = {
        path: info
        for path, info in files.walk("").items()
        if endings.is_audio(path) and any(name in path for name in _OTHER_FACES)
    }
    utterances, notes = splits.with_splits(rows, options, where=f"corpus root {files.root}")
    if other_faces:
        notes = (
            f"{plural(len(other_faces), 'video')} with another face over the same sound "
            f"{'is' if len(other_faces) == 1 else 'are'} left out",
            *notes,
        )
    # The others are of the corpus as well, so that they do not count as unread.
    return base.Corpus(utterances, (), audio | other_faces, notes)
