"""The command line of compile: settings and deployment; nothing is compiled."""

import pytest
import yaml

import kubeflow_runner
from pipeline.config import sample

COMPILE = ["compile", "--image", "x"]


def test_settings_come_from_a_file_and_options_and_are_printed(tmp_path, capsys):
    path = tmp_path / "run.yaml"
    path.write_text("preset: small-corpus\ntrainer.epochs: 7\ngate: {max_eer: 0.2}\n")
    arguments = [*COMPILE, "--config", str(path), "--corpus", "/data/x", "--set", "trainer.seed=2"]
    assert kubeflow_runner.main([*arguments, "--print-config"]) == 0
    printed = capsys.readouterr().out
    read = yaml.safe_load(printed)
    assert (read["preset"], read["corpus"]["root"]) == ("small-corpus", "/data/x")
    assert (read["trainer"]["epochs"], read["trainer"]["seed"]) == (7, 2)
    assert read["gate"]["max_eer"] == 0.2
    path.write_text(printed)
    assert kubeflow_runner.main([*COMPILE, "--config", str(path), "--print-config"]) == 0
    assert capsys.readouterr().out == printed


def test_without_a_file_it_is_the_sample(capsys):
    assert kubeflow_runner.main([*COMPILE, "--print-config"]) == 0
    assert f"max_eer: {sample().gate.max_eer}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("--config", "trainer:\n  epoch: 1\n", ["'trainer.epoch'", ":2)", "'trainer.epochs'"]),
        ("--deployment", "default:\n  cpus: 1\n", ["'cpus'", "default.cpus", ":2)", "'cpu'"]),
        (
            "--deployment",
            "default: {cpu: 1}\ncomponents:\n  Trainer:\n    retries: many\n",
            ["a whole number of retries", "'many' (components.Trainer.retries, ", ":4)"],
        ),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path, capsys, file, text, words):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(SystemExit) as caught:
        kubeflow_runner.main([*COMPILE, file, str(path)])
    assert caught.value.code == 2
    message = capsys.readouterr().err
    for word in words:
        assert word in message
