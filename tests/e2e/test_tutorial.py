"""docs/tutorial.md: every command, in its order, in a folder that looks like a checkout."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from bonafide.version import REPOSITORY

pytestmark = pytest.mark.e2e
TUTORIAL = REPOSITORY / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUNNER = ".venv/bin/python local_runner.py"
SCORE = ".venv/bin/bonafide score --model output/small-corpus/serving/small-corpus"
# The exit codes that the tutorial names; of other commands it is 0.
EXIT_CODES = {
    f"{RUNNER} --config mine.yaml": 3,
    f"{SCORE} --recursive mine/fake --csv scores.csv": 4,
}


def commands():
    """The command lines of all blocks without a language."""
    blocks = BLOCK.findall(TUTORIAL.read_text())
    lines = "".join(text for language, text in blocks if not language).splitlines()
    return [line for line in lines if line.strip()]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A folder with links to everything of the checkout but results."""
    folder = tmp_path_factory.mktemp("checkout")
    for path in REPOSITORY.iterdir():
        if path.name not in ("output", "mine", "mine.yaml", ".venv", ".git"):
            (folder / path.name).symlink_to(path)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to(sys.executable)
    return folder


def test_every_command_does_what_the_tutorial_says(checkout, preloaded, tiny):
    shell = []  # Assignments of variables, which later commands use.
    # The gate's rules are the tutorial's, but nothing passes that was trained for seconds.
    small = [setting for setting in tiny if not setting.startswith("gate.")]
    small.append("features.num_coefficients=20")  # at most the number of bands
    sets = [part for setting in small for part in ("--set", setting)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    ran = []
    for line in commands():
        if re.match(r"[A-Z]+=", line):
            shell.append(line)
            continue
        if not line.startswith(".venv/bin/"):
            script = "\n".join(["set -e", *shell, line])
            done = subprocess.run(
                ["bash", "-c", script], cwd=checkout, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, line + done.stderr
            continue
        words = expanded(line, shell, checkout)
        if words[0] == ".venv/bin/bonafide":
            arguments = ["-m", "bonafide", *words[1:]]
        else:
            arguments = [*words[1:], *sets]
        done = preloaded.run(arguments, cwd=checkout, env=environment, timeout=1800)
        expected = EXIT_CODES.get(line, 0)
        assert done.returncode == expected, line + done.stdout + done.stderr
        ran.append((line, done.stdout))
    text = dict(ran)
    look = ".venv/bin/bonafide init mine --output mine.yaml"
    # What the tutorial shows of the corpus is what is there.
    shown = TUTORIAL.read_text()
    for command in (look, f"{look} --force"):
        for part in ("Layout", "Splits", "Speakers", "Attacks", "Preset"):
            [found] = [one for one in text[command].splitlines() if one.startswith(part)]
            assert found in shown
    assert "DEMONSTRATION" in text[".venv/bin/bonafide demo --no-page"]
    assert (checkout / "scores.csv").read_text().count("\n") == 411
    assert (checkout / "evaluation.html").stat().st_size > 10_000
    assert "pushed" in text[next(line for line, _ in ran if "--force-blessing" in line)].lower()


def expanded(line, shell, cwd):
    """The words of a command, with its variables and patterns as the shell expands them."""
    script = "\n".join([*shell, f"printf '%s\\n' {line}"])
    done = subprocess.run(
        ["bash", "-c", script], cwd=cwd, capture_output=True, text=True, check=True
    )
    assert shlex.split(line)[0] == done.stdout.splitlines()[0]
    return done.stdout.splitlines()
