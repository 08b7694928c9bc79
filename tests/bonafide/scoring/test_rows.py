import math
import os

from bonafide.scoring.engine import Recording
from bonafide.scoring.rows import COLUMNS, SEGMENT_COLUMNS, Reading, as_text
from bonafide.scoring.thresholds import Threshold

READING = Reading(10, 20, Threshold("number", 0.5), prior=0.5)
LONG = Recording("a.wav", 33, [0, 10, 13], [1.0, -2.0, 4.0])
BAD = Recording("b.wav", error="empty file (0 bytes)")


def test_a_row():
    row = READING.row(LONG)
    assert tuple(row) == COLUMNS
    assert row == {
        "path": "a.wav",
        "score": 1.0,
        "probability": round(1 / (1 + math.exp(-1)), 6),
        "decision": "bona fide",
        "seconds": 3.3,
        "segments": 3,
        "error": None,
    }


def test_rows_of_segments():
    rows = READING.segment_rows(LONG)
    assert all(tuple(row) == SEGMENT_COLUMNS for row in rows)
    assert [(row["start"], row["end"]) for row in rows] == [(0, 2), (1, 3), (1.3, 3.3)]
    assert [row["score"] for row in rows] == [1.0, -2.0, 4.0]
    assert [row["decision"] for row in rows] == ["bona fide", "spoof", "bona fide"]
    assert [row["lowest"] for row in rows] == [False, True, False]


def test_a_segment_ends_with_its_recording():
    [row] = READING.segment_rows(Recording("a.wav", 7, [0], [0.0]))
    assert (row["start"], row["end"], row["lowest"]) == (0, 0.7, True)


def test_a_bad_recording():
    row = READING.row(BAD)
    assert row == dict.fromkeys(COLUMNS) | {"path": "b.wav", "error": "empty file (0 bytes)"}
    [segment] = READING.segment_rows(BAD)
    assert segment["error"] == "empty file (0 bytes)"
    assert segment["score"] is None


def test_it_is_decided_on_the_score_not_on_how_it_is_written():
    row = READING.row(Recording("a", 20, [0], [0.4999999]))
    assert (row["score"], row["decision"]) == (0.5, "spoof")


def test_the_prior_moves_the_probability_only():
    rare = Reading(10, 20, Threshold("number", 0.5), prior=0.01)
    assert rare.row(LONG)["score"] == 1.0
    assert rare.row(LONG)["probability"] == round(math.e / (math.e + 99), 6)


def test_text():
    assert READING.row(Recording("a", 20, [0], [-1e-9]))["score"] == 0
    assert math.copysign(1, READING.row(Recording("a", 20, [0], [-1e-9]))["score"]) == 1
    assert as_text("seconds", 2) == "2.000"
    assert (as_text("lowest", True), as_text("lowest", False)) == ("yes", "no")
    assert as_text("error", None) == ""


def test_names_that_are_not_utf_8_are_spelled_out():
    assert READING.row(Recording(os.fsdecode(b"\xff\xc3\xa9"), error="x"))["path"] == "\\xffé"
