"""Checkpoints of a training run: one atomically written file per epoch."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import logging
import re
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from bonafide.storage import uris
from bonafide.storage.files import is_leftover

_LOG = logging.getLogger("bonafide")
_DIGEST_BYTES = hashlib.sha256().digest_size
_NAME = re.compile(r"checkpoint-(\d{5})\.npz")


@dataclasses.dataclass
class TrainingState:
    """State of a run after an epoch.

    Attributes:
        epoch: Number of finished epochs.
        variables: Values of every variable of model and optimizer: weights, moving averages, Adam's
            moments, step count and the state of dropout's seed generators.
        best_weights: `model.get_weights()` of the best epoch so far.
        best_epoch: Its number, from 1; 0 before the first.
        best_dev_eer: Its dev EER, a fraction.
        best_dev_loss: Its dev loss.
        history: One dictionary of figures for each epoch.
    """

    epoch: int = 0
    variables: Sequence[np.ndarray] = ()
    best_weights: Sequence[np.ndarray] = ()
    best_epoch: int = 0
    best_dev_eer: float = float("inf")
    best_dev_loss: float = float("inf")
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)


class _UnusableError(Exception):
    """The checkpoint cannot be used; the message states the reason."""


def save(directory: str, state: TrainingState, *, fingerprint: str, keep: int) -> None:
    """Writes a checkpoint atomically and removes older ones.

    Args:
        directory: A path or URI; created if missing.
        state: State to store.
        fingerprint: Identifies data, settings and code; it must match for a resume.
        keep: Number of checkpoints to keep.
    """
    facts = {f.name: getattr(state, f.name) for f in dataclasses.fields(state)}
    arrays = {
        f"{group}/{i:05d}": array
        for group in ("variables", "best_weights")
        for i, array in enumerate(facts.pop(group))
    }
    buffer = io.BytesIO()
    np.savez(buffer, facts=np.array(json.dumps({**facts, "fingerprint": fingerprint})), **arrays)
    content = buffer.getvalue()
    # Numpy's format and its zip container protect the arrays, but not their names.
    content += hashlib.sha256(content).digest()
    uris.write_bytes(uris.join(directory, f"checkpoint-{state.epoch:05d}.npz"), content)
    for name in _names(directory)[keep:]:
        uris.remove_file(uris.join(directory, name))


def load_latest(
    directory: str, *, fingerprint: str, shapes: Sequence[tuple[int, ...]]
) -> TrainingState | None:
    """Returns the newest usable checkpoint, or None; logs unusable ones.

    Args:
        directory: Folder of the checkpoints; need not exist.
        fingerprint: Fingerprint of this run.
        shapes: Shapes of this run's variables.
    """
    for name in _names(directory):
        path = uris.join(directory, name)
        try:
            return _load(path, fingerprint, shapes)
        except _UnusableError as error:
            _LOG.warning("checkpoint %s is not used: %s", path, error)
    return None


def remove(directory: str) -> None:
    """Removes the checkpoints, and the folder if it is then empty."""
    for name in uris.names_in(directory):
        if _NAME.fullmatch(name) or is_leftover(name):
            uris.remove_file(uris.join(directory, name))
    if not uris.names_in(directory):
        uris.remove_folder(directory)


def _names(directory: str) -> list[str]:
    """Returns the names of the finished checkpoints, newest first."""
    return sorted(filter(_NAME.fullmatch, uris.names_in(directory)), reverse=True)


def _load(path: str, fingerprint: str, shapes: Sequence[tuple[int, ...]]) -> TrainingState:
    try:
        content = uris.read_bytes(path)
        content, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            raise _UnusableError("it is damaged (its checksum is wrong)")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            facts = json.loads(str(archive["facts"]))
            if facts.pop("fingerprint") != fingerprint:
                raise _UnusableError("it belongs to other data, settings or code")
            variables, best_weights = (
                [archive[n] for n in sorted(archive.files) if n.startswith(f"{group}/")]
                for group in ("variables", "best_weights")
            )
        state = TrainingState(variables=variables, best_weights=best_weights, **facts)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise _UnusableError(f"it is damaged ({error})") from error
    if [v.shape for v in state.variables] != [tuple(s) for s in shapes]:
        raise _UnusableError("its variables do not match this model")
    return state
