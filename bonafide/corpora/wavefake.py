"""WaveFake (Frank and Schönherr, 2021), with the real speech that was the vocoders' input.

    generated_audio/{ljspeech,jsut}_<VOCODER>/<SENTENCE>_gen.wav
    generated_audio/common_voices_prompts_from_conformer_fastspeech2_pwg_ljspeech/gen_<N>.wav
    LJSpeech-1.1/wavs/<SENTENCE>.wav                    (a corpus of its own)
    jsut_ver1.1/basic5000/wav/<SENTENCE>.wav            (another)

Real speech may also be below `real_audio/`, and the generated folders directly below the root. With
only two voices, a split by speaker is impossible: all utterances are in `eval`, or in the split of
the option `split`. The extra column `text` has the sentence.
"""

from collections.abc import Iterator

from bonafide.audio import endings
from bonafide.corpora import base
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles, FileInfo
from bonafide.trials import ids, keys

_GENERATED = ("generated_audio", "")
# The corpus of a folder of generated speech, by the start or end of its name.
_VOICES = {"ljspeech": ("LJ", "en"), "jsut": ("JSUT", "ja")}
_REAL = {
    "ljspeech": ("LJSpeech-1.1/wavs", "wavs"),
    "jsut": ("jsut_ver1.1/basic5000/wav", "jsut_ver1.1/basic5000/wavs", "basic5000/wav"),
}
# The folders of version 1.2; other folders at the root are ignored.
_FOLDERS = (
    *(
        f"ljspeech_{vocoder}"
        for vocoder in (
            *("melgan", "melgan_large", "multi_band_melgan", "full_band_melgan"),
            *("parallel_wavegan", "waveglow", "hifiGAN"),
        )
    ),
    *("jsut_multi_band_melgan", "jsut_parallel_wavegan"),
    "common_voices_prompts_from_conformer_fastspeech2_pwg_ljspeech",
)


def find(files: CorpusFiles) -> str:
    """Returns the parent of the folders of generated speech.

    Raises:
        NotThisLayoutError: There are no such folders.
    """
    for place in _GENERATED:
        if any(files.list(f"{place}/{name}".lstrip("/")) for name in _FOLDERS):
            return place
    raise base.NotThisLayoutError(
        f"corpus root {files.root}: no WaveFake, which has folders such as {_FOLDERS[0]} in "
        "generated_audio or at the root"
    )


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Lists the folders of generated and of real speech. Option: `split`.

    Raises:
        CorpusError: Generated or real speech is missing, or a folder is of an unknown corpus.
    """
    place = find(files)
    split = options.split or "eval"
    utterances = []
    audio = {}
    for folder, corpus, system, vocoder, listing in (*_generated(files, place), *_real(files)):
        speaker, language = _VOICES[corpus]
        for name in sorted(endings.audio_by_stem(listing).values()):
            path = f"{folder}/{name}"
            sentence = endings.stem(name).removesuffix("_gen")
            audio[path] = listing[name]
            utterances.append(
                base.Utterance(
                    utterance_id=ids.as_id(
                        f"{corpus if system == keys.NO_ATTACK else system}/{sentence}"
                    ),
                    speaker_id=speaker,
                    system_id=ids.as_id(system),
                    key=keys.BONAFIDE if system == keys.NO_ATTACK else keys.SPOOF,
                    split=split,
                    path=path,
                    corpus=corpus_name,
                    source=path,
                    extra=base.extra({"vocoder": vocoder, "language": language, "text": sentence}),
                )
            )
    if not any(row.key == keys.BONAFIDE for row in utterances):
        raise base.CorpusError(
            f"corpus root {files.root}: WaveFake has no real speech of its own. Unpack "
            "LJSpeech-1.1 (and jsut_ver1.1) there, or link it there"
        )
    base.refuse_duplicates(utterances)
    note = f"two voices cannot be split by speaker: all utterances are in {split}"
    return base.Corpus(tuple(utterances), (), audio, (note,))


_Folder = tuple[str, str, str, str, dict[str, FileInfo]]


def _generated(files: CorpusFiles, place: str) -> Iterator[_Folder]:
    """Yields folder, corpus, system, vocoder and files of every folder of generated speech."""
    if place:
        below = (path for path in files.walk(place) if "/" in path and endings.is_audio(path))
        folders = {path.partition("/")[0] for path in below}
    else:
        folders = set(_FOLDERS)
    for name in sorted(folders):
        folder = f"{place}/{name}".lstrip("/")
        if listing := files.list(folder):
            corpus = next((c for c in _VOICES if name.startswith(f"{c}_")), None)
            corpus = corpus or next((c for c in _VOICES if name.endswith(f"_{c}")), None)
            if corpus is None:
                raise base.CorpusError(
                    f"{folder}: the name of a folder of generated speech begins with ljspeech_ or "
                    "jsut_, or ends with it: rename the folder, or move it elsewhere"
                )
            # The folder of a complete synthesiser is named by its vocoder: pwg.
            vocoder = name.removeprefix(f"{corpus}_").removesuffix(f"_{corpus}")
            if vocoder.startswith("common_voices"):
                vocoder = vocoder.rpartition("_")[2]
            yield folder, corpus, name, vocoder, listing


def _real(files: CorpusFiles) -> Iterator[_Folder]:
    """Yields the same for real speech, from the first folder of each corpus that has files."""
    for corpus, places in _REAL.items():
        for place in (*places, *(f"real_audio/{place}" for place in places)):
            listing = files.list(place)
            if endings.audio_by_stem(listing):
                yield place, corpus, keys.NO_ATTACK, "", listing
                break
