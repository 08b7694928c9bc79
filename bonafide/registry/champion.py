"""The champion: the pushed model that a new model is compared with."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

from bonafide.registry import store
from bonafide.registry.names import MODEL_FILE, RECORD_FILE
from bonafide.storage import uris

_LOG = logging.getLogger("bonafide")

# Where TFX keeps the SavedModel in a `Model` artifact (`tfx.utils.path_constants`).
SERVING_MODEL_DIR = "Format-Serving"
CHAMPION_FILE = "champion.json"
NO_CHAMPION_FILE = "no_champion.json"
NO_CHAMPION_STATE = "none"


class ChampionChangedError(Exception):
    """The champion has changed since the start of the run."""


def find_champion(destination: str, training_fingerprint: str) -> str | None:
    """Returns the newest complete version with another training fingerprint than this run.

    Versions with the same fingerprint are skipped, so that a repeated run is compared with the
    previous model and not with its own result, and so that the champion, which is part of TFX's
    cache key, does not change after the run's own push.

    Args:
        destination: Serving folder, `serving/<name>`; need not exist.
        training_fingerprint: Fingerprint of this run's data, code and settings.

    Returns:
        Name of the version, or None without a champion.
    """
    for version in reversed(store.complete_versions(destination)):
        if _fingerprint(store.version_path(destination, version)) != training_fingerprint:
            return version
    return None


def champion_state(destination: str, training_fingerprint: str) -> str:
    """Returns the version and content hash of the champion, for the cache key.

    Returns:
        The version and a hash of its graph and of its record, which contains settings, data and
        training curve; `none` without a champion.
    """
    version = find_champion(destination, training_fingerprint)
    if version is None:
        return NO_CHAMPION_STATE
    path = store.version_path(destination, version)
    digest = hashlib.sha256()
    for file in (f"{path}/{MODEL_FILE}", f"{path}/{RECORD_FILE}"):
        if uris.exists(file):
            digest.update(uris.read_bytes(file))
    return f"{version} {digest.hexdigest()}"


def confirm_champion(destination: str, training_fingerprint: str, known_state: str) -> str | None:
    """Returns the champion, if it still is the one in the cache key of this run.

    Args:
        destination: Serving folder.
        training_fingerprint: Fingerprint of this run.
        known_state: Result of `champion_state` at the start of the run; '' if unknown.

    Returns:
        As `find_champion`.

    Raises:
        ChampionChangedError: The champion has changed.
    """
    state = champion_state(destination, training_fingerprint)
    if known_state and state != known_state:
        was, now = (text.partition(" ")[0] for text in (known_state, state))
        how = f"was {was} and is {now}" if was != now else f"is still {now}, with other content"
        raise ChampionChangedError(
            f"{destination} has changed since this run began: the champion {how}. Run again: "
            "finished components are cached."
        )
    return None if state == NO_CHAMPION_STATE else state.partition(" ")[0]


def champion_model_path(uri: str) -> str | None:
    """Returns the SavedModel folder in a Champion output; None without a champion."""
    path = f"{uri}/{SERVING_MODEL_DIR}"
    return path if uris.exists(f"{path}/{MODEL_FILE}") else None


def describe_champion(uri: str) -> str:
    """Returns a description of the champion in a Champion output, for messages."""
    record = champion_record(uri)
    if not record:
        return f"the champion in {uri}"
    return f"the champion, version {record['version']} (pushed to {record['source']})"


def champion_record(uri: str) -> dict[str, str]:
    """Returns the record of a Champion output: `version`, `source`; empty without one."""
    file = f"{uri}/{CHAMPION_FILE}"
    if not uris.exists(file):
        return {}
    record: dict[str, str] = json.loads(uris.read_text(file))
    return record


def save_champion(*, destination: str, version: str | None, uri: str) -> None:
    """Copies a champion into a `Model` artifact, or writes the reason why there is none.

    It is a copy, because operators may prune the serving folder, while the reference of a
    comparison must remain readable as long as the comparison.

    Args:
        destination: Serving folder.
        version: Result of `find_champion`.
        uri: Folder of the artifact.
    """
    if version is None:
        known = store.complete_versions(destination)
        reason = (
            f"every version in {destination} was trained exactly as this run: {', '.join(known)}"
            if known
            else f"{destination} contains no complete version"
        )
        _write_json(f"{uri}/{NO_CHAMPION_FILE}", {"reason": reason})
        _LOG.info("no champion: %s", reason)
        return
    source = store.version_path(destination, version)
    target = f"{uri}/{SERVING_MODEL_DIR}"
    uris.remove_folder(target)  # from a killed attempt
    store.copy_model(source, target)
    record = {"version": version, "source": source, "training_fingerprint": _fingerprint(source)}
    _write_json(f"{uri}/{CHAMPION_FILE}", record)
    _LOG.info("champion: %s", source)


def sample_rate(model_path: str) -> int | None:
    """Returns the sampling rate of a model in Hz; None if it is not recorded."""
    rate: int | None = recorded(model_path, "settings", "features", "sample_rate")
    return rate


def _fingerprint(model_path: str) -> str | None:
    """Returns the training fingerprint recorded in a model; None if it is not readable.

    A model without one (from another program) can still be the champion.
    """
    fingerprint: str | None = recorded(model_path, "training_fingerprint")
    return fingerprint


def recorded(model_path: str, *keys: str) -> Any:
    """Returns a value of a model's `bonafide.json`; None if it is missing or not readable."""
    file = f"{model_path}/{RECORD_FILE}"
    if not uris.exists(file):
        return None
    try:
        value = json.loads(uris.read_text(file))
        for key in keys:
            value = value[key]
    except (ValueError, KeyError, TypeError) as error:
        _LOG.warning("%s has no readable %s (%s); taken as unknown", file, ".".join(keys), error)
        return None
    return value


def _write_json(path: str, content: dict[str, str | None]) -> None:
    uris.write_text(path, json.dumps(content, indent=2) + "\n")
