"""Checkpoints of a training run: one file an epoch, whole or absent, with all a resume needs."""

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
    """What a run has reached after an epoch.

    Attributes:
        epoch: Finished epochs.
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
    """A checkpoint that must not be resumed from; the message says why."""


def save(directory: str, state: TrainingState, *, fingerprint: str, keep: int) -> None:
    """Writes a checkpoint, whole or not at all, and removes older ones.

    Args:
        directory: A path or URI; made if missing.
        state: What to keep.
        fingerprint: Identifies data, settings and code; a resume must have the same.
        keep: How many checkpoints stay.
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
    # Numpy's format and the zip around it check the arrays, but not what they are called.
    content += hashlib.sha256(content).digest()
    uris.write_bytes(uris.join(directory, f"checkpoint-{state.epoch:05d}.npz"), content)
    for name in _names(directory)[keep:]:
        uris.remove_file(uris.join(directory, name))


def load_latest(
    directory: str, *, fingerprint: str, shapes: Sequence[tuple[int, ...]]
) -> TrainingState | None:
    """The newest checkpoint that can be resumed from, or None; the log says what was not used.

    Args:
        directory: Where checkpoints are, if there are any.
        fingerprint: Of this run.
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
    """Removes the checkpoints, and the folder if nothing else is in it."""
    for name in uris.names_in(directory):
        if _NAME.fullmatch(name) or is_leftover(name):
            uris.remove_file(uris.join(directory, name))
    if not uris.names_in(directory):
        uris.remove_folder(directory)


def _names(directory: str) -> list[str]:
    """Names of the finished checkpoints, newest first."""
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
        raise _UnusableError("its variables are not those of this model")
    return state
