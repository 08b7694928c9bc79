"""HABLA (Tamayo Flórez et al., 2023): Latin American Spanish, converted and synthesised.

    FinalDataset_16khz/Real/Chile/clf_07508/clf_07508_00799857148.wav
    FinalDataset_16khz/CycleGAN/Venezuela-Argentina/vem_02484-arm_01523/CycleGAN-vem_...-arm_....wav
    FinalDataset_16khz/{Diff,StarGAN,TTS,TTS-Diff,TTS-StarGAN}/...

The folder may have another name, or be the root. Speakers are codes such as `clf_07508`; of a
conversion, the voice is the last code. Where a file has no code, its system counts as the voice.
The corpus has no splits.
"""

import re

from bonafide.audio import endings
from bonafide.corpora import base, by_path, splits
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles
from bonafide.trials import keys

_REAL = "Real"
_SYSTEMS = ("CycleGAN", "Diff", "Diffusion", "StarGAN", "TTS", "TTS-Diff", "TTS-StarGAN")
_SPEAKER = re.compile(r"(?<![A-Za-z])[a-z]{3}_\d{5}(?!\d)")
_COUNTRIES = ("Argentina", "Chile", "Colombia", "Peru", "Venezuela")


def find(files: CorpusFiles) -> str:
    """Returns the folder that has the systems.

    Raises:
        NotThisLayoutError: There is no folder `Real/` of these countries beside one of a system.
    """
    real = next(
        (
            path
            for path in files.walk("")
            if (rest := by_path.below(path, _REAL)) and rest.startswith(_COUNTRIES)
        ),
        None,
    )
    if real is not None:
        prefix = f"/{real}".partition(f"/{_REAL}/")[0].lstrip("/")
        start = f"{prefix}/" if prefix else ""
        if any(path.startswith(tuple(f"{start}{s}/" for s in _SYSTEMS)) for path in files.walk("")):
            return prefix
    raise base.NotThisLayoutError(
        f"corpus root {files.root}: no HABLA, which has FinalDataset_16khz/Real/Argentina/... and "
        "FinalDataset_16khz/CycleGAN/..."
    )


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Lists the folders and makes splits by speaker.

    Options: those of `splits`.

    Raises:
        CorpusError: Two files have the same id, or splits cannot be made.
    """
    prefix = find(files)
    start = f"{prefix}/" if prefix else ""

    def make(path: str) -> base.Utterance | None:
        system, found, rest = path.removeprefix(start).partition("/")
        if not (path.startswith(start) and found and system in (_REAL, *_SYSTEMS)):
            return None
        real = system == _REAL
        codes = _SPEAKER.findall(rest.rpartition("/")[0]) or _SPEAKER.findall(rest)
        return by_path.row(
            path,
            endings.stem(f"{system}/{rest}"),
            corpus_name=corpus_name,
            key=keys.BONAFIDE if real else keys.SPOOF,
            speaker=codes[-1] if codes else system,
            system="" if real else system,
            extra=[("language", "es")],
        )

    rows, audio = by_path.rows_of(files, make)
    return splits.split_corpus(rows, options, where=f"corpus root {files.root}", audio=audio)
