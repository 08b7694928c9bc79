"""The library alone, installed as a person with one recording does it, without the pipeline."""

import csv
import io
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.e2e

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
RECORDING = REPOSITORY / "samples/LA/ASVspoof2019_LA_eval/flac"


def uv():
    """The uv that made the environment."""
    own = REPOSITORY / ".uv/bin/uv"
    found = str(own) if own.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("uv, which installs the library here, is not on the PATH")
    return found


def run(*command, **options):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=1200, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A virtual environment of a distribution's own Python, with `bonafide[score]` in it."""
    folder = tmp_path_factory.mktemp("installed")
    base = next(
        (path for path in ("/usr/bin/python3.11", "/usr/bin/python3.12", "/usr/bin/python3.13")
         if pathlib.Path(path).exists()),
        str(pathlib.Path(sys.base_prefix) / "bin/python3"),
    )  # fmt: skip
    run(uv(), "venv", "--quiet", "--python", base, folder / "venv")
    # The versions of the lock, so that what is tested is what is downloaded once.
    locked = folder / "locked.txt"
    export = ("export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--extra", "score")
    run(uv(), *export, "--output-file", locked, cwd=REPOSITORY)
    python = folder / "venv/bin/python"
    run(uv(), "pip", "install", "--quiet", "--python", python, "--requirement", locked)
    run(uv(), "pip", "install", "--quiet", "--python", python, "--no-deps", REPOSITORY)
    return folder / "venv/bin"


def test_it_has_none_of_the_pipelines_packages(installed):
    names = {
        line.split("=")[0]
        for line in run(uv(), "pip", "freeze", "--python", installed / "python").split()
    }
    assert {"bonafide", "tensorflow", "av"} <= names
    assert not {"tfx", "apache-beam", "kfp", "keras-tuner", "altair"} & names


def test_it_scores_a_recording_as_a_checkout_does(installed, pushed, preloaded, tmp_path):
    recording = sorted(RECORDING.glob("*.flac"))[0]
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
    arguments = ("score", recording, "--model", pushed)
    out = run(installed / "bonafide", *arguments, cwd=here, env=environment)
    [row] = csv.DictReader(io.StringIO(out), delimiter="\t")
    assert row["path"] == str(recording)
    checkout = preloaded.run(["-m", "bonafide", *arguments], cwd=REPOSITORY)
    assert checkout.returncode == 0, checkout.stderr
    assert out == checkout.stdout
    assert list(here.iterdir()) == []


def test_it_shows_verdicts_by_the_model_that_comes_with_it(installed, tmp_path):
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()  # in which Keras makes a folder
    here.mkdir()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
    out = run(installed / "bonafide", "demo", "--no-page", cwd=here, env=environment)
    assert out.startswith("DEMONSTRATION. ")
    assert out.count("  score ") == 4
    assert list(here.iterdir()) == []


def test_it_says_what_the_report_needs(installed, tmp_path):
    scores = "".join(f"u{i} {i}\n" for i in range(9))
    protocol = "".join(
        f"S u{i} - {'-' if i > 4 else 'A1'} {'bonafide' if i > 4 else 'spoof'}\n" for i in range(9)
    )
    (tmp_path / "scores.txt").write_text(scores)
    (tmp_path / "protocol.txt").write_text(protocol)
    command = (
        installed / "bonafide",
        "evaluate",
        "--scores",
        "scores.txt",
        "--protocol",
        "protocol.txt",
    )
    out = run(*command, "--resamples", "20", cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""})
    assert "EER" in out
    done = subprocess.run(
        [*map(str, command), "--html", "page.html"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'bonafide[report]'" in done.stderr
