"""What must hold when things go wrong: a killed training, an interrupt, labels without meaning."""

import os
import random
import re
import signal
import time

import pytest

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
        settings=(),  # the preset as it is
    )
    assert run.returncode == 3, run.stdout
    assert "Not pushed" in run.stdout
    assert not (tmp_path / "output" / "serving").exists()
