"""`bonafide demo`: the model that comes with the library, and what is said of it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

import pytest
import soundfile

from bonafide import cli
from bonafide.registry.names import CARD_FILE, RECORD_FILE
from bonafide.scoring.demo import command, package
from bonafide.scoring.model import ModelError
from bonafide.version import REPOSITORY
from pipeline.config import PRESETS


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the model that tests may damage."""
    shutil.copytree(package.MODEL, tmp_path / "model")
    monkeypatch.setattr(package, "MODEL", tmp_path / "model")
    return tmp_path / "model"


def test_the_model_is_the_released_one_with_its_card():
    model = package.demo_model()
    size = sum(path.stat().st_size for path in package.MODEL.rglob("*") if path.is_file())
    assert size < package.MAX_BYTES
    card = (package.MODEL / CARD_FILE).read_text()
    assert "limit" in card.lower()
    assert "EER" in card
    assert model.training is not None
    assert {"far5", "frr5"} <= model.thresholds.keys()


def test_it_is_of_the_preset_as_it_is_now():
    """`make demo-model` makes it anew. Settings that were added since have their defaults."""
    record = json.loads((package.MODEL / RECORD_FILE).read_text())["settings"]
    preset = json.loads(json.dumps(PRESETS["sample"]().training()))
    assert {"features", "conformer", "augment", "trainer"} <= record.keys()
    for section in record.keys() & preset.keys():
        now = {name: preset[section][name] for name in record[section] if name in preset[section]}
        then = {name: value for name, value in record[section].items() if name in now}
        assert then == now, f"{section}: run `make demo-model`"


def test_nothing_in_it_names_the_machine_that_made_it():
    for path in package.MODEL.rglob("*"):
        if path.suffix in (".json", ".md"):
            text = path.read_text()
            assert not re.search(r"/(home|work|tmp|root)/", text), path


@pytest.mark.parametrize("name", [RECORD_FILE, "saved_model.pb"])
def test_a_changed_model_is_not_loaded(copied, name):
    with (copied / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelError, match="expected the demonstration model with the hash"):
        package.demo_model()


def test_a_missing_hash_is_an_error_with_a_remedy(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(package, "HASH_FILE", tmp_path / "none")
    assert cli.main(["demo", "--no-page"]) == 1
    assert "Install the library again" in capsys.readouterr().err


def test_the_recordings_are_real_speech_with_their_sources():
    about = (package.FOLDER / "README.md").read_text()
    for example in package.EXAMPLES:
        assert soundfile.info(example.path).duration > 2
        assert example.path.name in about


def test_verdicts_on_the_recordings_that_come_with_it(capsys):
    assert cli.main(["demo", "--no-page"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("DEMONSTRATION. The model shows how the tool works; do not decide")
    assert re.search(r"equal error rate on its own test is \d+\.\d+ % \(95 % interval: ", text)
    for example in package.EXAMPLES:
        [line] = [line for line in text.splitlines() if line.startswith(example.path.name)]
        assert re.search(r"  (bona fide|spoof|not sure) +  score [+-]\d", line)
        assert line.endswith(f"it is {example.truth}")
    assert "At this threshold this detector misses" in text


def test_verdicts_on_own_recordings(tmp_path, capsys):
    own = tmp_path / "call.flac"
    shutil.copy(package.EXAMPLES[0].path, own)
    (tmp_path / "noise.wav").write_bytes(b"RIFF")
    arguments = ["demo", "--no-page", str(own), str(tmp_path / "noise.wav")]
    assert cli.main(arguments) == command.NOT_ALL
    lines = capsys.readouterr().out.splitlines()
    [verdict] = [line for line in lines if line.startswith("call.flac")]
    assert "it is" not in verdict
    assert any(line.startswith("noise.wav") and "no verdict: " in line for line in lines)
    assert cli.main(["demo", "--no-page", str(tmp_path / "nothing.wav")]) == command.NOT_ALL
    assert "there is no such file" in capsys.readouterr().out


def test_the_page_comes_after_the_verdicts(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "bonafide", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        text=True,
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("http://127.0.0.1:"):
                break
        with urllib.request.urlopen(lines[-1].split()[0], timeout=60) as reply:
            assert reply.status == 200
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    assert lines[0].startswith("DEMONSTRATION")
    assert any("score" in line for line in lines)
