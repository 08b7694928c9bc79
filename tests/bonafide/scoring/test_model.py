import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from bonafide.scoring import model
from bonafide.scoring.model import ModelError


def version(folder, number, *, complete=True):
    path = folder / str(number)
    path.mkdir(parents=True)
    if complete:
        (path / "saved_model.pb").touch()
    return path


def test_the_newest_complete_version_of_a_serving_folder(tmp_path):
    version(tmp_path, 9)
    newest = version(tmp_path, 10)
    version(tmp_path, 11, complete=False)
    version(tmp_path, ".incoming-12-1")
    version(tmp_path, "13a")
    version(tmp_path, "١٤")
    assert model.find_model(str(tmp_path)) == newest
    assert model.find_model(str(newest)) == newest


def test_by_default_the_newest_of_all_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    version(tmp_path / "output/sample/serving/sample", 10)
    version(tmp_path / "output/other/serving/a", 12)
    (tmp_path / "output/other/serving/file").touch()
    assert str(model.find_model(None)) == "output/other/serving/a/12"


def test_no_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"no model below output/\*/serving/: push one"):
        model.find_model(None)
    with pytest.raises(ModelError, match=r"--model none: there is no such folder"):
        model.find_model("none")
    version(tmp_path, 3, complete=False)
    with pytest.raises(ModelError, match=r"neither a version .* nor a serving folder"):
        model.find_model(".")


def test_what_a_model_says(pushed):
    found = model.read_model(pushed)
    assert (found.sample_rate, found.clip_samples) == (16_000, 16_000)
    assert found.thresholds == {"eer": 0.5, "far1": 2.0, "far5": 0.75, "frr5": -0.2}
    assert (found.evaluation["n_bonafide"], found.evaluation["n_spoof"]) == (164, 278)
    assert "| EER |" in found.card


def test_what_training_was_like(pushed, tmp_path):
    assert model.read_model(pushed).training.clips == 100
    old = tmp_path / "old"
    shutil.copytree(pushed, old)
    file = old / "assets.extra/training_range.json"
    file.unlink()
    assert model.read_model(old).training is None
    for content, reason in (
        (b"{", "no JSON"),
        (b"\xff", "decode"),
        (b'{"format": 9}', "expected format 1, got 9"),
    ):
        file.write_bytes(content)
        with pytest.raises(ModelError, match=f"training_range.json cannot be used: .*{reason}"):
            model.read_model(old)
    with pytest.raises(ModelError, match="Copy the version again from where it was pushed, or rem"):
        model.read_model(old)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory.*was only a part copied"),
        ("{", "does not say which clips.*JSONDecodeError"),
        ("[]", "does not say which clips"),
        ("{}", "KeyError: 'settings'"),
        ('{"settings": {"features": {"clip_samples": 0}}}', "clips of 0 samples"),
        ('{"settings": {"features": {"clip_samples": "long"}}}', "invalid literal"),
        ('{"settings": {"features": null}}', "does not say which clips"),
    ],
)
def test_a_model_that_does_not_say_what_it_takes(tmp_path, content, reason):
    (tmp_path / "assets.extra").mkdir()
    if content is not None:
        (tmp_path / "assets.extra/bonafide.json").write_text(content)
    with pytest.raises(ModelError, match=reason):
        model.read_model(tmp_path)


def test_a_model_from_before_thresholds_and_with_the_default_features(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra/bonafide.json").write_text('{"settings": {"features": {}}}')
    found = model.read_model(tmp_path)
    assert (found.sample_rate, found.clip_samples) == (16_000, 64_000)
    assert (found.thresholds, found.card) == ({}, "")


def test_scores(pushed):
    scorer = model.Scorer(model.read_model(pushed))
    clips = [np.full(n, value, "<i2").tobytes() for n, value in ((16_000, 500), (99, -1_000))]
    np.testing.assert_allclose(scorer(clips), [0.5, -1.0])
    with pytest.raises(ModelError, match="fails to score: "):
        scorer([b"odd"])


def test_a_model_that_cannot_be_loaded(pushed, tmp_path):
    shutil.copytree(pushed, tmp_path / "1")
    (tmp_path / "1/saved_model.pb").write_bytes(b"broken")
    with pytest.raises(ModelError, match="1 cannot be loaded: "):
        model.Scorer(model.read_model(tmp_path / "1"))


def test_a_model_without_the_signature(save_detector, tmp_path):
    folder = save_detector(tmp_path / "1", "x")
    (folder / "assets.extra").mkdir(exist_ok=True)
    (folder / "assets.extra/bonafide.json").write_text(json.dumps({"settings": {"features": {}}}))
    with pytest.raises(ModelError, match="has no signature score_pcm16"):
        model.Scorer(model.read_model(folder))


def test_tensorflow_is_imported_without_keras_which_can_be_imported_later():
    code = (
        "import sys; from bonafide.scoring.model import import_tensorflow; import_tensorflow();"
        "assert 'keras' not in sys.modules and 'keras.src.optimizers' not in sys.modules;"
        "import keras; keras.optimizers.Adam()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_what_is_written_to_standard_error_shows_only_when_something_fails(capfd):
    with model.quiet_stderr():
        os.write(2, b"a driver is not there\n")
    print("seen", file=sys.stderr)
    assert capfd.readouterr().err == "seen\n"

    def fail():
        with model.quiet_stderr():
            os.write(2, b"the reason\n")
            raise ModelError

    with pytest.raises(ModelError):
        fail()
    assert capfd.readouterr().err == "the reason\n"
