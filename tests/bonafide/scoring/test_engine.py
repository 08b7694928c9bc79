import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonafide.scoring.ahead import Clip, End, Idle
from bonafide.scoring.engine import Recording, score_recordings


def clip(value, start=0):
    return Clip(start, np.int16(value).tobytes())


def scorer(sizes):
    """The score of a clip is its only sample; `sizes` gets the sizes of batches."""

    def score(clips):
        sizes.append(len(clips))
        return np.array([np.frombuffer(c, "<i2")[0] for c in clips], np.float32)

    return score


def test_the_score_of_the_whole_is_the_mean_and_the_lowest_is_told():
    clips = [clip(4), clip(-5, 10), clip(7, 20), End(40)]
    [found] = score_recordings(["a"], clips, scorer([]))
    assert found == Recording("a", 40, [0, 10, 20], [4.0, -5.0, 7.0])
    assert found.score == 2
    assert found.lowest == 1


def test_batches_span_recordings_and_rows_come_as_soon_as_they_can():
    sizes, events = [], []

    def clips():
        for item in [clip(1), End(1), clip(2), clip(3, 5), clip(4, 9), End(9), End(0, "bad")]:
            events.append(item)
            yield item

    for found in score_recordings(["a", "b", "c"], clips(), scorer(sizes), batch_clips=3):
        events.append(found.path)
    assert sizes == [3, 1]
    assert [e for e in events if isinstance(e, str)] == ["a", "b", "c"]
    assert events.index("a") == 4  # with the third clip


def test_a_bad_recording_keeps_no_scores():
    found = list(
        score_recordings(
            ["a", "b", "c"],
            [clip(1), clip(2), End(20, "cut off"), End(0, "empty"), clip(3), End(5)],
            scorer([]),
        )
    )
    assert [(r.scores, r.error) for r in found] == [([], "cut off"), ([], "empty"), ([3.0], "")]


def test_a_score_that_is_no_number_is_an_error_of_its_recording():
    found = list(
        score_recordings(
            ["a", "b"],
            [clip(1), End(1), clip(2), End(1)],
            lambda clips: np.array([1.0, np.nan], np.float32),
        )
    )
    assert [r.error for r in found] == [
        "",
        "the model gives it a score that is not a finite number",
    ]


def test_nobody_waits_for_a_batch_while_nothing_comes():
    sizes, seen = [], []

    def clips():
        yield clip(1)
        yield End(1)
        yield Idle()
        seen.append(list(found_so_far))
        yield clip(2)
        yield Idle()
        yield Idle()
        yield End(1)

    found_so_far = []
    for recording in score_recordings(["a", "b"], clips(), scorer(sizes)):
        found_so_far.append(recording.path)
    assert seen == [["a"]]
    assert found_so_far == ["a", "b"]
    assert sizes == [1, 1]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 8))
def test_every_recording_gets_its_own_scores(counts, batch):
    clips, value = [], 0
    for count in counts:
        for start in range(count):
            clips.append(clip(value, start))
            value += 1
        clips.append(End(count, "" if count else "empty"))
    paths = [str(i) for i in range(len(counts))]
    found = list(score_recordings(paths, clips, scorer([]), batch_clips=batch))
    assert [r.path for r in found] == paths
    assert [len(r.scores) for r in found] == counts
    assert [s for r in found for s in r.scores] == list(range(value))


def test_no_recordings():
    assert list(score_recordings([], [], pytest.fail)) == []
