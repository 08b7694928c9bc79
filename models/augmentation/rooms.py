"""Room responses from a folder, for the augmentation of waveforms."""

from __future__ import annotations

import io

import numpy as np
import soundfile
import soxr
import tensorflow as tf

_SUFFIXES = (".wav", ".flac")
_LONGEST_SECONDS = 1.0


def load_rooms(folder: str, sample_rate: int) -> np.ndarray:
    """Reads every WAV and FLAC file of a folder as a room response.

    Each is mixed to mono, resampled, turned so that it begins with its largest sample (the direct
    sound), cut to one second, and scaled to an energy of 1.

    Args:
        folder: Any path that `tf.io.gfile` can read.
        sample_rate: In Hz.

    Returns:
        float32 [R, M], sorted by name, shorter ones filled up with zeros.

    Raises:
        FileNotFoundError: There is no such file in the folder.
        ValueError: A file is no sound, or silent.
    """
    paths = sorted(path for suffix in _SUFFIXES for path in tf.io.gfile.glob(f"{folder}/*{suffix}"))
    if not paths:
        raise FileNotFoundError(
            f"expected WAV or FLAC files in waveform.room_dir, got none ({folder!r})"
        )
    rooms = [_read(path, sample_rate) for path in paths]
    result = np.zeros((len(rooms), max(map(len, rooms))), np.float32)
    for row, room in zip(result, rooms, strict=True):
        row[: len(room)] = room
    return result


def _read(path: str, sample_rate: int) -> np.ndarray:
    with tf.io.gfile.GFile(path, "rb") as file:
        data = file.read()
    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise ValueError(f"the room response {path} cannot be read: {error}") from error
    room = soxr.resample(samples.mean(axis=1), rate, sample_rate)
    if not len(room) or not np.abs(room).max() > 0:
        raise ValueError(f"the room response {path} is silent")
    room = room[np.abs(room).argmax() :][: round(_LONGEST_SECONDS * sample_rate)]
    return room / np.sqrt(np.sum(np.square(room)))
