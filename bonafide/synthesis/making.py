"""Makes the files of one recording: its real version and its synthetic copies.

Every file is written whole or not at all. Its FLAC comment records how it was made; a repeated run
finds it by that and keeps the file.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import soundfile
import soxr
import threadpoolctl

from bonafide.audio.decoding import AudioError, decode_with_facts
from bonafide.storage.files import is_leftover, replacing
from bonafide.storage.local_files import LocalFiles
from bonafide.synthesis import channel as channels
from bonafide.synthesis.engine import Engine, SynthesisError
from bonafide.synthesis.planning import Copy, Task
from bonafide.trials.keys import BONAFIDE, NO_ATTACK, SPOOF

# Part of every digest: files of an earlier version of the chain are made again.
_VERSION = 1
_AUDIO = "audio"
# All comments have one length, so that the size of a file does not show its class.
_COMMENT_BYTES = 2_048
SYNTHETIC = "Synthetic speech, made by Bonafide to train and test detectors of synthetic speech."
REAL = "Recorded speech, edited by Bonafide: trimmed, with noise, in the channel of its copies.   "


@dataclasses.dataclass(frozen=True)
class Making:
    """What is the same for all recordings.

    Attributes:
        root: Folder of the recordings.
        output: Folder of the corpus.
        engines: Name -> engine.
        rate: Sampling rate of the corpus in Hz.
        min_seconds: Shorter recordings are failures.
        max_seconds: Of longer recordings, an excerpt of this duration is used.
        codec: Spec of the channel for all recordings; empty takes the codec of each file.
        redo: Whether files that exist are made again.
    """

    root: str
    output: str
    engines: Mapping[str, Engine]
    rate: int
    min_seconds: float
    max_seconds: float
    codec: str = ""
    redo: bool = False


@dataclasses.dataclass(frozen=True)
class Failure:
    """A file that could not be made.

    Attributes:
        utterance_id: Its id.
        source_file: Path of the recording.
        engine: Name of the engine; `-` if the recording itself cannot be used.
        reason: The reason.
    """

    utterance_id: str
    source_file: str
    engine: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Result:
    """The files of one recording.

    Attributes:
        rows: Rows of the manifest.
        failures: What could not be made.
        kept: Number of files that existed.
        seconds: Of audio in the rows.
    """

    rows: tuple[Mapping[str, str], ...] = ()
    failures: tuple[Failure, ...] = ()
    kept: int = 0
    seconds: float = 0.0


def make(task: Task, making: Making) -> Result:
    """Makes all files of a recording; errors of recordings and engines become failures.

    Matrix products use one thread: files are made in parallel, and sums do not depend on the number
    of cores.
    """
    with _threads().limit(limits=1, user_api="blas"):
        return _made(task, making)


@functools.cache
def _threads() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController()


def _made(task: Task, making: Making) -> Result:
    files = LocalFiles(making.root)
    try:
        data = files.read_bytes(task.row.path)
        job = _Recording(task, making, data)
    except OSError as error:
        return _none(task, f"cannot be read: {error.strerror or error}")
    kept = {} if making.redo else job.existing()
    if len(kept) == len(task.copies) + 1:
        return _result([*kept.values()], [], len(kept))
    try:
        pcm, channel = job.open()
    except (AudioError, SynthesisError) as error:
        return _none(task, str(error))
    rows, failures = [], []
    real = kept.get(task.row.utterance_id)
    rows.append(real or job.write_real(pcm, channel))
    for copy in task.copies:
        if copy.utterance_id in kept:
            rows.append(kept[copy.utterance_id])
            continue
        try:
            rows.append(job.write_copy(copy, pcm, channel))
        except (SynthesisError, AudioError) as error:
            failures.append(Failure(copy.utterance_id, task.row.path, copy.engine, str(error)))
        except OSError as error:
            if error.filename is None or making.output in str(error.filename):
                raise  # The disk of the output, not this recording.
            reason = f"cannot be read: {error.strerror}"
            failures.append(Failure(copy.utterance_id, task.row.path, copy.engine, reason))
        except Exception as error:  # noqa: BLE001 (a library's own error must not end the corpus)
            reason = f"{type(error).__name__}: {error}"
            failures.append(Failure(copy.utterance_id, task.row.path, copy.engine, reason))
    return _result(rows, failures, len(kept))


def _none(task: Task, reason: str) -> Result:
    path = task.row.path
    failed = [Failure(task.row.utterance_id, path, NO_ATTACK, reason)]
    failed += [
        Failure(copy.utterance_id, path, copy.engine, "its recording cannot be used")
        for copy in task.copies
    ]
    return Result(failures=tuple(failed))


def _result(rows: list[Mapping[str, str]], failures: list[Failure], kept: int) -> Result:
    seconds = sum(float(row["seconds"]) for row in rows)
    return Result(tuple(rows), tuple(failures), kept, seconds)


class _Recording:
    """One recording and the places of its versions.

    Args:
        task: The recording.
        making: What is the same for all.
        data: Content of its file.
    """

    def __init__(self, task: Task, making: Making, data: bytes) -> None:
        self._task, self._making, self._data = task, making, data
        self._top_hz = min(
            [making.engines[copy.engine].top_hz for copy in task.copies], default=float("inf")
        )
        common = {
            "version": _VERSION,
            "content": hashlib.sha256(data).hexdigest(),
            "rate": making.rate,
            "max_seconds": making.max_seconds,
            "codec": making.codec,
            # No JSON number is infinite.
            "top_hz": min(self._top_hz, 1e6),
            "row": [task.row.utterance_id, task.row.path, task.row.speaker_id, task.row.split],
            "extra": task.row.extra,
        }
        self._begin = 0
        self._digests = {task.row.utterance_id: _digest(common)}
        for copy in task.copies:
            own = {
                **common,
                "copy": dataclasses.asdict(copy),
                "engine": making.engines[copy.engine].identity(),
            }
            self._digests[copy.utterance_id] = _digest(own)

    def existing(self) -> dict[str, Mapping[str, str]]:
        """Returns id -> row of the files that this plan has made before."""
        found = {}
        for identity, digest in self._digests.items():
            record = read_record(pathlib.Path(self._making.output) / place_of(identity))
            if record.get("digest") == digest:
                found[identity] = record["row"]
        return found

    def open(self) -> tuple[np.ndarray, channels.Channel]:
        """Decodes the recording and measures its channel."""
        making, row = self._making, self._task.row
        pcm, facts = decode_with_facts(
            self._data, making.rate, making.min_seconds, name=row.path.rpartition("/")[2]
        )
        codec = making.codec or channels.codec_of(facts, len(pcm) / making.rate)
        self._begin, pcm = excerpt(pcm, making.rate, making.max_seconds)
        return pcm, channels.measure(pcm, making.rate, codec, self._top_hz)

    def write_real(self, pcm: np.ndarray, channel: channels.Channel) -> Mapping[str, str]:
        """Writes the real recording; returns its row."""
        random = np.random.default_rng(int(self._digests[self._task.row.utterance_id][:15], 16))
        samples, _ = channels.put_on(pcm / 32_768, channel, random, synthetic=False)
        row = self._row(self._task.row.utterance_id, self._task.row.speaker_id, samples)
        row |= {"key": BONAFIDE, "system": NO_ATTACK, "kind": NO_ATTACK, "channel": channel.codec}
        return self._write(row, samples, REAL)

    def write_copy(
        self, copy: Copy, pcm: np.ndarray, channel: channels.Channel
    ) -> Mapping[str, str]:
        """Makes a copy and writes it; returns its row."""
        making, engine = self._making, self._making.engines[copy.engine]
        voice = None
        if copy.voice:
            data = LocalFiles(making.root).read_bytes(copy.voice)
            voice, _ = decode_with_facts(
                data, making.rate, making.min_seconds, name=copy.voice.rpartition("/")[2]
            )
            _, voice = excerpt(voice, making.rate, making.max_seconds)
        made = engine.make(
            pcm,
            making.rate,
            text=copy.text or None,
            voice=voice,
            seed=copy.seed,
            language=copy.language,
        )
        samples = np.asarray(made.samples, np.float64)
        if not np.isfinite(samples).all():
            raise SynthesisError("the engine made samples that are not finite numbers")
        if made.rate_hz != making.rate:
            samples = soxr.resample(samples, made.rate_hz, making.rate, "HQ")
        random = np.random.default_rng([copy.seed, 2])
        finished, start = channels.put_on(samples, channel, random, synthetic=True)
        row = self._row(copy.utterance_id, copy.speaker, finished)
        row |= {
            "key": SPOOF,
            "system": copy.engine,
            "kind": engine.kind,
            "channel": channel.codec,
            "engine_licence": engine.licence,
            "parameters": json.dumps(dict(made.parameters), sort_keys=True),
            "seed": str(copy.seed),
            "spoken_text": copy.text,
            "segments": _segments(made.segments, start, len(finished), making.rate),
        }
        return self._write(row, finished, SYNTHETIC)

    def _row(self, identity: str, speaker: str, samples: np.ndarray) -> dict[str, str]:
        original = self._task.row
        return {
            **dict(original.extra),
            "path": place_of(identity),
            "id": identity,
            "speaker": speaker,
            "split": original.split,
            "source_file": original.path,
            "source_begin": f"{self._begin / self._making.rate:.3f}",
            "seconds": f"{len(samples) / self._making.rate:.3f}",
        }

    def _write(self, row: dict[str, str], samples: np.ndarray, comment: str) -> dict[str, str]:
        target = pathlib.Path(self._making.output) / row["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        record = {"digest": self._digests[row["id"]], "row": row}
        text = f"{comment} {json.dumps(record, sort_keys=True)}"
        size = len(text.encode())
        text += " " * (-size % _COMMENT_BYTES)
        with (
            replacing(target) as part,
            part.open("wb") as file,
            soundfile.SoundFile(file, "w", self._making.rate, 1, "PCM_16", format="FLAC") as sound,
        ):
            sound.comment = text
            sound.write(samples)
        return row


def excerpt(pcm: np.ndarray, rate: int, seconds: float) -> tuple[int, np.ndarray]:
    """Finds the excerpt with the most active frames, the first of several.

    Args:
        pcm: int16 [N].
        rate: In Hz.
        seconds: Of the excerpt.

    Returns:
        Its first sample, and the excerpt; all of a recording that is not longer.
    """
    length = round(seconds * rate)
    if len(pcm) <= length:
        return 0, pcm
    frame = rate // 100
    whole = pcm[: len(pcm) // frame * frame].reshape(-1, frame).astype(np.float32)
    power = np.einsum("tn,tn->t", whole, whole) / frame
    active = power > np.quantile(power, 0.95) * 1e-3
    counts = np.concatenate([[0], np.cumsum(active)])
    span = length // frame
    begin = int(np.argmax(counts[span:] - counts[:-span])) * frame
    return begin, pcm[begin : begin + length]


def place_of(identity: str) -> str:
    """Returns the path of a file below the output; at most 256 folders hold all files."""
    folder = hashlib.sha256(identity.encode()).hexdigest()[:2]
    return f"{_AUDIO}/{folder}/{identity}.flac"


def read_record(path: pathlib.Path) -> dict[str, Any]:
    """Returns what the comment of a file records; empty if there is no such file or record."""
    try:
        with soundfile.SoundFile(path) as sound:
            comment = sound.comment
        record = json.loads(comment[comment.index("{") :])
    except (OSError, ValueError, soundfile.LibsndfileError):
        return {}
    return record if isinstance(record, dict) else {}


def _segments(segments: tuple[tuple[int, int], ...], start: int, length: int, rate: int) -> str:
    """Returns synthetic stretches of a finished file, `0.52-1.87`, in seconds."""
    moved = [(max(0, begin - start), min(length, end - start)) for begin, end in segments]
    return " ".join(f"{begin / rate:.3f}-{end / rate:.3f}" for begin, end in moved if end > begin)


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def remove_leftovers(rows: Sequence[Mapping[str, str]], output: pathlib.Path) -> int:
    """Removes files of earlier plans and killed runs that no row names; returns their number.

    Files that this module has not written stay.
    """
    named = {row["path"] for row in rows}
    removed = 0
    for part in (output / _AUDIO).glob("*/.*"):
        if is_leftover(part.name):  # Of a killed run.
            part.unlink()
    for path in sorted((output / _AUDIO).glob("*/*.flac")):
        if path.relative_to(output).as_posix() not in named and "digest" in read_record(path):
            path.unlink()
            removed += 1
    return removed
