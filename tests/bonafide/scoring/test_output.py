import csv
import io
import json

import pytest
import scored
from rich.console import Console

from bonafide import cells
from bonafide.scoring import output
from bonafide.scoring.engine import Recording, Track
from bonafide.scoring.rows import Reading
from bonafide.scoring.thresholds import Threshold

READING = Reading(10, 20, Threshold("number", 0.0), prior=0.5)


def recording(path, samples, starts, scores):
    return scored.recording(path, samples, starts, scores, clip=20, rate_hz=10)


RECORDINGS = [
    recording('tab\t, "quote"\nline.wav', 33, [0, 10, 13], [0.0, -1.0, 1.0]),
    Recording("b.wav", error="empty file (0 bytes)"),
]
CALL = Recording(
    "call.wav",
    [
        scored.track(30, [0, 10], [2.0, 1.0], clip=20, rate_hz=10, channel="left"),
        scored.track(30, [0, 10], [-1.0, 0.5], clip=20, rate_hz=10, channel="right"),
    ],
    note="different channels",
)


def written(open_output, recordings=RECORDINGS):
    file = io.StringIO()
    with open_output(file) as write:
        for recording in recordings:
            write(recording)
    return file.getvalue()


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_separated(delimiter):
    text = written(
        lambda file: output.separated(file, READING, segments=False, delimiter=delimiter)
    )
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    assert cells.original(rows[0]["path"]) == RECORDINGS[0].path
    assert rows[0] == {
        "path": cells.safe(RECORDINGS[0].path),
        "channel": "mono",
        "score": "0.000000",
        "probability": "0.500000",
        "decision": "bona fide",
        "seconds": "3.300",
        "speech": "3.300",
        "segments": "3",
        "lowest": "-1.000000",
        "lowest_start": "1.000",
        "partly_spoofed": "no",
        "unlike_training": "",
        "note": "",
        "error": "",
    }
    assert rows[1] == dict.fromkeys(rows[1], "") | {"path": "b.wav", "error": RECORDINGS[1].error}
    assert "\r" not in text


def test_separated_segments():
    text = written(lambda file: output.separated(file, READING, segments=True, delimiter=","))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["end"] for row in rows] == ["2.000", "3.000", "3.300", ""]
    assert [row["lowest"] for row in rows] == ["no", "yes", "no", ""]
    assert [row["error"] for row in rows] == ["", "", "", "empty file (0 bytes)"]


def test_json_lines():
    text = written(lambda file: output.json_lines(file, READING, segments=False))
    first, second = map(json.loads, text.splitlines())
    assert first == READING.row(RECORDINGS[0])
    assert second == READING.row(RECORDINGS[1])


def test_json_lines_with_segments():
    text = written(lambda file: output.json_lines(file, READING, segments=True))
    first, second = map(json.loads, text.splitlines())
    assert first["score"] == 0
    assert [part["score"] for part in first["segment_scores"]] == [0, -1, 1]
    assert set(first["segment_scores"][0]) == {
        *("channel", "start", "end", "speech", "score", "probability", "decision", "lowest"),
        *("partly_spoofed", "unlike_training"),
    }
    assert second["segment_scores"] == []


def test_channels_that_were_scored_apart():
    text = written(
        lambda file: output.separated(file, READING, segments=False, delimiter=","), [CALL]
    )
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["path"], row["channel"], row["score"], row["note"]) for row in rows] == [
        ("call.wav", "worst: right", "-0.250000", "different channels"),
        ("call.wav", "left", "1.500000", ""),
        ("call.wav", "right", "-0.250000", ""),
    ]
    found = json.loads(
        written(lambda file: output.json_lines(file, READING, segments=True), [CALL])
    )
    assert (found["channel"], found["decision"]) == ("worst: right", "spoof")
    assert [(one["channel"], one["decision"]) for one in found["channels"]] == [
        ("left", "bona fide"),
        ("right", "spoof"),
    ]
    assert [part["channel"] for part in found["segment_scores"]] == [
        *("left", "left", "right", "right")
    ]
    shown_rows = shown([CALL])
    assert "worst: right" in shown_rows
    assert "different channels" in shown_rows


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_json_document(count):
    text = written(
        lambda file: output.json_document(file, READING, segments=False, about={"model": "m"}),
        RECORDINGS[:count],
    )
    assert json.loads(text) == {
        "model": "m",
        "recordings": [READING.row(recording) for recording in RECORDINGS[:count]],
    }


def shown(recordings, *, segments=False):
    file = io.StringIO()
    console = Console(file=file, width=160, highlight=False, markup=False)
    with output.table(console, READING, segments=segments, title="the model") as write:
        for recording in recordings:
            write(recording)
    return file.getvalue()


def test_a_table():
    text = shown([*RECORDINGS, recording("[red]x\x1b[2J.wav", 20, [0], [-3.25])])
    assert "the model" in text
    assert "[red]x\\u001b[2J.wav" in text
    assert "\x1b" not in text
    assert "empty file (0 bytes)" in text
    assert "-3.250" in text
    plain = shown([RECORDINGS[0]])
    for column in ("error", "note", "channel", "partly spoofed?"):
        assert column not in plain
    assert "partly spoofed" in plain  # the column
    text = shown([Recording("quiet.wav", [Track("mono", 30, 0.3)])])
    assert "no speech" in text
    assert "0.3 s of speech" in text
    spliced = recording("s.wav", 80, [0, 10, 20, 30, 40, 50, 60], [4, 4, -2, -3, 3, 4, 4])
    assert "partly spoofed?" in shown([spliced])


def test_a_table_of_segments_marks_the_lowest():
    [line] = [line for line in shown(RECORDINGS, segments=True).splitlines() if "-1.000" in line]
    assert line.split()[-2:] == ["spoof", "lowest"]


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")

    def interrupted():
        with output.beside(str(target)) as file:
            file.write("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "old"
    with output.beside(str(target)) as file:
        file.write("new\n")
        assert target.read_text() == "old"
    assert target.read_bytes() == b"new\n"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    with output.beside(str(tmp_path / "link")) as file:
        file.write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"


def test_unwritable(tmp_path, monkeypatch):
    with pytest.raises(output.OutputError, match="there is no folder"):
        output.refuse_unwritable(str(tmp_path / "none/out.csv"))
    with pytest.raises(output.OutputError, match="is not a file"):
        output.refuse_unwritable(str(tmp_path))
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(output.OutputError, match="read-only"):
        output.refuse_unwritable(str(tmp_path / "out.csv"))


def test_a_full_disk(tmp_path):
    def full():
        with output.beside(str(tmp_path / "out")):
            raise OSError(28, "No space left on device")

    with pytest.raises(output.OutputError, match=r"cannot write .*out: No space left on device"):
        full()
    assert list(tmp_path.iterdir()) == []
