"""A reduced copy of the bundled corpus, and the command line as a user runs it."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROTOCOLS = {"train": "train.trn", "dev": "dev.trl", "eval": "eval.trl"}

# Small enough to train in seconds, still the real model and the real graph.
TINY = (
    "features.clip_samples=16000",
    "trainer.crop_frames=0",
    "features.num_bands=24",
    "conformer.width=16",
    "conformer.num_blocks=1",
    "conformer.num_heads=2",
    "conformer.kernel_size=5",
    "trainer.batch_size=16",
    "trainer.epochs=2",
    # Nothing that is trained like this would pass on its merits.
    "gate.max_eer=1.0",
    "gate.max_regression=1.0",
    "gate.max_relative_regression=1000",
    "gate.max_reference_regression=1.0",
    "gate.max_worst_attack_eer=1.0",
    "gate.max_condition_far=1.0",
    "gate.max_condition_frr=1.0",
    "gate.max_calibration_loss=10",
)


@pytest.fixture(scope="session")
def tiny():
    """Assignments for --set; a later one for the same setting wins."""
    return TINY


@pytest.fixture(scope="session")
def run_pipeline(preloaded):
    """Runs local_runner.py in a process of its own and returns the completed process.

    With `as_users_do` it is started from nothing; else with the frameworks imported, which saves a
    quarter of a minute.
    """

    def run(*arguments, settings=TINY, cwd=REPOSITORY, timeout=1800, as_users_do=False):
        if not as_users_do:
            return preloaded.run(
                command(*arguments, settings=settings)[1:],
                cwd=cwd,
                timeout=timeout,
                env=environment(),
            )
        return subprocess.run(
            command(*arguments, settings=settings),
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=environment(),
        )

    return run


def command(*arguments, settings=TINY):
    """The command line of a run with these settings."""
    sets = [part for setting in settings for part in ("--set", setting)]
    return [sys.executable, "local_runner.py", *map(str, arguments), *sets]


def environment():
    """The environment of this process, with byte-code allowed, so that imports stay quick."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@pytest.fixture(scope="session")
def start_pipeline():
    """Starts local_runner.py in a process of its own, its output going to a file."""

    def start(*arguments, console, settings=TINY):
        return subprocess.Popen(
            command(*arguments, settings=settings),
            cwd=REPOSITORY,
            stdout=console,
            stderr=subprocess.STDOUT,
            env=environment(),
            start_new_session=True,
        )

    return start


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory):
    """Six utterances of each attack and 24 bona fide ones, of each split."""
    return _copy_corpus(tmp_path_factory.mktemp("corpus"), per_attack=6, bonafide=24)


@pytest.fixture(scope="session")
def copy_corpus():
    """Copies the first utterances of each system of the bundled corpus; returns the root."""
    return _copy_corpus


def _copy_corpus(target, *, per_attack, bonafide):
    source = REPOSITORY / "samples" / "LA"
    for split, ending in PROTOCOLS.items():
        name = f"ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{ending}.txt"
        taken, kept = {}, []
        for line in (source / name).read_text().splitlines():
            _, utterance, _, system, _ = line.split()
            taken[system] = taken.get(system, 0) + 1
            if taken[system] <= (bonafide if system == "-" else per_attack):
                kept.append(line)
                audio = f"ASVspoof2019_LA_{split}/flac/{utterance}.flac"
                (target / "LA" / audio).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / audio, target / "LA" / audio)
        (target / "LA" / name).parent.mkdir(parents=True, exist_ok=True)
        (target / "LA" / name).write_text("\n".join(kept) + "\n")
    return target
