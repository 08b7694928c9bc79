import pytest

from bonafide.scoring.engine import Segment
from bonafide.scoring.partial import spoofed_run
from bonafide.scoring.thresholds import Threshold

NUMBER = Threshold("number", 0.0)
BAND = Threshold("band", 1.0, accept_equal=False, lower=-1.0)


def found(scores, threshold=NUMBER, speech=2.0):
    """First and last segment of the run; None where there is none."""
    segments = [Segment(i, i + 2, speech, score) for i, score in enumerate(scores)]
    run = spoofed_run(segments, threshold)
    return (run[0].start, run[-1].start) if run else None


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([2, 2, -2, -2, -2, 2, 2], (2, 4)),
        ([-2, -2, 2, 2], (0, 1)),
        ([2, 2, -2, -2], (2, 3)),
        ([2, 2, -9, 2, 2], None),  # one segment alone
        ([-2, -2, -2, -2], None),  # all of it is spoof
        ([2, 2, 2, 2], None),
        ([0.3, 0.3, -0.3, -0.3, 0.3], None),  # it hardly stands out
        ([2.5, 3, -0.1, -0.1, 3], (2, 3)),
        ([-0.1, 3, -0.1, -0.1, 3], None),  # the rest varies as much
        ([2, -2, -2, 2, 2, -9, -9, 2, 2], (5, 6)),  # of two the lower
        ([], None),
        ([-2], None),
    ],
)
def test_a_run_below_the_threshold_while_the_rest_is_not(scores, expected):
    assert found(scores) == expected


def test_in_a_band_a_run_is_spoof_and_the_rest_is_not():
    assert found([2, 2, -2, -2, 2], BAND) == (2, 3)
    assert found([2, 2, -0.5, -0.5, 2], BAND) is None  # not sure is not spoof
    assert found([0.5, 0.5, -2, -2, 0.5], BAND) == (2, 3)
    assert found([-0.9, -0.9, -1.2, -1.2, -0.9], BAND) is None


def test_a_second_of_speech_inside_and_outside_is_needed():
    assert found([2, 2, -2, -2, 2], speech=1.0) == (2, 3)
    assert found([2, 2, -2, -2, 2], speech=0.9) is None
    assert found([2, -2, -2], speech=1.5) is None
