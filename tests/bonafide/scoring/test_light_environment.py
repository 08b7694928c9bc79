"""The dependency group `score` is what scoring needs, and no more."""

import ast
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest
import without_frameworks

ROOT = pathlib.Path(__file__).resolve().parents[3]
# What score.py, and `bonafide client` without --grpc, are made of.
ROOMS = (
    *("score.py", "scoring", "serving", "bonafide/storage/files.py", "bonafide/text.py"),
    *("bonafide/audio/decoding.py", "models/features/config.py"),
)
NEEDS_BEAM = ROOT / "bonafide/scoring/bulk"  # a command of its own
GRPC_ONLY = {"grpc", "tensorflow_serving"}


def names(requirements):
    return {re.match(r"[\w.-]+", text)[0] for text in requirements}


def test_the_group_holds_what_the_pipeline_has_at_the_same_versions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    group = set(project["dependency-groups"]["score"])
    # Others bring aiohttp; the lock holds it at one version for all.
    assert names(group - set(project["project"]["dependencies"])) == {"aiohttp"}


def test_the_code_imports_what_the_group_names_and_all_of_it():
    found = set()
    for room in ROOMS:
        path = ROOT / room
        for file in [path] if path.is_file() else path.rglob("*.py"):
            if file.is_relative_to(NEEDS_BEAM):
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found.add(node.module.partition(".")[0])
    ours = {path.stem for path in ROOT.iterdir()}
    third = found - set(sys.stdlib_module_names) - ours - GRPC_ONLY
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["score"]
    assert third == {name.removesuffix("-python").replace("-", "_") for name in names(group)}


def test_it_is_a_fraction_of_the_whole():
    light = without_frameworks.locked_closure()
    assert {"tensorflow", "keras", "soxr", "cffi"} <= light
    assert not {"tfx", "apache-beam", "scipy", "pandas", "altair", "jinja2"} & light
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    assert len(light) < len(lock["package"]) / 5


@pytest.mark.parametrize("module", ["scipy", "tfx", "keras", "altair", "yaml"])
def test_the_harness_keeps_the_others_away(tmp_path, module):
    script = tmp_path / "script.py"
    script.write_text(
        f"import numpy, rich\ntry:\n    import {module}\nexcept ImportError:\n    print('none')\n"
    )
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/harness/without_frameworks.py"), str(script)],
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("none\n", "")
