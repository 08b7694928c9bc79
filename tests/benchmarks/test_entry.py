"""The benchmark of the first minutes: what it times, and that it waits for the right line."""

import sys

import pytest

from benchmarks import entry


def test_files_are_halved_between_the_classes(tmp_path):
    root = entry.make_files(tmp_path / "corpus", 10)
    assert len(list((root / "real").iterdir())) == len(list((root / "fake").iterdir())) == 5


def test_init_is_compared_with_a_bare_walk(tmp_path):
    root = entry.make_files(tmp_path / "corpus", 60)
    found = entry.measure_init(root, 1, tmp_path)
    assert found["init_cpu_seconds"] > found["walk_cpu_seconds"] > 0
    assert found["init_over_walk_cpu"] == pytest.approx(
        found["init_cpu_seconds"] / found["walk_cpu_seconds"]
    )


def test_the_time_is_that_of_the_line_that_is_looked_for(tmp_path):
    program = "import time; print('first', flush=True); time.sleep(0.5); print('second')"
    command = (sys.executable, "-c", program)
    first = entry.seconds_to_line(command, "first", tmp_path)
    second = entry.seconds_to_line(command, "second", tmp_path)
    assert second >= 0.5 > 0 < first
    assert entry.seconds_to_line(command, "third", tmp_path) is None
