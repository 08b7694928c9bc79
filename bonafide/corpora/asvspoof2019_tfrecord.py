"""The copy of ASVspoof 2019 LA as TFRecord files, from Kaggle.

    asvspoof/{train,valid,test}*.tfrec

Each tf.Example has `audio` (a WAV file), `id`, `speaker_id`, `system_id` and `target`, which is 1
for **spoof**. The path of an utterance gives the byte range of its audio:
`train00.tfrec#OFFSET:LENGTH`. To find it, the files are read completely, one at a time; no audio is
kept in memory.
"""

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bonafide.corpora import base
from bonafide.corpora.options import DEFAULTS, Options
from bonafide.storage.corpus_files import CorpusFiles, FileInfo, Part
from bonafide.storage.text_files import FileError
from bonafide.trials import ids, keys

_PREFIXES = ("asvspoof/", "")
_SPLITS = {"train": "train", "valid": "dev", "test": "eval"}
_NAME = re.compile(r"(train|valid|test).*\.tfrec(?:ord)?s?")
_FEATURES = ("audio", "id", "speaker_id", "system_id", "target")
_LOOKED_FOR = 64  # bytes of audio: a header, and some samples


def find(files: CorpusFiles) -> str:
    """Returns the folder of the TFRecord files below the root.

    Raises:
        NotThisLayoutError: There are no such files.
        CorpusError: The files of a split are missing.
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
    """Reads all files to locate the audio. There are no options.

    Raises:
        CorpusError: A file is truncated or has other content, or an utterance id occurs twice.
    """
    del options
    prefix = find(files)
    utterances = []
    audio = {}
    for name, info in sorted(files.list(prefix[:-1]).items()):
        if match := _NAME.fullmatch(name):
            path, split = prefix + name, _SPLITS[match[1]]
            rows = list(parse(files.read_bytes(path), path, split, corpus_name=corpus_name))
            if not rows:
                raise base.CorpusError(f"{path}: expected records, got an empty file")
            for row, length in rows:
                utterances.append(row)
                audio[row.path] = FileInfo(length, info.modified_seconds)
    base.refuse_duplicates(utterances)
    return base.Corpus(tuple(utterances), (), audio)


def parse(
    data: bytes, where: str, split: str, *, corpus_name: str
) -> Iterator[tuple[base.Utterance, int]]:
    """Yields the utterances of a TFRecord file, with the size of their audio in bytes.

    Args:
        data: Content of the file.
        where: Path of the file.
        split: Split of all rows.
        corpus_name: Name of the corpus in all rows.

    Raises:
        FileError: The file is damaged or truncated, or a record does not have this layout.
    """
    from bonafide.storage import records  # with protobuf, which other corpora do not need

    start = records.HEAD_BYTES
    for number, record in enumerate(records.read_records(io.BytesIO(data), where=where), start=1):
        source = f"{where}: record {number}"
        try:
            values = records.decode_example(record)
        except FileError as error:
            raise FileError(f"{source}: {error}") from error
        audio = _audio(values, source)
        offset = start + _find(record, audio)
        path = str(Part(where, offset, len(audio)))
        yield _utterance(values, source, split, path, corpus_name), len(audio)
        start += len(record) + records.TAIL_BYTES + records.HEAD_BYTES


def _audio(values: Mapping[str, Any], source: str) -> bytes:
    if missing := [name for name in _FEATURES if not len(values.get(name, ()))]:
        there = ", ".join(sorted(values)) or "none"
        raise FileError(f"{source}: expected {', '.join(missing)}, got the features {there}")
    audio, target = values["audio"][0], values["target"][0]
    if not isinstance(audio, bytes) or target not in (0, 1):
        raise FileError(
            f"{source}: expected bytes as audio and 0 or 1 (spoof) as target, got "
            f"{type(audio).__name__} and {target!r}"
        )
    return audio


def _find(record: bytes, audio: bytes) -> int:
    """Returns the offset of the audio in its record; of identical copies, the first."""
    at = record.find(audio[:_LOOKED_FOR])
    while not record.startswith(audio, at):
        at = record.find(audio[:_LOOKED_FOR], at + 1)
    return at


def _utterance(
    values: Mapping[str, Any], source: str, split: str, path: str, corpus_name: str
) -> base.Utterance:
    identity, speaker, attack = (
        _id(values, name, source) for name in ("id", "speaker_id", "system_id")
    )
    if not identity:
        raise FileError(f"{source}: the id is empty")
    key = keys.SPOOF if values["target"][0] else keys.BONAFIDE
    if problem := keys.attack_problem(key, attack):
        raise FileError(f"{source}: {problem}")
    return base.Utterance(
        utterance_id=identity,
        speaker_id=speaker or base.UNKNOWN_SPEAKER,
        system_id=keys.attack_of(key, attack),
        key=key,
        split=split,
        path=path,
        corpus=corpus_name,
        source=source,
    )


def _id(values: Mapping[str, Any], name: str, source: str) -> str:
    value = values[name][0]
    try:
        return ids.as_id(value.decode())
    except (AttributeError, UnicodeDecodeError) as error:  # A number, or not UTF-8.
        raise FileError(f"{source}: expected UTF-8 text as {name}, got {value!r}") from error
