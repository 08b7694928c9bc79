"""Tuning in the real pipeline: killed, taken up, its values in the exported model, cached."""

import json
import os
import re
import signal

import pytest

from models.settings.search_space import DEFAULT_SPACE
from tests.e2e.test_faults import wait_for
from tests.e2e.test_local_run import states

pytestmark = pytest.mark.e2e


def test_the_best_settings_reach_the_model_although_tuning_was_killed(
    start_pipeline, run_pipeline, small_corpus, tmp_path, tiny
):
    output, console = tmp_path / "output", tmp_path / "console.txt"
    arguments = ("--corpus", small_corpus, "--output", output, "--until", "Trainer")
    settings = (*tiny, "trainer.epochs=1", "tuner.trials=2", "tuner.epochs=1")
    with console.open("w") as file:
        process = start_pipeline(*arguments, console=file, settings=settings)
    wait_for(console, r"trial 1/2 ", seconds=300, process=process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    run = run_pipeline(*arguments, settings=settings)
    assert run.returncode == 0, run.stdout
    assert "resumed after trial 1/2" in run.stdout
    assert re.findall(r"trial (\d)/2 ", run.stdout) == ["2"]
    assert "2 trials ended, best " in run.stdout
    [results] = (output / "artifacts" / "Tuner").glob("tuner_results/*/tuner_results.json")
    best, other = json.loads(results.read_text())
    assert best["score"] <= other["score"]
    [record] = (output / "artifacts" / "Trainer" / "model").glob("*/*/assets.extra/bonafide.json")
    facts = json.loads(record.read_text())
    assert facts["tuned"] == {name: best[name] for name in DEFAULT_SPACE}
    for name, value in facts["tuned"].items():
        section, field = name.split(".")
        assert facts["settings"][section][field] == value
    # What the trials held out, training has back.
    assert facts["settings"]["trainer"]["holdout_attacks"] == []
    assert not list((output / "checkpoints").iterdir())

    again = run_pipeline(*arguments, settings=settings)
    assert again.returncode == 0, again.stdout
    assert set(states(again.stdout).values()) == {"cached"}
    assert states(again.stdout)["Tuner"] == "cached"
