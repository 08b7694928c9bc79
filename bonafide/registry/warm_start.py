"""Initial weights of a training, and their digest for TFX's cache key."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable

from bonafide.registry import store
from bonafide.registry.champion import recorded
from bonafide.registry.names import EXTRA_DIR, WEIGHTS_FILE
from bonafide.storage import uris

CHAMPION = "champion"  # value of the setting `trainer.pretrained`


@dataclasses.dataclass(frozen=True)
class WarmStart:
    """Source of the initial weights.

    Attributes:
        pretrained: The trainer's `trainer.pretrained`: the setting, or the folder of the champion.
            It is `champion` if there is none.
        digest: Hash of the weights; empty without weights.
    """

    pretrained: str = ""
    digest: str = ""


def find_warm_start(
    pretrained: str, destination: str, training_fingerprint: Callable[[str], str]
) -> WarmStart:
    """Resolves the setting `trainer.pretrained`.

    The champion is the newest pushed model that the same run did not push: a repeated run starts
    from the same weights as before and is cached. With other settings, data or code, its own last
    model is the champion.

    Args:
        pretrained: The setting.
        destination: Serving folder, `serving/<name>`; need not exist.
        training_fingerprint: Returns this run's fingerprint for a digest of weights.

    Raises:
        FileNotFoundError: The weights do not exist.
    """
    if not pretrained:
        return WarmStart()
    if pretrained != CHAMPION:
        return WarmStart(pretrained, weights_digest(pretrained))
    versions = store.complete_versions(destination)
    if not versions:
        return WarmStart(CHAMPION)
    newest = store.version_path(destination, versions[-1])
    # The initial weights of the newest version. They may be deleted or from elsewhere; then that
    # version has another fingerprint than this run would have.
    origin = str(recorded(newest, "settings", "trainer", "pretrained") or "")
    before = origin.rstrip("/").rpartition("/")[2]
    start = WarmStart(CHAMPION)
    if before in versions:
        path = store.version_path(destination, before)
        start = WarmStart(path, weights_digest(path))
    if training_fingerprint(start.digest) == recorded(newest, "training_fingerprint"):
        return start
    return WarmStart(newest, weights_digest(newest))


def weights_path(uri: str) -> str:
    """Returns the weights file of a version's folder, or the file itself.

    Raises:
        FileNotFoundError: It does not exist.
    """
    if not uris.exists(uri):
        raise FileNotFoundError(
            f"trainer.pretrained={uri} does not exist. Name the folder of a pushed version, a "
            f"{WEIGHTS_FILE}, the weights file of an ASR encoder, or {CHAMPION}"
        )
    if not uris.is_folder(uri):
        return uri
    path = uris.join(uri, EXTRA_DIR, WEIGHTS_FILE)
    if not uris.exists(path):
        raise FileNotFoundError(
            f"trainer.pretrained={uri} is a folder without {EXTRA_DIR}/{WEIGHTS_FILE}; name the "
            "folder of one version, as in serving/<name>/<version>, or a weights file"
        )
    return path


def weights_digest(uri: str) -> str:
    """Returns the hexadecimal SHA-256 of the weights file, for cache keys.

    Raises:
        FileNotFoundError: It does not exist.
    """
    return hashlib.sha256(uris.read_bytes(weights_path(uri))).hexdigest()
