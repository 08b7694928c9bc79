import threading
import time

import numpy as np
import pytest

from bonafide.scoring import ahead
from bonafide.scoring.ahead import Clip, Decoder, End, Idle
from bonafide.scoring.reading import AudioError


def items(decoder):
    return [item for item in decoder if not isinstance(item, Idle)]


def read(path):
    """A recording of as many samples as its name says, each its number; in blocks of 7."""
    if path == "bad":
        raise AudioError("no good")
    if path == "bug":
        raise ZeroDivisionError("what")
    samples = np.arange(int(path), dtype=np.int16)
    yield from (samples[i : i + 7] for i in range(0, len(samples), 7))
    if path == "33":
        raise AudioError("cut off")


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_clips_come_in_order(workers):
    paths = ["25", "bad", "4", "33", "bug", "10"] * 30
    found = items(Decoder(paths, read, 10, workers=workers))
    numbers = np.arange(100, dtype="<i2")

    def clips(*ends):
        return [Clip(a, numbers[a:b].tobytes()) for a, b in ends]

    expected = [
        *clips((0, 10), (5, 15), (10, 20), (15, 25)),
        End(25),
        End(0, "no good"),
        *clips((0, 4)),
        End(4),
        *clips((0, 10), (5, 15), (10, 20), (15, 25), (20, 30)),
        End(33, "cut off"),
        End(0, "ZeroDivisionError: what"),
        *clips((0, 10)),
        End(10),
    ]
    assert found == expected * 30


def test_no_more_is_decoded_than_has_room():
    taken = []

    def endless(path):
        for number in range(100_000):
            taken.append(number)
            yield np.zeros(5, np.int16)

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
        yield np.zeros(5, np.int16)

    decoder = Decoder([str(i) for i in range(1_000)], short, 10)
    stream = iter(decoder)
    next(stream)
    time.sleep(0.3)
    assert len(opened) == ahead._RECORDINGS_AHEAD
    assert len(items(stream)) == 2 * 1_000 - 1


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
        yield np.zeros(15, np.int16)
        goes_on.wait(10)

    stream = iter(Decoder(["a"], slow, 10))
    assert isinstance(next(stream), Clip)
    assert next(stream) == Idle()
    goes_on.set()
    assert items(stream)[-1] == End(15)
