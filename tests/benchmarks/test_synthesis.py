"""The benchmark of `bonafide synthesize`, on a few seconds of audio."""

import numpy as np

from benchmarks import synthesis
from bonafide.synthesis import catalogue


def test_both_sides_make_as_much_audio(tmp_path):
    recordings = synthesis.write_recordings(tmp_path / "calls", 3)
    assert [len(each) for each in recordings] == [8 * synthesis.RATE] * 3
    engines = [each for each in catalogue.built_in() if each.name in ("phase_disturbed", "lpc")]
    bare = sum(synthesis.make_bare(engine, recordings) for engine in engines)
    ours = synthesis.factory(engines, tmp_path / "calls", tmp_path / "corpus", 1)
    assert bare == 2 * 3 * 8.0
    # Silence at both ends is removed.
    assert 0.9 * bare < ours <= bare


def test_speeds_are_seconds_over_seconds():
    def work():
        return float(len(np.zeros(3)))

    clock, used = synthesis.timed(work)
    assert min(clock, used) > 0
