"""Profiles of the model in service: its training corpus and its scores."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging

from apache_beam.io.filesystems import FileSystems

from bonafide.metrics import distribution
from bonafide.metrics.distribution import Distribution
from bonafide.registry import names, store
from bonafide.registry.names import PROFILE_FILE, SCORE_PROFILE_FILE
from bonafide.storage import uris
from components.data_gate import profile
from components.data_gate.profile import Profile

_LOG = logging.getLogger("bonafide")


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """The newest pushed model.

    Attributes:
        version: Its number.
        profile: Of its training corpus; None if it has none.
        scores: Of bona fide speech on eval; None if it has none.
    """

    version: str
    profile: Profile | None
    scores: Distribution | None


def find_served(serving: str) -> ServedModel | None:
    """Returns the newest complete version; None if there is none.

    Args:
        serving: Folder with versions; it need not exist. Empty: no model is served.
    """
    versions = store.complete_versions(serving) if serving else []
    if not versions:
        return None
    folder = f"{store.version_path(serving, versions[-1])}/{names.EXTRA_DIR}"
    corpus = scores = None
    try:
        if text := _text(f"{folder}/{PROFILE_FILE}"):
            corpus = profile.from_json(text)
        if text := _text(f"{folder}/{SCORE_PROFILE_FILE}"):
            found = json.loads(text)
            scores = distribution.from_json(found["bonafide"]) if "bonafide" in found else None
    except (ValueError, KeyError, TypeError) as error:
        _LOG.warning("%s: a profile cannot be read (%s); drift is not checked", folder, error)
    return ServedModel(versions[-1], corpus, scores)


def drift_state(serving: str, corpus_fingerprint: str, serving_log: str) -> str:
    """Returns the part of the cache key that describes the reference of drift.

    A model that was trained on this corpus has no drift from it, so a run that is repeated after
    its own push is cached.

    Args:
        serving: Folder with versions.
        corpus_fingerprint: Of this run's corpus.
        serving_log: Pattern of the log's files; empty without one.
    """
    served = find_served(serving)
    version = "none"
    if served and (
        serving_log or (served.profile and served.profile.fingerprint != corpus_fingerprint)
    ):
        version = served.version
    if not serving_log:
        return version
    [match] = FileSystems.match([serving_log])
    files = sorted(
        (found.path, found.size_in_bytes, found.last_updated_in_seconds or 0)
        for found in match.metadata_list
    )
    return f"{version} {hashlib.sha256(json.dumps(files).encode()).hexdigest()}"


def _text(path: str) -> str:
    return uris.read_text(path) if uris.exists(path) else ""
