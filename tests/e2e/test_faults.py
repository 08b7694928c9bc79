"""What must hold when things go wrong: a killed training, an interrupt, labels without meaning."""

import contextlib
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import time

import pytest

from bonafide.trials.score_files import read_scores

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="session")
def long(tiny):
    """Settings of a training that is quick by the epoch and has many of them."""
    return (*tiny, "trainer.epochs=40")


def wait_for(path, pattern, *, seconds, process):
    """Waits until the file holds a match of the pattern."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if re.search(pattern, path.read_text()):
            return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise AssertionError(f"no {pattern!r} in:\n{path.read_text()}")


def epochs(console):
    return [int(number) for number in re.findall(r"epoch +(\d+)/40", console)]


def test_killed_training_goes_on_where_it_was(
    start_pipeline, run_pipeline, small_corpus, tmp_path, long
):
    output, console = tmp_path / "output", tmp_path / "console.txt"
    arguments = ("--corpus", small_corpus, "--output", output)
    with console.open("w") as file:
        process = start_pipeline(*arguments, console=file, settings=long)
    wait_for(console, r"epoch +3/40", seconds=300, process=process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    seen = max(epochs(console.read_text()))

    resumed = run_pipeline(*arguments, settings=long)
    assert resumed.returncode == 0, resumed.stdout
    again = epochs(resumed.stdout)
    # The epoch in which it was killed may have been written down just before, or not.
    assert seen <= again[0] <= seen + 1
    assert again == list(range(again[0], 41))


# How often each component is killed; ten times takes a quarter of an hour, and as long again for
# those after the training, which are killed only when it is set.
KILLS = int(os.environ.get("BONAFIDE_KILLS", "1"))
KILLED = ("UtteranceGen", "StatisticsGen", "Transform")
KILLED_LATER = ("Champion", "ModelEvaluator", "EvalReport", "ModelPusher")


def outputs(output):
    """Digests of the files of UtteranceGen and Transform, without the numbers of executions.

    Left out is `fingerprint.pb`: TensorFlow gives every SavedModel a random identity.
    """
    found = {}
    for path in sorted((output / "artifacts").rglob("*")):
        component, kind, _, *rest = (*path.relative_to(output / "artifacts").parts, "", "", "")
        if path.name == "fingerprint.pb" or component not in ("UtteranceGen", "Transform"):
            continue
        if path.is_file():
            found[component, kind, *rest] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def kill_in(components, start_pipeline, arguments, settings, console):
    """Runs the pipeline once for each component, and kills it soon after that has begun."""
    generator = random.Random(11)
    for component in components:
        with console.open("w") as file:
            process = start_pipeline(*arguments, console=file, settings=settings)
        wait_for(console, rf"{component} +(started|cached)", seconds=300, process=process)
        time.sleep(generator.uniform(0, 1.5))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_killed_anywhere_and_run_again_it_writes_the_same(
    start_pipeline, run_pipeline, small_corpus, tmp_path, tiny
):
    settings = (*tiny, "transform.materialize=true", "features.normalisation=corpus")
    until = ("--corpus", small_corpus, "--until", "Transform")
    undisturbed = run_pipeline(*until, "--output", tmp_path / "whole", settings=settings)
    assert undisturbed.returncode == 0, undisturbed.stdout

    output = tmp_path / "output"
    arguments = (*until, "--output", output)
    kill_in(KILLED * KILLS, start_pipeline, arguments, settings, tmp_path / "console.txt")
    resumed = run_pipeline(*until, "--output", output, settings=settings)
    assert resumed.returncode == 0, resumed.stdout
    whole = outputs(tmp_path / "whole")
    assert outputs(output) == whole
    assert {kind for _, kind, *_ in whole} >= {"examples", "transformed_examples"}
    # Nor is there a folder that no artifact names.
    for folder in (output / "artifacts").glob("[A-Z]*/[a-z]*"):
        assert len(list(folder.iterdir())) == 1, folder


@pytest.mark.skipif("BONAFIDE_KILLS" not in os.environ, reason="BONAFIDE_KILLS is not set: slow")
def test_killed_after_the_training_one_whole_version_is_served(
    start_pipeline, run_pipeline, small_corpus, tmp_path, tiny
):
    arguments = ("--corpus", small_corpus)
    whole = run_pipeline(*arguments, "--output", tmp_path / "whole", settings=tiny)
    assert whole.returncode == 0, whole.stdout

    output = tmp_path / "output"
    arguments = (*arguments, "--output", output)
    kill_in(KILLED_LATER * KILLS, start_pipeline, arguments, tiny, tmp_path / "console.txt")
    resumed = run_pipeline(*arguments, settings=tiny)
    assert resumed.returncode == 0, resumed.stdout

    [name] = (output / "serving").iterdir()
    [version] = name.iterdir()  # one, and nothing half-written beside it
    [expected] = (tmp_path / "whole" / "serving" / name.name).iterdir()
    profile = "assets.extra/data_profile.json"
    assert (version / profile).read_bytes() == (expected / profile).read_bytes()
    verdicts = [
        json.loads((folder / "assets.extra" / "verdict.json").read_text())["passed"]
        for folder in (version, expected)
    ]
    assert verdicts == [True, True]
    ours, theirs = (scores_of(folder) for folder in (output, tmp_path / "whole"))
    assert ours.keys() == theirs.keys()
    assert len({treatment for treatment, _ in ours}) == 4
    # Not to the last bit: Beam sizes its batches by the clock, and sums differ in their order.
    assert ours == pytest.approx(theirs, abs=1e-5)


def scores_of(output):
    """(File, utterance) -> score of eval, as recorded and with shortcuts taken out."""
    scores = {}
    for path in output.glob("artifacts/ModelEvaluator/scores/*/eval*.scores.txt"):
        found = read_scores(str(path))
        names = [(path.name, utterance) for utterance in found.utterances]
        scores |= dict(zip(names, found.scores, strict=True))
    return scores


def test_a_full_disk_is_named_and_then_the_run_goes_on(run_pipeline, small_corpus, tmp_path, tiny):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small filesystem cannot be mounted here")
    try:
        arguments = ("--corpus", small_corpus, "--output", disk / "output")
        full = run_pipeline(*arguments, "--until", "UtteranceGen", settings=tiny)
        assert full.returncode == 1
        assert "No space left on device" in full.stdout
        assert "Free some space" in full.stdout
        assert "Traceback" not in full.stdout
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
        again = run_pipeline(*arguments, "--until", "UtteranceGen", settings=tiny)
        assert again.returncode == 0, again.stdout
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        frozen = run_pipeline(*arguments, "--until", "UtteranceGen", settings=tiny)
        assert frozen.returncode == 1
        assert "Read-only file system" in frozen.stdout + frozen.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_interrupt_leaves_a_state_to_go_on_from(
    start_pipeline, run_pipeline, small_corpus, tmp_path, long
):
    output, console = tmp_path / "output", tmp_path / "console.txt"
    arguments = ("--corpus", small_corpus, "--output", output)
    with console.open("w") as file:
        process = start_pipeline(*arguments, console=file, settings=long)
    wait_for(console, r"Transform +started", seconds=300, process=process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 130, console.read_text()
    assert "Interrupted" in console.read_text()
    assert "Traceback" not in console.read_text()

    # Transform takes less than a second: the signal may have come when it was just done.
    resumed = run_pipeline(*arguments, "--until", "Trainer", settings=long)
    assert resumed.returncode == 0, resumed.stdout
    assert re.search(r"DataGate +cached", resumed.stdout)
    assert re.search(r"Transform +(done|cached)", resumed.stdout)
    assert re.search(r"Trainer +done", resumed.stdout)


def test_shuffled_labels_do_not_pass_the_preset_gate(run_pipeline, copy_corpus, tmp_path):
    """A model that learnt nothing must be refused by the bound of the preset itself."""
    corpus = copy_corpus(tmp_path / "corpus", per_attack=1000, bonafide=1000)
    generator = random.Random(5)
    for ending in ("train.trn", "dev.trl"):
        path = corpus / "LA" / "ASVspoof2019_LA_cm_protocols" / f"ASVspoof2019.LA.cm.{ending}.txt"
        rows = [line.split() for line in path.read_text().splitlines()]
        labels = [row[3:] for row in rows]
        generator.shuffle(labels)
        shuffled = [" ".join(row[:3] + label) for row, label in zip(rows, labels, strict=True)]
        path.write_text("\n".join(shuffled) + "\n")
    run = run_pipeline(
        *("--corpus", corpus, "--output", tmp_path / "output"),
        # Shuffled, a synthetic voice that is in train and in dev passes for a person.
        *("--set", "data_gate.shared_speakers=warn"),
        # A sixth of the epochs: what cannot be learnt is not learnt sooner or later.
        *("--set", "trainer.epochs=5"),
        settings=(),  # the preset as it is, but for that
    )
    assert run.returncode == 3, run.stdout
    assert "Not pushed" in run.stdout
    assert not (tmp_path / "output" / "serving").exists()
