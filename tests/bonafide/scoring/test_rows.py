import dataclasses
import math
import os

import pytest
import scored

from bonafide.metrics.training_range import QUALITIES, Range, TrainingRange
from bonafide.scoring.engine import Recording, Track
from bonafide.scoring.rows import COLUMNS, SEGMENT_COLUMNS, Reading, as_text
from bonafide.scoring.thresholds import Threshold

READING = Reading(10, 20, Threshold("number", 0.5), prior=0.5)


def recording(path, samples, starts, scores):
    return scored.recording(path, samples, starts, scores, clip=20, rate_hz=10)


LONG = recording("a.wav", 33, [0, 10, 13], [1.0, -2.0, 4.0])
BAD = Recording("b.wav", error="empty file (0 bytes)")
QUIET = Recording("c.wav", [Track("mono", 50, 0.4)], note="odd header")
CALL = Recording(
    "d.wav",
    [
        scored.track(30, [0, 10], [2.0, 1.0], clip=20, rate_hz=10, channel="left"),
        scored.track(30, [0, 10], [-1.0, 1.0], clip=20, rate_hz=10, channel="right"),
        Track("channel 3", 30, 0.0),
    ],
    note="different channels",
)


def test_a_row():
    row = READING.row(LONG)
    assert tuple(row) == COLUMNS
    assert row == {
        "path": "a.wav",
        "channel": "mono",
        "score": 1.0,
        "probability": round(1 / (1 + math.exp(-1)), 6),
        "decision": "bona fide",
        "seconds": 3.3,
        "speech": 3.3,
        "segments": 3,
        "lowest": -2.0,
        "lowest_start": 1.0,
        "partly_spoofed": False,
        "unlike_training": None,
        "note": None,
        "error": None,
    }
    assert READING.rows(LONG) == [row]


def test_a_recording_without_speech():
    row = READING.row(QUIET)
    assert row == dict.fromkeys(COLUMNS) | {
        **{"path": "c.wav", "channel": "mono", "decision": "no speech"},
        **{"seconds": 5.0, "speech": 0.4, "note": "odd header"},
        "error": "0.4 s of speech, at least 1 s are needed",
    }
    [segment] = READING.segment_rows(QUIET)
    assert segment == dict.fromkeys(SEGMENT_COLUMNS) | {
        **{"path": "c.wav", "decision": "no speech"},
        "error": "0.4 s of speech, at least 1 s are needed",
    }


def test_channels_that_were_scored_apart_have_rows_and_the_lowest_decides():
    own, left, right, third = READING.rows(CALL)
    assert own == READING.row(CALL)
    assert [row["channel"] for row in (own, left, right, third)] == [
        *("worst: right", "left", "right", "channel 3")
    ]
    assert [row["score"] for row in (own, left, right, third)] == [0.0, 1.5, 0.0, None]
    assert [row["decision"] for row in (own, left, right, third)] == [
        *("spoof", "bona fide", "spoof", "no speech")
    ]
    assert [row["note"] for row in (own, left, right, third)] == [
        *("different channels", None, None, None)
    ]
    assert all(tuple(row) == COLUMNS for row in (own, left, right, third))
    assert all(row["error"] is None for row in (own, left, right, third))
    segments = READING.segment_rows(CALL)
    assert [(row["channel"], row["score"], row["lowest"]) for row in segments] == [
        *(("left", 2.0, False), ("left", 1.0, True)),
        *(("right", -1.0, True), ("right", 1.0, False)),
    ]


def test_a_run_of_low_segments_is_marked():
    spliced = recording("a", 80, [0, 10, 20, 30, 40, 50, 60], [4, 4, -2, -3, 3, 4, 4])
    row = READING.row(spliced)
    assert (row["decision"], row["partly_spoofed"]) == ("bona fide", True)
    assert READING.run(spliced) == (2.0, 5.0)
    flags = [row["partly_spoofed"] for row in READING.segment_rows(spliced)]
    assert flags == [False, False, True, True, False, False, False]
    assert READING.run(LONG) is None
    assert READING.run(QUIET) is None


def test_three_answers():
    band = Threshold("band", 2.0, accept_equal=False, lower=-1.0)
    reading = dataclasses.replace(READING, threshold=band)
    decisions = [
        reading.row(recording("a", 20, [0], [score]))["decision"]
        for score in (-1.5, -1.0, 0.0, 2.0, 2.1)
    ]
    assert decisions == ["spoof", "spoof", "not sure", "not sure", "bona fide"]


def test_rows_of_segments():
    rows = READING.segment_rows(LONG)
    assert all(tuple(row) == SEGMENT_COLUMNS for row in rows)
    assert [(row["start"], row["end"]) for row in rows] == [(0, 2), (1, 3), (1.3, 3.3)]
    assert [row["score"] for row in rows] == [1.0, -2.0, 4.0]
    assert [row["decision"] for row in rows] == ["bona fide", "spoof", "bona fide"]
    assert [row["lowest"] for row in rows] == [False, True, False]


