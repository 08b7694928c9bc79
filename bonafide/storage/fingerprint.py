"""A fingerprint of source code, so that an edit invalidates TFX's cache.

TFX's cache key consists of the inputs and execution properties of a component; the code of an
importable executor or `run_fn` is in neither. A component with `code_fingerprint(...)` as an
execution property runs again after a change of its code. Standard library only.
"""

import hashlib
import pathlib
from collections.abc import Iterable


def code_fingerprint(
    paths: Iterable[str | pathlib.Path], *, root: pathlib.Path | None = None
) -> str:
    """Hashes sources by relative path and content.

    Args:
        paths: Folders (with all `.py` files below them) and single files. Neither their order nor
            the location of the checkout matters, because a file is identified by its path below
            the folder, and the folder by its name.
        root: Single files are identified by their path below this folder.

    Returns:
        A hexadecimal SHA-256.

    Raises:
        ValueError: A path does not exist or contains no `.py` file.
    """
    sources: set[tuple[str, pathlib.Path]] = set()
    for path in map(pathlib.Path, paths):
        path = path.resolve()
        # Editors create hidden files and dangling links.
        below = (file for file in path.rglob("*.py") if not file.name.startswith("."))
        found = [path] if path.is_file() else sorted(below)
        if not found:
            raise ValueError(f"code_fingerprint: expected Python source, got none at {path}")
        base = path.parent if root is None else root.resolve()
        sources.update((file.relative_to(base).as_posix(), file) for file in found)

    digest = hashlib.sha256()
    for name, file in sorted(sources):
        content = file.read_bytes()
        # With lengths, different sets of files cannot yield the same bytes.
        digest.update(f"{len(name)} {len(content)} {name}\n".encode())
        digest.update(content)
    return digest.hexdigest()
