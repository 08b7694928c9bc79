import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonafide.scoring import windows
from bonafide.scoring.windows import SpeechCutter


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


# Of a recording whose samples are its speech: what is not 0 is speech.

RATE, FRAME = 100, 10  # so a pause of up to 50 samples belongs to a stretch


class NotZero:
    """Decides on whole frames, some of them late, as the detector does."""

    def __init__(self, late=0):
        self.held, self.late = np.zeros(0, np.int16), late

    def add(self, block):
        self.held = np.concatenate([self.held, block])
        count = max(0, len(self.held) - self.late) // FRAME * FRAME
        return self._decided(count)

    def finish(self):
        padded = np.zeros(-(-len(self.held) // FRAME) * FRAME, np.int16)
        padded[: len(self.held)] = self.held
        self.held = padded
        return self._decided(len(padded))

    def _decided(self, count):
        decided, self.held = self.held[:count], self.held[count:]
        return decided.reshape(-1, FRAME).any(axis=1).astype(np.float32)


def cut(blocks, clip, late=0):
    cutter = SpeechCutter(RATE, clip, meter=NotZero(late), frame_samples=FRAME)
    return list(cutter.cut(iter(blocks))), cutter


def speech(count):
    """Samples that are loud and all different."""
    return np.arange(1_000, 1_000 + count, dtype=np.int16)


def recording(*parts):
    """Samples of speech and of silence, in turns: how long each is."""
    whole = speech(sum(parts))
    ends = np.cumsum(parts)
    for start, end in zip(ends[::2], ends[1::2], strict=False):
        whole[start:end] = 0
    return whole


@given(st.lists(st.integers(0, 400), max_size=12), st.integers(1, 300), st.integers(0, 100))
def test_a_stream_is_cut_as_the_whole_would_be(lengths, clip, late):
    whole = speech(sum(lengths))
    blocks = np.split(whole, np.cumsum(lengths)[:-1]) if lengths else []
    found, cutter = cut(blocks, clip, late)
    if len(whole) + FRAME <= windows.MIN_STRETCH_SECONDS * RATE:
        assert found == []  # there is no word in it
    elif clip >= windows.MIN_STRETCH_SECONDS * RATE:
        expected = windows.starts(len(whole), clip)
        assert [window.start for window in found] == expected
    for window in found:
        part = whole[window.start : window.start + clip]
        np.testing.assert_array_equal(window.samples, part)
        assert window.speech_seconds == pytest.approx(len(part) / RATE)
    assert cutter.samples == len(whole)


@given(
    st.lists(st.integers(10, 400), min_size=1, max_size=7),
    st.lists(st.integers(1, 300), max_size=6),
    st.integers(20, 200),
)
def test_stretches_are_cut_apart_and_blocks_do_not_matter(parts, cuts, clip):
    whole = recording(*(10 * (part // 10) for part in parts))
    blocks = np.split(whole, np.minimum(np.cumsum(cuts), len(whole)))
    (found, cutter), (at_once, _) = cut(blocks, clip, late=70), cut([whole], clip)
    assert [(w.start, w.speech_seconds) for w in found] == [
        (w.start, w.speech_seconds) for w in at_once
    ]
    for window, other in zip(found, at_once, strict=True):
        np.testing.assert_array_equal(window.samples, other.samples)
        # No long pause lies in a window, nor before or behind its speech.
        speech = np.flatnonzero(window.samples)
        gaps = np.diff([-1, *speech, len(window.samples)])
        assert gaps.max() <= windows.MAX_PAUSE_SECONDS * RATE + 1
    assert cutter.speech_seconds <= np.count_nonzero(whole) / RATE + 1e-9


def test_silence_around_speech_is_in_no_window():
    [before], _ = cut([recording(150)], 300)
    for silence in (60, 300, 4_000):
        padded = np.concatenate([np.zeros(silence, np.int16), recording(150, silence)])
        [found], cutter = cut([padded], 300)
        assert (found.start, len(found.samples)) == (silence, 150)
        np.testing.assert_array_equal(found.samples, before.samples)
        assert (cutter.samples, cutter.speech_seconds) == (150 + 2 * silence, 1.5)


def test_what_follows_a_stretch_does_not_move_its_windows():
    before, _ = cut([recording(730)], 200)
    after, _ = cut([recording(730, 90, 500, 400)], 200)
    assert [w.start for w in before] == [0, 100, 200, 300, 400, 500, 530]
    assert [w.start for w in after][: len(before)] == [w.start for w in before]
    assert after[len(before)].start == 820


def test_a_short_pause_belongs_to_a_stretch_and_a_word_that_is_too_short_to_none():
    found, cutter = cut([recording(100, 50, 100)], 1_000)
    assert [(w.start, len(w.samples), w.speech_seconds) for w in found] == [(0, 250, 2.0)]
    found, cutter = cut([recording(100, 60, 20, 60, 100)], 1_000)
    assert [(w.start, w.speech_seconds) for w in found] == [(0, 1.0), (240, 1.0)]
    assert cutter.speech_seconds == 2.0


@given(st.integers(0, 95), st.integers(30, 700), st.integers(0, 400), st.integers(20, 250))
def test_silence_around_speech_moves_no_window_by_a_sample(before, length, after, clip):
    """Wherever the frames fall."""
    silence = np.zeros(before, np.int16), np.zeros(after, np.int16)
    alone, _ = cut([speech(length)], clip)
    around, _ = cut([np.concatenate([silence[0], speech(length), silence[1]])], clip)
    # The detector's frames may say a little more or less at the edges of what is too short.
    if length >= windows.MIN_STRETCH_SECONDS * RATE + FRAME:
        assert [w.start + before for w in alone] == [w.start for w in around]
        for one, other in zip(alone, around, strict=True):
            np.testing.assert_array_equal(one.samples, other.samples)


def test_faint_noise_is_no_sound():
    rng = np.random.default_rng(0)
    faint = rng.integers(-windows.SOUND + 1, windows.SOUND, 300).astype(np.int16)
    meter = NotZero()
    meter._decided = lambda count: decided(meter, count)

    def decided(self, count):
        part, self.held = self.held[:count], self.held[count:]
        return (np.abs(part).reshape(-1, FRAME).max(axis=1) > 900).astype(np.float32)

    whole = np.concatenate([faint, speech(215), faint])
    cutter = SpeechCutter(RATE, 100, meter=meter, frame_samples=FRAME)
    found = list(cutter.cut([whole]))
    assert [w.start for w in found] == [300, 350, 400, 415]
    np.testing.assert_array_equal(found[-1].samples, speech(215)[-100:])


def test_a_faint_frame_before_the_sound_begins():
    """The first run of speech may end before the sound that a stretch begins with."""
    samples = recording(0, 7 * FRAME, 60 * FRAME)
    samples[5 * FRAME : 6 * FRAME] = 1
    found, cutter = cut([samples], 200)
    assert found[0].start == 7 * FRAME
    assert found[-1].start + len(found[-1].samples) == len(samples)
    assert cutter.samples == len(samples)


def test_a_window_comes_before_the_stream_has_ended():
    def blocks():
        yield speech(160)
        raise AssertionError("read on")

    cutter = SpeechCutter(RATE, 100, meter=NotZero(), frame_samples=FRAME)
    window = next(cutter.cut(blocks()))
    assert (window.start, len(window.samples)) == (0, 100)


def test_an_hour_of_silence_or_of_speech_is_not_held():
    for value in (0, 1):
        cutter = SpeechCutter(RATE, 200, meter=NotZero(late=500), frame_samples=FRAME)

        def blocks(value=value, cutter=cutter):
            for _ in range(3_600):
                yield np.full(RATE, 1_000 * value, np.int16)
                assert len(cutter._held) <= 200 + 500 + RATE + 4 * FRAME

        assert sum(1 for _ in cutter.cut(blocks())) == value * (2 * 3_600 * RATE // 200 - 1)
