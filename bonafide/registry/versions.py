"""The versions in a serving folder: their evaluations, rollback and pruning.

A server loads the highest number. A rollback is therefore a new version with the older model: no
version ever changes, a number always means the same model, and servers need no command.
"""

from __future__ import annotations

import dataclasses
import datetime
import getpass
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bonafide.registry import names, store
from bonafide.storage import uris


class VersionError(Exception):
    """The operation is not possible; the message states why and the alternatives."""


@dataclasses.dataclass(frozen=True)
class Version:
    """A version and its evaluation.

    Attributes:
        name: Its number.
        pushed: Time of the push in UTC, from its number.
        figures: `evaluation.json`; empty for older versions without one.
        record: `bonafide.json`.
        republished: `republished.json`: the version it is a copy of (`of`), date and reason; empty
            for versions that the pipeline pushed.
        forced: `forced_blessing.json`: reason, user, date and failures of a forced blessing; empty
            without one.
        conditions: `conditions.json`: error rates on degraded recordings; empty in older versions.
        corpus: Name of the corpus; empty if it is not recorded.
    """

    name: str
    pushed: str
    figures: dict[str, Any]
    record: dict[str, Any]
    republished: dict[str, Any]
    forced: dict[str, Any] = dataclasses.field(default_factory=dict)
    conditions: dict[str, Any] = dataclasses.field(default_factory=dict)
    corpus: str = ""

    @property
    def forced_reason(self) -> str:
        """Reason of a forced blessing; empty without one."""
        reason: str = self.forced.get("reason", "")
        return reason


def read_versions(serving: str) -> list[Version]:
    """Returns the versions of a serving folder, oldest first; the last one is the current one.

    Raises:
        VersionError: There is no version, or a record cannot be read.
    """
    found = store.complete_versions(serving)
    if not found:
        raise VersionError(
            f"expected versions, got none in {serving}. Name the folder of a model, "
            "serving/<name>, which contains numbered folders."
        )
    return [_read(serving, name) for name in found]


def make_current(serving: str, name: str, *, reason: str, now_seconds: float | None = None) -> str:
    """Publishes an older version again as the newest.

    Args:
        serving: The serving folder.
        name: The version's number.
        reason: Reason, stored with the new version.
        now_seconds: Seconds since 1970; the system clock by default.

    Returns:
        The new version's number.

    Raises:
        VersionError: The version does not exist, or is the current one.
    """
    versions = read_versions(serving)
    [*older, current] = [version.name for version in versions]
    if name == current:
        raise VersionError(f"version {name} is already the current one")
    if name not in older:
        raise VersionError(f"expected one of {', '.join(older)}, got version {name} ({serving}).")
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    record = {
        "of": name,
        "instead_of": current,
        "reason": reason,
        "date": date,
        "by": acting_user(),
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, names.REPUBLISHED_FILE)
        file.write_text(json.dumps(record, indent=2) + "\n")
        while True:
            new = str(store.next_version(serving, now_seconds=now_seconds))
            try:
                store.copy_model(
                    store.version_path(serving, name),
                    store.version_path(serving, new),
                    extra_files={f"{names.EXTRA_DIR}/{names.REPUBLISHED_FILE}": str(file)},
                )
            except FileExistsError:
                continue  # a push took this number first; the next iteration takes a higher one
            return new


def prune(serving: str, keep: int) -> list[str]:
    """Removes all but the newest versions.

    Args:
        serving: The serving folder.
        keep: Number of versions to keep, at least 1: the current one is always kept.

    Returns:
        The numbers of the removed versions.

    Raises:
        VersionError: `keep` is less than 1.
    """
    if keep < 1:
        raise VersionError(f"expected to keep at least the current version, got {keep}")
    removed = store.complete_versions(serving)[:-keep]
    for name in removed:
        store.remove_version(serving, name)
    return removed


def summary(version: Version, *, current: bool) -> dict[str, Any]:
    """Returns the row of a version: rates are fractions, None is unknown."""
    figures = version.figures
    return {
        "version": version.name,
        "current": current,
        "pushed": version.pushed,
        "eval_eer": figures.get("eer"),
        "eval_eer_ci95": figures.get("eer_ci95"),
        "worst_attack": figures.get("worst_attack"),
        "worst_attack_eer": figures.get("worst_attack_eer"),
        "cllr": figures.get("cllr"),
        "n_bonafide": figures.get("n_bonafide"),
        "n_spoof": figures.get("n_spoof"),
        "dev_eer": version.record.get("dev_eer"),
        "seed": version.record.get("seed"),
        "republished_of": version.republished.get("of"),
        "republished_reason": version.republished.get("reason"),
        "republished_by": version.republished.get("by"),
        "forced_reason": version.forced_reason or None,
        "forced_by": version.forced.get("by"),
        "forced_date": version.forced.get("date"),
        "forced_failures": version.forced.get("failures", []),
        "thresholds": version.record.get("thresholds", {}),
        "corpus": version.corpus or None,
        "conditions": {
            spec: {name: (result.get(name) or {}).get("value") for name in ("eer", "far", "frr")}
            for spec, result in version.conditions.get("results", {}).items()
            if spec != names.AS_RECORDED
        },
    }


def summaries(versions: Sequence[Version]) -> list[dict[str, Any]]:
    """Returns the summaries of all versions of a folder, oldest first."""
    return [summary(version, current=version is versions[-1]) for version in versions]


def _read(serving: str, name: str) -> Version:
    path = store.version_path(serving, name)
    extra = f"{path}/{names.EXTRA_DIR}"
    return Version(
        name=name,
        pushed=_pushed(int(name)),
        figures=_json(f"{extra}/{names.EVALUATION_FILE}"),
        record=_json(f"{path}/{names.RECORD_FILE}"),
        republished=_json(f"{extra}/{names.REPUBLISHED_FILE}"),
        forced=_json(f"{extra}/{names.FORCED_BLESSING_FILE}"),
        conditions=_json(f"{extra}/{names.CONDITIONS_FILE}"),
        corpus=_json(f"{extra}/{names.PROFILE_FILE}").get("corpus", ""),
    )


def acting_user() -> str:
    """Returns the name of the user who runs this process; empty if it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user id without an entry, as in a container
        return ""


def _pushed(seconds: int) -> str:
    try:
        when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (OverflowError, ValueError, OSError):  # a number that is not a time
        return ""
    return when.strftime("%Y-%m-%d %H:%M:%S")


def _json(path: str) -> dict[str, Any]:
    if not uris.exists(path):
        return {}
    try:
        found = json.loads(uris.read_text(path))
    except ValueError as error:
        raise VersionError(f"{path} is not JSON: {error}") from error
    return found if isinstance(found, dict) else {}
