"""Runs a script where TensorFlow, numpy, soundfile, soxr and rich are all that is installed.

    python tests/harness/without_frameworks.py SCRIPT [ARGUMENT...]

Keras and h5py are found, for TensorFlow looks them up, but cannot be imported.
"""

import importlib.abc
import importlib.machinery
import pathlib
import runpy
import sys

MISSING = {
    *("tfx", "apache_beam", "tensorflow_transform", "tensorflow_model_analysis", "struct2tensor"),
    *("tensorflow_data_validation", "tensorflow_metadata", "ml_metadata", "tfx_bsl", "kfp"),
    *("keras", "tf_keras", "h5py", "scipy", "sklearn", "pandas", "altair", "jinja2"),
}


class Missing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what is missing and fails to load it."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in MISSING:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        raise ModuleNotFoundError(f"No module named {spec.name!r}", name=spec.name)

    def exec_module(self, module):
        raise AssertionError


if __name__ == "__main__":
    sys.meta_path.insert(0, Missing())
    sys.argv = sys.argv[1:]
    sys.path[0] = str(pathlib.Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