def test_a_segment_ends_with_its_recording():
    [row] = READING.segment_rows(recording("a.wav", 17, [0], [0.0]))
    assert (row["start"], row["end"], row["lowest"]) == (0, 1.7, True)


def test_a_bad_recording():
    row = READING.row(BAD)
    assert row == dict.fromkeys(COLUMNS) | {"path": "b.wav", "error": "empty file (0 bytes)"}
    [segment] = READING.segment_rows(BAD)
    assert segment["error"] == "empty file (0 bytes)"
    assert segment["score"] is None


def test_it_is_decided_on_the_score_not_on_how_it_is_written():
    row = READING.row(recording("a", 20, [0], [0.4999999]))
    assert (row["score"], row["decision"]) == (0.5, "spoof")


def test_the_prior_moves_the_probability_only():
    rare = Reading(10, 20, Threshold("number", 0.5), prior=0.01)
    assert rare.row(LONG)["score"] == 1.0
    assert rare.row(LONG)["probability"] == round(math.e / (math.e + 99), 6)


def test_text():
    assert READING.row(recording("a", 20, [0], [-1e-9]))["score"] == 0
    assert math.copysign(1, READING.row(recording("a", 20, [0], [-1e-9]))["score"]) == 1
    assert as_text("seconds", 2) == "2.000"
    assert (as_text("lowest", True), as_text("lowest", False)) == ("yes", "no")
    assert (as_text("lowest", -0.5), as_text("partly_spoofed", False)) == ("-0.500000", "no")
    assert as_text("error", None) == ""


def test_names_that_are_not_utf_8_are_spelled_out():
    assert READING.row(Recording(os.fsdecode(b"\xff\xc3\xa9"), error="x"))["path"] == "\\xffé"


TRAINING = TrainingRange({quality.name: Range(0.0, 8_000.0) for quality in QUALITIES}, 20)
AWARE = dataclasses.replace(READING, training=TRAINING)
LIKE, UNLIKE = (4_000.0, *[1.0] * 5), (9_000.0, *[1.0] * 5)
WHY = "bandwidth 9 kHz (training: 0 to 8 kHz)"


def with_qualities(found, *qualities):
    tracks = [
        dataclasses.replace(track, qualities=values)
        for track, values in zip(found.tracks, qualities, strict=True)
    ]
    return dataclasses.replace(found, tracks=tracks)


def test_what_is_unlike_training_is_not_decided():
    row = AWARE.row(with_qualities(LONG, UNLIKE))
    assert tuple(row) == COLUMNS
    assert (row["decision"], row["unlike_training"]) == ("not sure", WHY)
    assert (row["score"], row["error"]) == (1.0, None)
    segments = AWARE.segment_rows(with_qualities(LONG, UNLIKE))
    assert all(tuple(segment) == SEGMENT_COLUMNS for segment in segments)
    assert {(one["decision"], one["unlike_training"]) for one in segments} == {("not sure", WHY)}


def test_what_is_like_training_or_not_measured_is_decided():
    for found in (with_qualities(LONG, LIKE), LONG):
        assert AWARE.row(found) == READING.row(found)
        assert AWARE.row(found)["unlike_training"] is None
    # A model that does not say what its training was like.
    assert READING.row(with_qualities(LONG, UNLIKE)) == READING.row(LONG)


def test_no_speech_stays_no_speech():
    assert AWARE.row(with_qualities(QUIET, UNLIKE)) == READING.row(QUIET)


@pytest.mark.parametrize(
    ("left", "right", "channel", "decision"),
    [
        # The right one alone is a spoof, the left one alone bona fide.
        (LIKE, LIKE, "worst: right", "spoof"),
        (UNLIKE, LIKE, "worst: right", "spoof"),
        (LIKE, UNLIKE, "worst: right", "not sure"),
        (UNLIKE, UNLIKE, "worst: right", "not sure"),
    ],
)
def test_each_channel_is_like_training_or_not_by_itself(left, right, channel, decision):
    found = with_qualities(CALL, left, right, None)
    own, *apart = AWARE.rows(found)
    assert (own["channel"], own["decision"]) == (channel, decision)
    assert [bool(row["unlike_training"]) for row in apart] == [left == UNLIKE, right == UNLIKE, 0]
    assert apart[2]["decision"] == "no speech"


def test_a_channel_unlike_training_decides_before_one_that_is_bona_fide():
    found = with_qualities(CALL, UNLIKE, LIKE, None)
    lenient = dataclasses.replace(AWARE, threshold=Threshold("number", -3.0))
    own, left, right, _ = lenient.rows(found)
    assert (left["decision"], right["decision"]) == ("not sure", "bona fide")
    assert (own["channel"], own["decision"], own["score"]) == ("worst: left", "not sure", 1.5)
