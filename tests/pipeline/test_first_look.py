"""What is wrong with a corpus is told within seconds, before any framework is imported."""

import re
import subprocess
import sys
import time

import pytest

from bonafide.version import REPOSITORY

# Byte-code may have to be made first on a busy machine; alone it takes one.
MOST_SECONDS = 10

PROGRAM = """
import sys
import local_runner
code = local_runner.main(sys.argv[1:])
print("heavy:", *sorted({"tensorflow", "tfx", "apache_beam"} & {*sys.modules}))
sys.exit(code)
"""


def run(*arguments):
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done, time.monotonic() - started


def make(root, names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"RIFF")
    return root


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (None, "which does not exist"),
        ([], "got the empty folder"),
        (["notes.txt"], "expected audio, got 1 file without any (.txt 1)"),
        (["real/1.wav"], "there is audio in real, and none in fake"),
        (["a/1.wav", "b/2.wav"], "Audio files by folder: a/ 1, b/ 1."),
        (
            [f"{name}/{number}.wav" for name in ("real", "fake") for number in range(5)],
            "at least 20 recordings of each class, got 5 bona fide and 5 spoofed",
        ),
        (
            [f"{name}/{n}.wav" for name in ("real/S1", "fake/T/S1") for n in range(30)],
            "expected at least three speakers with bonafide utterances, got 1 of 1",
        ),
        (["LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.train.trn.txt", "a.wav"], "missing"),
    ],
)
def test_a_corpus_that_cannot_be_used_is_refused_at_once(tmp_path, names, words):
    root = tmp_path / "corpus"
    if names is not None:
        root.mkdir()
        make(root, names)
    done, seconds = run("--corpus", root, "--layout", "auto", "--output", tmp_path / "output")
    assert done.returncode == 1, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("error:")]
    assert words in done.stdout
    assert str(root) in line
    assert "heavy:" in done.stderr + done.stdout
    assert re.search("heavy: *$", done.stdout, re.MULTILINE)
    assert seconds < MOST_SECONDS


def test_a_misspelt_setting_is_told_in_two_lines(tmp_path):
    done, _ = run("--set", "trainer.epohcs=3", "--output", tmp_path)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert "Did you mean 'trainer.epochs'" in first
    assert second.startswith("See ")
    assert "usage" not in done.stderr
