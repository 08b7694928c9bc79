"""What comes with the library for `bonafide demo`: a model, its hash and four recordings."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bonafide.registry import names
from bonafide.scoring.model import Model, ModelError, read_model, sha256

FOLDER = Path(__file__).parent
MODEL = FOLDER / "model"
HASH_FILE = FOLDER / "model.sha256"
# Files of a pushed version that scoring needs; reports and weights for training are left out.
KEPT = (
    *(names.MODEL_FILE, "variables", names.RECORD_FILE, names.CARD_FILE),
    *(f"{names.EXTRA_DIR}/{name}" for name in (names.EVALUATION_FILE, names.TRAINING_RANGE_FILE)),
)
MAX_BYTES = 8_000_000


class Example(NamedTuple):
    """A recording that comes with the library.

    Attributes:
        path: Its file.
        truth: What it is.
    """

    path: Path
    truth: str


# The two longest clips of each kind in the eval split of `samples/` whose licence is CC-BY or
# Apache-2.0: the model has seen neither the speaker nor the systems. README.md has their sources.
EXAMPLES = tuple(
    Example(FOLDER / "recordings" / name, truth)
    for name, truth in (
        ("person-1.flac", "a person, in Russian"),
        ("person-2.flac", "a person, in Russian"),
        ("synthetic-1.flac", "synthetic speech (kokoro), in Spanish"),
        ("synthetic-2.flac", "synthetic speech (hibari-tts), in English"),
    )
)


def demo_model() -> Model:
    """Returns the model after its files were compared with their hash.

    Raises:
        ModelError: A file is missing, or differs from the one that was released.
    """
    try:
        expected = HASH_FILE.read_text(encoding="utf-8").split()[0]
    except (OSError, IndexError) as error:
        raise ModelError(f"{HASH_FILE}: no hash of the demonstration model. {_REMEDY}") from error
    if (found := sha256(MODEL)) != expected:
        raise ModelError(
            f"expected the demonstration model with the hash {expected[:12]}, got {found[:12]} "
            f"({MODEL}). {_REMEDY}"
        )
    return read_model(MODEL)


_REMEDY = "Install the library again, or in a checkout run `make demo-model`."
