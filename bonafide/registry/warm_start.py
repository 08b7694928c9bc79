"""Which weights a training starts from, and what TFX's cache must notice of them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable

from bonafide.registry import store
from bonafide.registry.champion import recorded
from bonafide.registry.names import EXTRA_DIR, WEIGHTS_FILE
from bonafide.storage import uris

CHAMPION = "champion"  # as the setting `trainer.pretrained`


@dataclasses.dataclass(frozen=True)
class WarmStart:
    """Where the first weights come from.

    Attributes:
        pretrained: What the trainer gets as `trainer.pretrained`: as it was set, but for a champion
            its folder. `champion` is left if there is none.
        digest: Hash of the weights; empty if there are none.
    """

    pretrained: str = ""
    digest: str = ""


def find_warm_start(
    pretrained: str, destination: str, training_fingerprint: Callable[[str], str]
) -> WarmStart:
    """Resolves the setting `trainer.pretrained`.

    The champion is the newest pushed model that this same run did not push: a run that is repeated
    starts from what it started from before, and is taken from the cache. With other settings, data
    or code, its own last model is the champion.

    Args:
        pretrained: The setting.
        destination: Serving folder, `serving/<name>`; need not exist.
        training_fingerprint: Gives this run's fingerprint for a digest of weights.

    Raises:
        FileNotFoundError: The weights are not there.
    """
    if not pretrained:
        return WarmStart()
    if pretrained != CHAMPION:
        return WarmStart(pretrained, weights_digest(pretrained))
    versions = store.complete_versions(destination)
    if not versions:
        return WarmStart(CHAMPION)
    newest = store.version_path(destination, versions[-1])
    # What the newest one started from. That may be gone, or have come from elsewhere; then it has
    # another fingerprint than this run would have.
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
    """The weights file of a version's folder, or the file itself.

    Raises:
        FileNotFoundError: It is not there.
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
    """A sha256 of the weights file, in hexadecimal digits, for caches to go by.

    Raises:
        FileNotFoundError: It is not there.
    """
    return hashlib.sha256(uris.read_bytes(weights_path(uri))).hexdigest()
