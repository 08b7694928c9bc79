import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonafide.scoring import windows


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (1, [0]),
        (9, [0]),
        (10, [0]),
        (11, [0, 1]),
        (14, [0, 4]),
        (15, [0, 5]),
        (16, [0, 5, 6]),
        (19, [0, 5, 9]),
        (20, [0, 5, 10]),
        (21, [0, 5, 10, 11]),
    ],
)
def test_starts_around_the_edges(samples, expected):
    assert windows.starts(samples, 10) == expected


@pytest.mark.parametrize(("clip", "expected"), [(1, [0, 1, 2]), (2, [0, 1]), (3, [0])])
def test_tiny_clips(clip, expected):
    assert windows.starts(3, clip) == expected


@given(st.integers(1, 2_000), st.integers(1, 300))
def test_windows_cover_every_sample_and_none_beyond_the_end(samples, clip):
    starts = windows.starts(samples, clip)
    heard = np.zeros(samples, int)
    for start in starts:
        assert start >= 0
        assert start + clip <= max(samples, clip)
        heard[start : start + clip] += 1
    assert heard.min() >= 1
    assert starts == sorted(set(starts))
    assert starts[-1] == max(0, samples - clip)
    assert all(np.diff(starts) <= windows.hop(clip))


@given(st.lists(st.integers(0, 400), max_size=12), st.integers(1, 300))
def test_a_stream_is_cut_as_the_whole_would_be(lengths, clip):
    whole = np.arange(sum(lengths), dtype=np.int16)
    blocks = np.split(whole, np.cumsum(lengths)[:-1]) if lengths else []
    found = list(windows.cut(iter(blocks), clip))
    expected = windows.starts(len(whole), clip) if len(whole) else []
    assert [start for start, _ in found] == expected
    for start, samples in found:
        np.testing.assert_array_equal(samples, whole[start : start + clip])


def test_a_window_comes_before_the_stream_has_ended():
    def blocks():
        yield np.zeros(101, np.int16)
        raise AssertionError("read on")

    start, samples = next(windows.cut(blocks(), 100))
    assert (start, len(samples)) == (0, 100)
