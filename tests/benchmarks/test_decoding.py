import numpy as np
import pytest

from benchmarks import decoding
from benchmarks.peers import soundfile_loop


@pytest.mark.parametrize("kind", decoding.CLIPS)
def test_both_sides_give_the_same_samples(kind):
    data = decoding.clip(kind)
    np.testing.assert_array_equal(
        decoding.ours(data), soundfile_loop.decode(data, decoding.RATE_HZ)
    )


def test_figures_and_ratios():
    calls = []
    sides = {"ours": lambda: calls.append("ours"), "other": lambda: calls.append("other")}
    found = decoding.compare(sides, seconds=2.0, rounds=2, times=3)
    assert calls.count("ours") == calls.count("other") == 1 + 2 * 3
    assert calls[2:] == 3 * ["other"] + 3 * ["ours"] + 3 * ["ours"] + 3 * ["other"]
    figures = {"ours": {"realtime": 30.0, "realtime_cpu": 8.0}}
    figures["other"] = {"realtime": 20.0, "realtime_cpu": 16.0}
    assert decoding.ratios("wav", figures) == {
        "ours_over_other_wav": 1.5,
        "ours_over_other_wav_cpu": 0.5,
    }
    assert found["ours"].keys() == {"realtime", "realtime_cpu"}


def test_long_files_are_as_long_as_asked_for():
    for kind in ("gsm", "amr"):
        samples = decoding.ours(decoding.long_file(kind, 12.8))
        assert len(samples) == pytest.approx(12.8 * decoding.RATE_HZ, rel=0.1)
