"""A pushed model: lookup, records, and scores."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bonafide.metrics.training_range import TrainingRange, TrainingRangeError
from bonafide.registry import store
from bonafide.registry.names import (
    CARD_FILE,
    EXTRA_DIR,
    MODEL_FILE,
    RECORD_FILE,
    TRAINING_RANGE_FILE,
)
from bonafide.scoring.own_test import read_evaluation

OUTPUT = Path("output")
SIGNATURE = "score_pcm16"
# Defaults of `models.settings.features.FeatureConfig`, for models whose record omits them.
DEFAULT_SAMPLE_RATE = 16_000
DEFAULT_CLIP_SAMPLES = 64_000
_STDERR_FD = 2


class ModelError(Exception):
    """There is no model, or it cannot be used; the message states the remedy."""


@dataclass(frozen=True)
class Model:
    """A model's folder and its records.

    Attributes:
        folder: Folder of the version.
        sample_rate: Sampling rate of its input, in Hz.
        clip_samples: Length of its clips.
        facts: Content of `bonafide.json`.
        card: Model card in Markdown; empty without one.
        evaluation: `evaluation.json`, the figures of its own test; empty without one.
        training: `training_range.json`, the ranges of its training data; None without one.
    """

    folder: Path
    sample_rate: int
    clip_samples: int
    facts: dict[str, Any]
    card: str = ""
    evaluation: dict[str, Any] = field(default_factory=dict)
    training: TrainingRange | None = None

    @property
    def thresholds(self) -> dict[str, float]:
        """Name -> threshold from dev; empty for models of older versions."""
        return self.facts.get("thresholds") or {}


def find_model(folder: str | None) -> Path:
    """Returns the folder of the version to score with.

    Args:
        folder: A version, or a serving folder, whose newest version is used. None: the newest
            version that any run pushed below `output/`.

    Raises:
        ModelError: There is no model.
    """
    if folder is None:
        versions = [
            version
            for serving in sorted(OUTPUT.glob("*/serving/*"))
            for version in _versions(serving)
        ]
        if not versions:
            raise ModelError(
                f"no model below {OUTPUT}/*/serving/: push one (python local_runner.py), or name "
                "one with --model. `bonafide demo` shows verdicts by a demonstration model"
            )
    else:
        path = Path(folder)
        if (path / MODEL_FILE).is_file():
            return path
        if not path.is_dir():
            raise ModelError(f"--model {folder}: there is no such folder")
        versions = _versions(path)
        if not versions:
            raise ModelError(
                f"--model {folder}: neither a version (it has no {MODEL_FILE}) nor a serving "
                "folder with versions in it"
            )
    return max(versions, key=lambda version: int(version.name))


def _versions(serving: Path) -> list[Path]:
    return [serving / name for name in store.complete_versions(str(serving))]


def read_model(folder: Path) -> Model:
    """Reads the records of a model, without TensorFlow.

    Raises:
        ModelError: `bonafide.json` is missing or does not define the model's clips, or
            `training_range.json` is damaged.
    """
    file = folder / RECORD_FILE
    try:
        facts = json.loads(file.read_text())
        features = facts["settings"]["features"]
        # Omitted settings have their defaults.
        sample_rate = int(features.get("sample_rate", DEFAULT_SAMPLE_RATE))
        clip_samples = int(features.get("clip_samples", DEFAULT_CLIP_SAMPLES))
        if min(sample_rate, clip_samples) < 1:
            raise ValueError(f"{sample_rate} Hz and clips of {clip_samples} samples")
    except OSError as error:
        raise ModelError(
            f"{file}: {error.strerror}. A model that this project pushed has it; was only a part "
            "copied?"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{file} does not say which clips the model takes (settings.features): "
            f"{type(error).__name__}: {error}"
        ) from error
    try:
        card = (folder / CARD_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        card = ""
    evaluation, training = read_evaluation(folder), _read_training_range(folder)
    return Model(folder, sample_rate, clip_samples, facts, card, evaluation, training)


def _read_training_range(folder: Path) -> TrainingRange | None:
    """Returns what the training data were like; None for a model that was pushed without it."""
    file = folder / EXTRA_DIR / TRAINING_RANGE_FILE
    try:
        return TrainingRange.from_text(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, TrainingRangeError) as error:
        raise ModelError(
            f"{file} cannot be used: {error}. Copy the version again from where it was pushed, or "
            "remove the file to score without a statement on what is unlike training."
        ) from error


def sha256(folder: Path) -> str:
    """Returns a hash of a model's files, by their names and contents."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix().encode()
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        digest.update(len(name).to_bytes(8, "little") + name + content)
    return digest.hexdigest()


class Scorer:
    """A loaded model: from bytes of clips to scores. Loading takes seconds.

    Args:
        model: The model to load.

    Attributes:
        signature: Its TensorFlow function.

    Raises:
        ModelError: The model cannot be loaded.
    """

    def __init__(self, model: Model) -> None:
        self._folder = model.folder
        with quiet_stderr():
            try:
                self._tf = import_tensorflow()
            except ImportError as error:
                raise ModelError(f"TensorFlow cannot be imported: {error}") from error
            try:
                self._loaded = self._tf.saved_model.load(str(model.folder))
            except (OSError, ValueError, RuntimeError, KeyError) as error:
                raise ModelError(f"{model.folder} cannot be loaded: {error}") from error
            self.signature = self._loaded.signatures.get(SIGNATURE)
            if self.signature is None:
                raise ModelError(
                    f"{model.folder} has no signature {SIGNATURE}: was it exported by an older "
                    "version? Push it again"
                )
            # The first call includes initialisation and TensorFlow's messages.
            self([bytes(2 * model.clip_samples)])

    def __call__(self, clips: Sequence[bytes]) -> np.ndarray:
        """Scores clips.

        Args:
            clips: Little-endian int16 samples of each clip.

        Returns:
            Scores [B] float32.

        Raises:
            ModelError: The model fails.
        """
        try:
            scores: np.ndarray = self.signature(pcm16=self._tf.constant(list(clips)))[
                "score"
            ].numpy()
        except (self._tf.errors.OpError, ValueError, KeyError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(f"{self._folder} fails to score: {first}") from error
        return scores


def import_tensorflow() -> Any:
    """Imports TensorFlow without Keras, which it would import to register optimizers.

    That takes a third of the startup time, and a SavedModel for inference does not need them.
    TensorFlow works without Keras if the import fails, and Keras can be imported later.
    """
    unwanted = "keras.src.optimizers"
    hidden = "tensorflow" not in sys.modules and unwanted not in sys.modules
    if hidden:
        sys.modules[unwanted] = None  # type: ignore[assignment]
    try:
        import tensorflow as tf
    finally:
        if hidden:
            sys.modules.pop(unwanted, None)
    return tf


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Suppresses the output of C++ code to standard error, unless an exception is raised.

    TensorFlow reports missing drivers before it reads TF_CPP_MIN_LOG_LEVEL.
    """
    sys.stderr.flush()
    try:
        screen = os.dup(_STDERR_FD)
    except OSError:  # it is closed
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), _STDERR_FD)
        try:
            yield
        except Exception:
            kept.seek(0)
            os.write(screen, kept.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(screen, _STDERR_FD)
            os.close(screen)
