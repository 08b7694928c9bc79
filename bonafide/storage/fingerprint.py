"""A fingerprint of source code, so that an edit invalidates TFX's cache.

TFX decides whether to run a component again by its inputs and execution properties; the code of
an importable executor or `run_fn` is in neither. A component that carries `code_fingerprint(...)`
as an execution property runs again when its code changes. Standard library only.
"""

import hashlib
import pathlib
from collections.abc import Iterable


def code_fingerprint(
    paths: Iterable[str | pathlib.Path], *, root: pathlib.Path | None = None
) -> str:
    """Hashes sources by relative path and content.

    Args:
        paths: Folders (every `.py` file below them counts) and single files. Their order does not
            matter; the location of the checkout does not matter either, since a file is known by
            its path below the folder named, which itself is known by its name only.
        root: Where single files are known by their path below this folder.

    Returns:
        A sha256 in hexadecimal digits.

    Raises:
        ValueError: A path does not exist, or holds no `.py` file: most likely misspelt.
    """
    sources: set[tuple[str, pathlib.Path]] = set()
    for path in map(pathlib.Path, paths):
        path = path.resolve()
        # Editors keep hidden files, and links that lead nowhere, beside what they edit.
        below = (file for file in path.rglob("*.py") if not file.name.startswith("."))
        found = [path] if path.is_file() else sorted(below)
        if not found:
            raise ValueError(f"code_fingerprint: no Python source at {path}")
        base = path.parent if root is None else root.resolve()
        sources.update((file.relative_to(base).as_posix(), file) for file in found)

    digest = hashlib.sha256()
    for name, file in sorted(sources):
        content = file.read_bytes()
        # Lengths first, so that no two different sets of files hash the same bytes.
        digest.update(f"{len(name)} {len(content)} {name}\n".encode())
        digest.update(content)
    return digest.hexdigest()
