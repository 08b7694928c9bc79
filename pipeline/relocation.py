"""An output folder that was moved or copied: its metadata follow it.

ML Metadata keeps absolute URIs, and TFX's cache keys contain absolute paths: after a move, nothing
would be found in the cache, and a copy would read the artifacts of the original. Before a run the
URIs are rewritten, in one transaction. Cache keys are hashes and cannot be rewritten, so they keep
the spelling of the folder's first location, which `.location.json` in the folder records.
"""

from __future__ import annotations

import contextlib
import copy
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.orchestration.portable import cache_utils

from bonafide.storage import files
from pipeline.config import COMPONENTS

LOCATION_FILE = ".location.json"
_ARTIFACTS = "artifacts"
# artifacts/COMPONENT/OUTPUT/EXECUTION, as TFX lays out a pipeline root.
_PLACE = re.compile(rf"(/.*)/({_ARTIFACTS}/(?:{'|'.join(COMPONENTS)})/[^/]+/\d+)(/.*)?")
_TEXTS = ("ArtifactProperty", "ExecutionProperty", "ContextProperty")


def follow(output: Path, database: Path) -> list[str]:
    """Makes the metadata refer to the folder that contains them.

    The caller holds the lock of the output folder. A kill at any time leaves the metadata as they
    were, or rewritten.

    Args:
        output: Output folder, absolute, whose artifacts are in `artifacts/`.
        database: SQLite file of ML Metadata; need not exist.

    Returns:
        The earlier locations whose references were rewritten; usually none.

    Raises:
        sqlite3.Error: The database cannot be read or written.
    """
    moved: list[str] = []
    newest = str(output)
    if database.exists():
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            roots = _roots(connection)
            newest = roots[-1] if roots else newest
            moved = [root for root in roots if root != str(output)]
            moved = [root for root in moved if _is_here(connection, root, output)]
            if moved:
                _rewrite(connection, _replacer(moved, str(output)))
    if not (output / LOCATION_FILE).exists():
        with files.replacing(output / LOCATION_FILE) as path:
            path.write_text(json.dumps({"first": newest}) + "\n", encoding="utf-8")
    return moved


def first_location(output: Path) -> str:
    """Returns the folder's first location; its present one if that is not recorded."""
    try:
        first = json.loads((output / LOCATION_FILE).read_text(encoding="utf-8"))["first"]
    except (OSError, ValueError, KeyError, TypeError):
        return str(output)
    return first if isinstance(first, str) else str(output)


@contextlib.contextmanager
def cache_keys_of_first_location(output: Path) -> Iterator[None]:
    """Lets TFX compute cache keys as if the folder were at its first location.

    In a folder that was never moved, TFX is left as it is.
    """
    first = first_location(output)
    if first == str(output):
        yield
        return
    replace = _replacer([str(output)], first)
    original = cache_utils.get_cache_context

    def relocated(
        *arguments: Any,
        input_artifacts: Mapping[str, Sequence[Any]] | None = None,
        parameters: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> Any:
        return original(
            *arguments,
            input_artifacts={
                name: [_relocated(artifact, replace) for artifact in artifacts]
                for name, artifacts in (input_artifacts or {}).items()
            },
            parameters={
                name: replace(value) if isinstance(value, str) else value
                for name, value in (parameters or {}).items()
            },
            **others,
        )

    cache_utils.get_cache_context = relocated
    try:
        yield
    finally:
        cache_utils.get_cache_context = original


def _relocated(artifact: Any, replace: Callable[[str], str]) -> Any:
    found = copy.deepcopy(artifact)
    record = found.mlmd_artifact
    record.uri = replace(record.uri)
    for properties in (record.properties, record.custom_properties):
        for value in properties.values():
            if value.HasField("string_value"):
                value.string_value = replace(value.string_value)
    return found


def _replacer(sources: Sequence[str], target: str) -> Callable[[str], str]:
    """Returns a function that replaces folders at the start of paths within a text.

    In JSON, letters beyond ASCII have escapes, as `json.dumps` and protobuf write them.
    """
    known = {*sources, target}
    # The longest first: a folder may have been moved into itself. The target stays as it is.
    spellings = sorted({*known, *map(_escaped, known)}, key=len, reverse=True)
    names = "|".join(map(re.escape, spellings))
    pattern = re.compile(rf"(?<![\w./~-])(?:{names})(?=[/\"'\s]|$)")

    def replace(text: str) -> str:
        new = _escaped(target) if text.lstrip()[:1] in ("{", "[", '"') else target
        return pattern.sub(lambda _: new, text)

    return replace


def _escaped(path: str) -> str:
    return json.dumps(path)[1:-1]


def _roots(connection: sqlite3.Connection) -> list[str]:
    """Returns the output folders that artifacts refer to, that of the newest artifact last."""
    if not _has(connection, "Artifact"):
        return []
    uris = connection.execute("SELECT uri FROM Artifact ORDER BY id").fetchall()
    found: dict[str, None] = {}
    for (uri,) in uris:
        if match := _PLACE.fullmatch(uri or ""):
            found.pop(match[1], None)
            found[match[1]] = None
    return list(found)


def _is_here(connection: sqlite3.Connection, root: str, output: Path) -> bool:
    """Returns whether an artifact of an earlier location exists in this folder."""
    uris = connection.execute("SELECT uri FROM Artifact").fetchall()
    places = (_PLACE.fullmatch(uri or "") for (uri,) in uris)
    return any((output / place[2]).exists() for place in places if place and place[1] == root)


def _rewrite(connection: sqlite3.Connection, replace: Callable[[str], str]) -> None:
    connection.create_function("relocated", 1, lambda text: text and replace(text))
    connection.execute("UPDATE Artifact SET uri = relocated(uri)")
    for table in _TEXTS:
        if _has(connection, table):
            connection.execute(
                f"UPDATE {table} SET string_value = relocated(string_value) "
                "WHERE string_value IS NOT NULL"
            )


def _has(connection: sqlite3.Connection, table: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (table,)).fetchone() is not None
