"""The copy of ASVspoof 2019 LA as TFRecord files, from Kaggle.

    asvspoof/{train,valid,test}*.tfrec

Each tf.Example holds `audio` (a WAV file), `id`, `speaker_id`, `system_id` and `target`, which is 1
for **spoof**. An utterance's path names the bytes of its audio: `train00.tfrec#OFFSET:LENGTH`. To
find them, the files are read as a whole, one at a time.
"""

import re
from collections.abc import Iterator

from bonafide.corpora import base
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage import tfrecord
from bonafide.storage.corpus_files import CorpusFiles, FileInfo
from bonafide.trials import ids, keys

_PREFIXES = ("asvspoof/", "")
_SPLITS = {"train": "train", "valid": "dev", "test": "eval"}
_NAME = re.compile(r"(train|valid|test).*\.tfrec(?:ord)?s?")
_WANTED = ("audio", "id", "speaker_id", "system_id", "target")


def find(files: CorpusFiles) -> str:
    """Where the TFRecord files lie below the root.

    Raises:
        NotThisLayoutError: There are none.
        CorpusError: Those of a split are missing.
    """
    for prefix in _PREFIXES:
        there = {match[1] for name in files.list(prefix[:-1]) if (match := _NAME.fullmatch(name))}
        if missing := sorted(_SPLITS.keys() - there):
            if there:
                raise base.CorpusError(
                    f"corpus root {files.root}: there are TFRecord files of "
                    f"{', '.join(sorted(there))} and none of {', '.join(missing)} in "
                    f"{prefix or 'the root'}"
                )
        else:
            return prefix
    raise base.NotThisLayoutError(
        f"corpus root {files.root}: no TFRecord files train*.tfrec, valid*.tfrec and test*.tfrec, "
        "there or in asvspoof/"
    )


def read(files: CorpusFiles, *, corpus_name: str, options: Options = DEFAULTS) -> base.Corpus:
    """Reads all files to find where the audio lies; takes no options.

    Raises:
        CorpusError: A file is cut off or holds something else, or an utterance id occurs twice.
    """
    prefix = find(files)
    utterances = []
    audio = {}
    for name, info in sorted(files.list(prefix[:-1]).items()):
        if match := _NAME.fullmatch(name):
            path = prefix + name
            for row, length in parse(files.read_bytes(path), path, corpus_name=corpus_name):
                utterances.append(row)
                audio[row.path] = FileInfo(length, info.modified_seconds)
            if not utterances or utterances[-1].split != _SPLITS[match[1]]:
                raise base.CorpusError(f"{path}: there is no record in it")
    base.refuse_duplicates(utterances)
    return base.Corpus(tuple(utterances), (), audio)


def parse(data: bytes, where: str, *, corpus_name: str) -> Iterator[tuple[base.Utterance, int]]:
    """Yields the utterances of a TFRecord file, with the size of their audio in bytes.

    Args:
        data: The file.
        where: Its path; its name tells the split.
        corpus_name: Written into every row.

    Raises:
        CorpusError: It is cut off, or a record is not as the layout wants it.
    """
    split = _SPLITS[_NAME.fullmatch(where.rpartition("/")[2])[1]]
    try:
        for number, (start, end) in enumerate(tfrecord.records(data), start=1):
            source = f"{where}: record {number}"
            values = tfrecord.features(data, start, end)
            yield _row(data, values, where, source, split, corpus_name)
    except tfrecord.TFRecordError as error:
        raise base.CorpusError(f"{where}: {error}") from error


def _row(
    data: bytes,
    values: dict[str, tuple[int, int] | int],
    where: str,
    source: str,
    split: str,
    corpus_name: str,
) -> tuple[base.Utterance, int]:
    if missing := [name for name in _WANTED if name not in values]:
        raise base.CorpusError(
            f"{source}: it lacks {', '.join(missing)}; there are {', '.join(sorted(values)) or '-'}"
        )
    texts = {}
    for name in ("id", "speaker_id", "system_id"):
        value = values[name]
        try:
            if isinstance(value, int):
                raise ValueError("it is a number")
            texts[name] = ids.as_id(data[value[0] : value[1]].decode())
        except ValueError as error:
            raise base.CorpusError(f"{source}: {name} is no text: {error}") from error
    where_audio, target = values["audio"], values["target"]
    if isinstance(where_audio, int) or target not in (0, 1):
        raise base.CorpusError(
            f"{source}: audio must be bytes and target 0 or 1 (1 is spoof), not {target!r}"
        )
    if not texts["id"]:
        raise base.CorpusError(f"{source}: the id is empty")
    system = texts["system_id"]
    unnamed = system in ("", keys.NO_ATTACK, keys.BONAFIDE)
    if target == 0 and not unnamed:
        raise base.CorpusError(f"{source}: target is 0 (bona fide), and the system is {system!r}")
    start, end = where_audio
    return base.Utterance(
        utterance_id=texts["id"],
        speaker_id=texts["speaker_id"] or base.UNKNOWN_SPEAKER,
        system_id=keys.NO_ATTACK if target == 0 else keys.SPOOF if unnamed else system,
        key=keys.SPOOF if target else keys.BONAFIDE,
        split=split,
        path=str(tfrecord.Part(where, start, end - start)),
        corpus=corpus_name,
        source=source,
    ), end - start
