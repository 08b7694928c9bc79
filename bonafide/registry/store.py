"""The serving folder, `<destination>/<version>/`, in the layout of TensorFlow Serving and KServe.

A version is a whole number (seconds since 1970 at the push); the highest is served. A version is
complete if it has a `saved_model.pb`. Supports local disks and the stores of
`bonafide.storage.uris`.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path

from bonafide.registry.names import CLAIM_FILE, MODEL_FILE
from bonafide.storage import uris

# Not numbers, so that model servers ignore them.
_INCOMING = ".incoming-"
_OUTGOING = ".outgoing-"
_MOST = 2**63 - 1  # of int64; the version after it must be one as well
_LEFTOVER_SECONDS = 24 * 3600


def version_path(destination: str, version: str | int) -> str:
    """Returns the folder of one version."""
    return f"{destination.rstrip('/')}/{version}"


def complete_versions(destination: str) -> list[str]:
    """Returns the names of the versions that can be served, oldest first."""
    return [
        name
        for name in _numeric_folders(destination)
        if uris.exists(f"{version_path(destination, name)}/{MODEL_FILE}")
    ]


def next_version(destination: str, *, now_seconds: float | None = None) -> int:
    """Returns a version above every existing folder, complete or not: versions always increase.

    The clock alone is not sufficient: two pushes may be within one second, and after a clock is set
    back, a new model would never be served.

    Args:
        destination: The serving folder; need not exist.
        now_seconds: Seconds since 1970; the system clock by default.
    """
    now = int(time.time() if now_seconds is None else now_seconds)
    taken = [int(name) for name in _numeric_folders(destination)]
    return max([now, *(version + 1 for version in taken)])


def copy_model(source: str, target: str, *, extra_files: Mapping[str, str] | None = None) -> None:
    """Copies a SavedModel folder so that `target` appears complete or not at all.

    On a local disk the copy has a hidden name and is renamed at the end, so that a kill leaves no
    incomplete version. Object stores cannot rename a folder: there, a claim file is written first,
    which only one process can create, and `saved_model.pb` last, which marks a complete model.

    Args:
        source: SavedModel folder.
        target: Folder to create.
        extra_files: Path inside the model -> file to copy there as well.

    Raises:
        FileExistsError: `target` exists (it is never overwritten), or another process
            created it meanwhile.
        FileNotFoundError: `source` contains no SavedModel.
    """
    if not uris.exists(f"{source}/{MODEL_FILE}"):
        raise FileNotFoundError(f"{source} contains no SavedModel (no {MODEL_FILE}).")
    if uris.exists(target):
        raise FileExistsError(f"{target} exists already.")
    if uris.is_uri(target):
        # Concurrent pushes may have chosen the same number; the first to write this file wins.
        uris.write_new(uris.join(target, CLAIM_FILE), uuid.uuid4().hex.encode())
        _copy_parts(source, target, extra_files or {})
        return
    final = Path(target)
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(final.parent)
    incoming = final.parent / f"{_INCOMING}{final.name}-{os.getpid()}"
    try:
        _copy_parts(source, str(incoming), extra_files or {})
        incoming.rename(final)
    except OSError as error:
        if final.exists():
            raise FileExistsError(f"{target} was created by another process.") from error
        raise
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def remove_version(destination: str, version: str) -> None:
    """Removes a version atomically.

    On a local disk it is renamed first, so that a kill leaves no incomplete folder with a number.
    On object stores `saved_model.pb` is removed first, without which a version is incomplete.

    Raises:
        ValueError: It is the newest version, which is served.
        FileNotFoundError: It does not exist.
    """
    versions = complete_versions(destination)
    if version not in versions:
        raise FileNotFoundError(f"{destination} has no version {version}.")
    if version == versions[-1]:
        raise ValueError(f"{version} is the newest version, the one that is served.")
    path = version_path(destination, version)
    if uris.is_uri(path):
        uris.remove_file(f"{path}/{MODEL_FILE}")
        uris.remove_folder(path)
        return
    final = Path(path)
    outgoing = final.with_name(f"{_OUTGOING}{version}-{os.getpid()}")
    final.rename(outgoing)
    shutil.rmtree(outgoing)


def is_copy(
    target: str,
    source: str,
    *,
    extra_files: Mapping[str, str] | None = None,
    not_compared: Collection[str] = (),
) -> bool:
    """Returns whether `target` equals the result of `copy_model`, byte for byte.

    Args:
        target: SavedModel folder.
        source: SavedModel folder.
        extra_files: As `copy_model`.
        not_compared: Paths inside `target` that are ignored.
    """
    wanted = _files_below(source) | dict(extra_files or {})
    left_out = {*not_compared, CLAIM_FILE}
    wanted.pop(CLAIM_FILE, None)
    there = {name: path for name, path in _files_below(target).items() if name not in left_out}
    return wanted.keys() == there.keys() and all(
        _content(wanted[name]) == _content(there[name]) for name in wanted
    )


def _files_below(folder: str) -> dict[str, str]:
    """Returns the relative path -> path of every file below a folder."""
    return {name: uris.join(folder, name) for name in uris.files_below(folder)}


def _content(path: str) -> bytes:
    return uris.read_bytes(path)


def _copy_parts(source: str, target: str, extra_files: Mapping[str, str]) -> None:
    for name, file in {**_files_below(source), **extra_files}.items():
        if name not in (MODEL_FILE, CLAIM_FILE):
            uris.copy_file(file, uris.join(target, name))
    uris.copy_file(uris.join(source, MODEL_FILE), uris.join(target, MODEL_FILE))


def _remove_leftovers(folder: Path) -> None:
    """Removes leftovers of killed copies, except recent ones, which may be of a running process."""
    oldest = time.time() - _LEFTOVER_SECONDS
    for leftover in [*folder.glob(f"{_INCOMING}*"), *folder.glob(f"{_OUTGOING}*")]:
        if leftover.stat().st_mtime < oldest:
            shutil.rmtree(leftover, ignore_errors=True)


def _numeric_folders(destination: str) -> list[str]:
    """Returns the folder names that are version numbers, in ascending order.

    Model servers keep a version as int64: a greater number is not a version.
    """
    names = (name for name in uris.names_in(destination) if name.isascii() and name.isdecimal())
    return sorted((name for name in names if _is_version(name)), key=int)


def _is_version(digits: str) -> bool:
    # Few digits first: Python refuses to convert thousands of them.
    return len(digits.lstrip("0")) <= len(str(_MOST)) and int(digits) < _MOST
