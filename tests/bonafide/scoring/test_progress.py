"""The bar of `bonafide score`: one file has one, and it moves as the audio does."""

import io
import sys

import numpy as np
import pytest
import soundfile

from bonafide.scoring import progress
from bonafide.scoring.ahead import Clip, End, TrackEnd
from bonafide.scoring.reading import Track

RATE = 16_000


def clip(end_seconds):
    return Clip(0, int(end_seconds * RATE), 1.0, b"")


@pytest.fixture
def recordings(tmp_path):
    """A long recording and a short one."""
    paths = []
    for name, seconds in (("long.wav", 30), ("short.wav", 1)):
        paths.append(str(tmp_path / name))
        soundfile.write(paths[-1], np.zeros(seconds * RATE, np.int16), RATE)
    return paths


def moved(watch, items):
    """Share that is done after each item."""
    return [watch.done / watch.total for _ in watch.items([*items, None], RATE)][1:]


def test_files_count_by_their_bytes(recordings):
    watch = progress.Watch(recordings)
    end = TrackEnd("mono", 0, 0.0)
    shares = moved(watch, [end, End(), end, End()])
    assert shares == pytest.approx([30 / 31, 30 / 31, 1, 1], abs=0.001)


def test_one_file_moves_by_its_duration(recordings):
    watch = progress.Watch(recordings[:1])
    shares = moved(watch, [clip(6), clip(15), TrackEnd("mono", 0, 0.0), End()])
    assert shares == pytest.approx([0.2, 0.5, 1, 1])


def test_tracks_that_are_scored_apart_share_the_file(recordings):
    watch = progress.Watch(recordings[:1])
    tracks = [Track(name, [], (), 2) for name in ("left", "right")]
    assert list(watch.tracks(recordings[0], tracks)) == tracks
    end = TrackEnd("left", 0, 0.0)
    shares = moved(watch, [clip(15), end, clip(6), end, End()])
    # The length of the file is read once; the second track moves it at its end.
    assert shares == pytest.approx([0.25, 0.5, 0.5, 1, 1], abs=0.11)
    assert shares == sorted(shares)


def test_what_cannot_be_examined_counts_as_well():
    watch = progress.Watch(["-", "/nowhere.wav"])
    assert watch.total > 0
    assert moved(watch, [clip(3), TrackEnd("mono", 0, 0.0), End(), End("missing")])[-1] == 1


def test_the_duration_comes_from_the_header(recordings, tmp_path):
    assert progress.duration_seconds(recordings[0]) == 30
    (tmp_path / "notes.txt").write_text("x")
    assert progress.duration_seconds(str(tmp_path / "notes.txt")) is None


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("hidden", [False, True])
def test_a_terminal_sees_the_model_load_and_the_bar(recordings, monkeypatch, hidden):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress.loading(hidden=hidden):
        pass
    watch = progress.Watch(recordings[:1])
    with progress.shown(watch, hidden=hidden) as watching:
        assert len(list(watching(watch.items([clip(15), End()], RATE)))) == 2
    text = sys.stderr.getvalue()
    assert ("loading the model" in text) is not hidden
    assert ("scoring" in text) is not hidden
