"""Runs a script where nothing is installed but the library with its extra `score`.

    python tests/harness/without_frameworks.py SCRIPT [ARGUMENT...]

Every other package of this environment fails to import, and so do Keras and h5py, which TensorFlow
depends on and looks up: scoring must do without them.
"""

import importlib.abc
import importlib.machinery
import importlib.metadata
import pathlib
import runpy
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXTRA = "score"
NOT_NEEDED = {"keras", "h5py"}


def locked_closure(extra=EXTRA):
    """Names of the packages that uv.lock installs for the library with an extra."""
    packages = {}
    for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]:
        packages.setdefault(package["name"], []).extend(package.get("dependencies", []))
        if package["name"] == "bonafide":
            needed = package["dependencies"] + package["optional-dependencies"][extra]
            waiting = [entry["name"] for entry in needed]
    found = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [entry["name"] for entry in packages[name]]
    return found


def modules_of(names):
    """Top-level modules that installed packages bring; those that are not installed bring none."""
    found = set()
    for name in names:
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            top = file.parts[0]
            found.add(top.partition(".")[0] if len(file.parts) == 1 else top)
    return found


class Missing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what is installed but not allowed, and fails to load it."""

    def __init__(self, allowed):
        self.allowed = allowed

    def find_spec(self, fullname, path=None, target=None):
        top = fullname.partition(".")[0]
        if top in self.allowed or not self.is_installed(top):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def is_installed(self, top):
        if top in sys.stdlib_module_names:
            return False
        spec = importlib.machinery.PathFinder.find_spec(top)
        places = [spec.origin or "", *(spec.submodule_search_locations or [])] if spec else []
        return any("site-packages" in pathlib.Path(place).parts for place in places)

    def create_module(self, spec):
        raise ModuleNotFoundError(f"No module named {spec.name!r}", name=spec.name)

    def exec_module(self, module):
        raise AssertionError


if __name__ == "__main__":
    sys.meta_path.insert(0, Missing(modules_of(locked_closure()) - NOT_NEEDED))
    sys.argv = sys.argv[1:]
    sys.path[0] = str(pathlib.Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
