import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonafide.scoring.ahead import Clip, End, Idle, TrackEnd
from bonafide.scoring.engine import Recording, Segment, Track, score_recordings

END = [TrackEnd("mono", 40, 3.0), End()]


def clip(value, start=0, speech=1.0):
    return Clip(start, start + 10, speech, np.int16(value).tobytes())


def scorer(sizes):
    """The score of a clip is its only sample; `sizes` gets the sizes of batches."""

    def score(clips):
        sizes.append(len(clips))
        return np.array([np.frombuffer(c, "<i2")[0] for c in clips], np.float32)

    return score


def test_the_score_of_the_whole_is_the_mean_and_the_lowest_is_told():
    clips = [clip(4), clip(-5, 10), clip(7, 20), TrackEnd("mono", 40, 3.0), End(note="n")]
    [found] = score_recordings(["a"], clips, scorer([]))
    segments = [Segment(0, 10, 1.0, 4.0), Segment(10, 20, 1.0, -5.0), Segment(20, 30, 1.0, 7.0)]
    assert found == Recording("a", [Track("mono", 40, 3.0, segments)], "n")
    assert found.verdict.score == 2
    assert found.verdict.lowest == segments[1]


def test_segments_count_by_their_speech():
    clips = [clip(4, speech=2.0), clip(-2, speech=1.0), TrackEnd("mono", 40, 3.0), End()]
    [found] = score_recordings(["a"], clips, scorer([]))
    assert found.verdict.score == 2
    assert found.verdict.lowest.score == -2


def test_less_than_a_second_of_speech_has_no_score():
    for seconds, has_score in ((0.0, False), (0.97, False), (1.0, True), (0.992, True)):
        clips = [clip(4, speech=seconds)] if seconds else []
        [found] = score_recordings(
            ["a"], [*clips, TrackEnd("mono", 40, seconds), End()], scorer([])
        )
        assert found.has_score is has_score
        assert bool(found.reason) is not has_score
        assert found.error == ""
    assert Recording("a", [Track("mono", 40, 0.25)]).reason == (
        "0.2 s of speech, at least 1 s are needed"
    )


def test_of_channels_the_lowest_decides():
    clips = [
        *(clip(4), TrackEnd("left", 40, 3.0), clip(-1), TrackEnd("right", 40, 1.5)),
        # Too little of it is speech to decide on.
        *(clip(-9, speech=0.4), TrackEnd("channel 3", 40, 0.4), End(note="differ")),
    ]
    [found] = score_recordings(["a"], clips, scorer([]))
    assert [track.channel for track in found.tracks] == ["left", "right", "channel 3"]
    assert (found.verdict.channel, found.verdict.score) == ("right", -1)
    quiet = [Track("left", 40, 0.2), Track("right", 40, 0.6)]
    assert Recording("a", quiet).verdict.channel == "right"
    assert not Recording("a", quiet).has_score


def test_batches_span_recordings_and_rows_come_as_soon_as_they_can():
    sizes, events = [], []

    def clips():
        for item in [
            *(clip(1), *END, clip(2), clip(3, 5), clip(4, 9), *END, End("bad")),
        ]:
            events.append(item)
            yield item

    for found in score_recordings(["a", "b", "c"], clips(), scorer(sizes), batch_clips=3):
        events.append(found.path)
    assert sizes == [3, 1]
    assert [e for e in events if isinstance(e, str)] == ["a", "b", "c"]
    assert events.index("a") == 5  # with the third clip


def test_a_bad_recording_keeps_no_scores():
    found = list(
        score_recordings(
            ["a", "b", "c"],
            [clip(1), *END[:1], clip(2), End("cut off"), End("empty"), clip(3), *END],
            scorer([]),
        )
    )
    assert [(scores(r), r.error) for r in found] == [([], "cut off"), ([], "empty"), ([3.0], "")]
    assert not found[0].has_score


def test_a_score_that_is_no_number_is_an_error_of_its_recording():
    found = list(
        score_recordings(
            ["a", "b"],
            [clip(1), *END, clip(2), *END],
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
        yield from END
        yield Idle()
        seen.append(list(found_so_far))
        yield clip(2)
        yield Idle()
        yield Idle()
        yield from END

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
        clips += END if count else [End("empty")]
    paths = [str(i) for i in range(len(counts))]
    found = list(score_recordings(paths, clips, scorer([]), batch_clips=batch))
    assert [r.path for r in found] == paths
    assert [len(scores(r)) for r in found] == counts
    assert [s for r in found for s in scores(r)] == list(range(value))


def scores(recording):
    return [segment.score for track in recording.tracks for segment in track.segments]


def test_no_recordings():
    assert list(score_recordings([], [], pytest.fail)) == []
