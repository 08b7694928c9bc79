"""The extra `score` is what scoring needs, and no more."""

import ast
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest
import without_frameworks

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Parts that need more than the extra: commands of their own, and what comes with the pipeline.
NEEDS_MORE = (
    *("scoring/bulk", "scoring/service", "client.py", "report", "storage", "dataset", "logs.py"),
    *("engines", "synthesis/corpus.py"),
    "settings/yaml_file.py",  # --config of the runners
)
GRPC_ONLY = {"grpc", "tensorflow_serving"}


def names(requirements):
    return {re.match(r"[\w.-]+", text)[0] for text in requirements}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_pipeline_has_the_library_with_what_scoring_needs():
    extras = project()["optional-dependencies"]
    assert "bonafide[client,report,service,stores]" in extras["pipeline"]
    assert "bonafide[score]" in extras["service"]


def test_the_code_imports_what_the_extra_names_and_all_of_it():
    found = set()
    left_out = tuple(str(ROOT / "bonafide" / place) for place in NEEDS_MORE)
    for file in (ROOT / "bonafide").rglob("*.py"):
        if str(file).startswith(left_out):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module.partition(".")[0])
    third = found - set(sys.stdlib_module_names) - {"bonafide"} - GRPC_ONLY
    wanted = project()["dependencies"] + project()["optional-dependencies"]["score"]
    modules = {name.removesuffix("-python").replace("-", "_") for name in names(wanted)}
    assert third == modules - {"scikit_learn"} | {"sklearn"}


def test_it_is_a_fraction_of_the_whole():
    light = without_frameworks.locked_closure()
    assert {"tensorflow", "keras", "soxr", "cffi"} <= light
    assert not {"tfx", "apache-beam", "pandas", "altair", "jinja2", "kfp"} & light
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    assert len(light) < len(lock["package"]) / 5


@pytest.mark.parametrize("module", ["pandas", "tfx", "keras", "altair", "yaml"])
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
