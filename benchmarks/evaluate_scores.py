"""Cost of a complete evaluation, compared with a bare loop over the resamples.

    python -m benchmarks.evaluate_scores --json FILE

The trials are as many as in the eval split of ASVspoof 2019 LA (7,355 bona fide and 63,882 spoofs
of 13 attacks, 67 speakers), with seeded normal scores of a system and of one to compare it with.

The loop draws speakers, concatenates their trials and computes the EER by one sort and two
cumulative sums; it is timed on a few resamples and extrapolated to our number. The ratio is its
time over the time of `bonafide.metrics.evaluation.evaluate` with every figure, all attacks and the
comparison: above 1, ours is faster although it does more. Rounds alternate and the fastest of each
counts, because machines are noisy. `evaluate.py`, from files to JSON and page, is run in a process
of its own for its time and peak memory.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import numpy.typing as npt

from bonafide.metrics.evaluation import evaluate
from bonafide.trials import score_files
from bonafide.trials.trials import Trials, make_trials

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
BONAFIDE, SPOOF, ATTACKS, SPEAKERS = 7_355, 63_882, 13, 67
RESAMPLES = 1_000
LOOPED = 20  # resamples on which the loop is timed
ROUNDS = 3


def make_systems() -> tuple[Trials, Trials]:
    """Returns the same trials with the scores of two systems of about 5 % EER."""
    random = np.random.default_rng(2019)
    total = BONAFIDE + SPOOF
    is_bonafide = np.arange(total) < BONAFIDE
    quality = np.where(is_bonafide, 1.6, -1.6)
    common = {
        "utterances": [f"LA_E_{number:07d}" for number in range(total)],
        "is_bonafide": is_bonafide,
        "attacks": [
            "-" if bonafide else f"A{7 + number % ATTACKS:02d}"
            for number, bonafide in enumerate(is_bonafide)
        ],
        "speakers": [f"LA_{number:04d}" for number in random.integers(SPEAKERS, size=total)],
    }
    first, second = (
        make_trials(scores=quality + random.normal(0, 1, total), **common) for _ in range(2)
    )
    return first, second


def sorted_eer(scores: npt.NDArray[np.float64], is_bonafide: npt.NDArray[np.bool_]) -> float:
    """Returns the EER as in a bare loop."""
    bonafide = is_bonafide[np.argsort(scores, kind="stable")]
    misses = np.cumsum(bonafide) / bonafide.sum()
    accepted = 1 - np.cumsum(~bonafide) / (~bonafide).sum()
    closest = np.argmin(np.abs(misses - accepted))
    return float((misses[closest] + accepted[closest]) / 2)


def loop_seconds(trials: Trials) -> float:
    """Times the bare loop, extrapolated to all resamples."""
    random = np.random.default_rng(1)
    _, of_trial = np.unique(trials.speakers, return_inverse=True)
    members = [np.flatnonzero(of_trial == speaker) for speaker in range(of_trial.max() + 1)]
    started = time.perf_counter()
    for _ in range(LOOPED):
        drawn = random.integers(len(members), size=len(members))
        taken = np.concatenate([members[speaker] for speaker in drawn])
        sorted_eer(trials.scores[taken], trials.is_bonafide[taken])
    return (time.perf_counter() - started) * RESAMPLES / LOOPED


def our_seconds(trials: Trials, baseline: Trials) -> float:
    """Times every figure with intervals, by attack and against another system."""
    started = time.perf_counter()
    evaluate(trials, baseline_scores=baseline.scores, resamples=RESAMPLES, seed=1)
    return time.perf_counter() - started


def command_line(trials: Trials, baseline: Trials) -> tuple[float, float]:
    """Runs evaluate.py on files; returns seconds and peak memory in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        for name, lines in (
            ("new.txt", score_files.submission_lines(trials)),
            ("old.txt", score_files.submission_lines(baseline)),
            ("protocol.txt", score_files.protocol_lines(trials)),
        ):
            (place / name).write_text("".join(f"{line.rstrip()}\n" for line in lines))
        started = time.perf_counter()
        subprocess.run(
            [
                *(sys.executable, REPOSITORY / "evaluate.py"),
                *("--scores", place / "new.txt", "--baseline", place / "old.txt"),
                *("--protocol", place / "protocol.txt"),
                *("--json", place / "out.json", "--html", place / "out.html"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - started
    # Peak of the largest finished child, which is this one. KiB on Linux.
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    """Measures and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    options = parser.parse_args()
    trials, baseline = make_systems()
    ours, loop = [], []
    for _ in range(ROUNDS):
        ours.append(our_seconds(trials, baseline))
        loop.append(loop_seconds(trials))
    seconds, mebibytes = command_line(trials, baseline)
    report = {
        "figures": {
            "trials": len(trials),
            "resamples": RESAMPLES,
            "evaluate_every_figure_seconds": min(ours),
            "loop_eer_only_seconds": min(loop),
            "evaluate_py_seconds": seconds,
            "evaluate_py_peak_mebibytes": mebibytes,
        },
        "ratios": {"loop_over_evaluate_seconds": min(loop) / min(ours)},
    }
    text = json.dumps(report, indent=2)
    options.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
