import threading
import time

import numpy as np
import pytest

from bonafide.scoring import ahead
from bonafide.scoring.ahead import Clip, End, Idle, TrackEnd
from bonafide.scoring.reading import AudioError, Track

RATE = 10  # Hz


class AllSpeech:
    """Decides at once, on frames of one sample."""

    def add(self, block):
        return np.ones(len(block), np.float32)

    def finish(self):
        return np.zeros(0, np.float32)


@pytest.fixture(autouse=True)
def all_is_speech(monkeypatch):
    monkeypatch.setattr("bonafide.audio.activity.ActivityMeter", lambda rate: AllSpeech())
    monkeypatch.setattr("bonafide.audio.activity.hop_samples", lambda rate: 1)


def Decoder(paths, read, clip_samples, **options):  # noqa: N802
    return ahead.Decoder(paths, read, RATE, clip_samples, **options)


def items(decoder):
    return [item for item in decoder if not isinstance(item, Idle)]


def read(path):
    """A recording of as many samples as its name says, each its number; in blocks of 7."""
    if path == "bad":
        raise AudioError("no good")
    if path == "bug":
        raise ZeroDivisionError("what")
    yield Track("mono", blocks(path), ("a note",) if path == "4" else ())


def blocks(path):
    samples = np.arange(int(path), dtype=np.int16)
    yield from (samples[i : i + 7] for i in range(0, len(samples), 7))
    if path == "35":
        raise AudioError("cut off")


def clip(first, end):
    samples = np.arange(first, end, dtype="<i2")
    return Clip(first, end, pytest.approx((end - first) / RATE), samples.tobytes())


def end(samples, note=""):
    return [TrackEnd("mono", samples, pytest.approx(samples / RATE)), End(note=note)]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_clips_come_in_order(workers):
    paths = ["25", "bad", "4", "35", "bug", "10"] * 30
    found = items(Decoder(paths, read, 10, workers=workers))

    def clips(*ends):
        return [clip(first, end) for first, end in ends]

    expected = [
        *clips((0, 10), (5, 15), (10, 20), (15, 25)),
        *end(25),
        End("no good"),
        *clips((0, 4)),
        *end(4, "a note"),
        *clips((0, 10), (5, 15), (10, 20), (15, 25), (20, 30)),
        End("cut off"),
        End("ZeroDivisionError: what"),
        *clips((0, 10)),
        *end(10),
    ]
    assert found == expected * 30


def test_no_more_is_decoded_than_has_room():
    taken = []

    def endless(path):
        def blocks():
            for number in range(100_000):
                taken.append(number)
                yield np.zeros(5, np.int16)

        yield Track("mono", blocks())

    decoder = Decoder(["an hour"], endless, 10)
    stream = iter(decoder)
    for consumed in range(1, 2_000):
        next(stream)
        # A block a clip, and the clips that wait.
        assert len(taken) <= consumed + ahead._CLIPS_AHEAD + 4
    decoder.stop()


def test_recordings_ahead_are_bounded():
    opened = []

    def short(path):
        opened.append(path)
        yield Track("mono", [np.zeros(5, np.int16)])

    decoder = Decoder([str(i) for i in range(1_000)], short, 10)
    stream = iter(decoder)
    next(stream)
    time.sleep(0.3)
    assert len(opened) == ahead._RECORDINGS_AHEAD
    assert len(items(stream)) == 3 * 1_000 - 1


def test_threads_end_when_stopped():
    before = threading.active_count()
    decoder = Decoder(["99999"] * 9, read, 10, workers=3)
    next(iter(decoder))
    decoder.stop()
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_who_waits_is_told(monkeypatch):
    monkeypatch.setattr(ahead, "_IDLE_SECONDS", 0.01)
    goes_on = threading.Event()

    def slow(path):
        def blocks():
            yield np.zeros(15, np.int16)
            goes_on.wait(10)

        yield Track("mono", blocks())

    stream = iter(Decoder(["a"], slow, 10))
    assert isinstance(next(stream), Clip)
    assert next(stream) == Idle()
    goes_on.set()
    assert items(stream)[-2:] == end(15)


def test_channels_come_one_after_the_other():
    def two(path):
        yield Track("left", [np.arange(4, dtype=np.int16)], ("differ", "odd"))
        yield Track("right", [np.arange(7, dtype=np.int16)], ("differ", "odd"))

    assert items(Decoder(["a"], two, 10)) == [
        clip(0, 4),
        TrackEnd("left", 4, pytest.approx(0.4)),
        clip(0, 7),
        TrackEnd("right", 7, pytest.approx(0.7)),
        End(note="differ; odd"),
    ]
