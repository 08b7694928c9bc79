"""Source files that a module depends on, found by parsing and without importing."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

# Data files of packages.
DATA_SUFFIXES = frozenset({".css", ".html", ".j2", ".js"})


def sources_of(root: Path, modules: Iterable[str]) -> list[Path]:
    """Returns the files that modules depend on.

    These are the modules themselves, every module below `root` that they import, directly or
    indirectly, at the top or in a function, their parent packages, and the data files of
    these packages. Imports for type checkers are ignored.

    Args:
        root: Root folder of the project's modules.
        modules: Dotted names.

    Returns:
        Paths, sorted.

    Raises:
        ValueError: There is no such module.
    """
    found: set[Path] = set()
    pending = []
    for name in modules:
        if _file_of(root, name) is None:
            raise ValueError(f"expected a module below {root}, got {name!r}. Check its spelling.")
        pending.append(name)
    while pending:
        name = pending.pop()
        file = _file_of(root, name)
        if file is None or file in found:
            continue
        found.add(file)
        if file.name == "__init__.py":
            found.update(_data_files(file.parent))
        if "." in name:
            pending.append(name.rpartition(".")[0])
        pending.extend(_imports(file))
    return sorted(found)


def _file_of(root: Path, name: str) -> Path | None:
    """Returns the file of a module of the project; None for any other name."""
    path = root.joinpath(*name.split("."))
    package = path / "__init__.py"
    if package.is_file():
        return package
    module = path.with_name(f"{path.name}.py")
    return module if module.is_file() else None


def _data_files(package: Path) -> Iterator[Path]:
    """Yields the data files of a package, also from subfolders that are not packages."""
    for path in package.iterdir():
        if path.is_dir() and not (path / "__init__.py").exists():
            yield from _data_files(path)
        elif path.suffix in DATA_SUFFIXES:
            yield path


def _imports(file: Path) -> tuple[str, ...]:
    stat = file.stat()
    return _imports_of(file, stat.st_mtime_ns, stat.st_size)


@functools.cache
def _imports_of(file: Path, modified_ns: int, size: int) -> tuple[str, ...]:
    """Returns the dotted names that a file may import, including attributes of modules."""
    del modified_ns, size  # part of the cache key
    names: list[str] = []
    pending: list[ast.AST] = [ast.parse(file.read_bytes(), filename=str(file))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.If) and _is_for_type_checkers(node.test):
            pending += node.orelse
        else:
            pending += ast.iter_child_nodes(node)
    return tuple(names)


def _is_for_type_checkers(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"
