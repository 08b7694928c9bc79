import csv
import io
import json
import pathlib
import shutil
import threading

import numpy as np
import pytest
import soundfile
import tensorflow as tf
import voices
from hypothesis import given
from hypothesis import strategies as st

from bonafide.scoring import command
from bonafide.scoring.bulk import command as bulk
from bonafide.scoring.bulk import job, listing, plan, shard_writer, watching
from bonafide.scoring.rows import Reading
from bonafide.scoring.thresholds import Threshold

ROOT = pathlib.Path(__file__).resolve().parents[3]
RATE = 16_000
NAMES = [f"calls/{index}.wav" for index in range(7)]
SECONDS = [1.1 + 0.4 * index for index in range(7)]


@pytest.fixture
def folder(tmp_path, monkeypatch, pushed):
    """A folder to be in, with a pushed model, recordings, a file of words and a list of all."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "")  # is set to the checkout, for workers
    serving = tmp_path / "output/tests/serving/tests"
    serving.mkdir(parents=True)
    (serving / pushed.name).symlink_to(pushed)
    (tmp_path / "calls").mkdir()
    for index, name in enumerate(NAMES):
        soundfile.write(name, voices.level(0.5 * index - 1.0, SECONDS[index]), RATE)
    (tmp_path / "calls/words.wav").write_text("these are words")
    (tmp_path / "list.txt").write_text("\n".join([*NAMES[:4], "calls/words.wav", *NAMES[4:]]))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def run(*arguments, code=0):
    assert bulk.main([*arguments]) == code


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def shards(output="out"):
    return sorted(pathlib.Path(output).glob("scores-*"))


def summary(output="out"):
    return json.loads(pathlib.Path(output, "summary.json").read_text())


def test_the_shards_are_what_score_py_writes(folder, capsys):
    run("list.txt", "--output", "out", "--shard-recordings", "3", code=4)
    assert command.main(["--list", "list.txt", "--csv", "whole.csv"]) == 4
    found = [row for shard in shards() for row in rows(shard.read_text())]
    expected = rows((folder / "whole.csv").read_text())
    assert [list(row) for row in found] == [list(row) for row in expected]
    for row, other in zip(found, expected, strict=True):
        for column in ("path", "channel", "decision", "seconds", "speech", "segments", "error"):
            assert row[column] == other[column]
        for column in ("score", "probability"):
            assert (row[column] == "") == (other[column] == "")
            assert float(row[column] or 0) == pytest.approx(float(other[column] or 0), abs=1e-5)
    assert [shard.name for shard in shards()] == [
        f"scores-0000{index}-of-00003.csv" for index in range(3)
    ]
    assert (folder / "out/rejected.tsv").read_text() == (
        "path\treason\ncalls/words.wav\tunreadable as audio: Format not recognised; "
        "it is a text file: choose a recording\n"
    )
    told = summary()
    decided = [row["decision"] for row in expected]
    assert {name: told[name] for name in ("shards", "recordings", "scored", "rejected")} == {
        "shards": 3,
        "recordings": 8,
        "scored": 7,
        "rejected": 1,
    }
    assert (told["bonafide"], told["not_sure"], told["spoof"], told["no_speech"]) == (
        *(decided.count("bona fide"), decided.count("not sure"), decided.count("spoof"), 0),
    )
    assert min(told["bonafide"], told["not_sure"], told["spoof"]) > 0
    assert told["clips"] == sum(int(row["segments"] or 0) for row in expected)
    assert told["audio_seconds"] == pytest.approx(sum(SECONDS))
    assert told["model_version"] == "1700000000"
    assert told["this_attempt"]["clips"] == told["clips"]
    assert told["this_attempt"]["clips_per_second"] > 0
    err = capsys.readouterr().err
    assert "7 of 8 recordings scored" in err
    assert "misses 25 % of the 278 synthetic clips of its own test" in err
    # Nothing is left that only workers need.
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        *(".results", "plan.json", "rejected.tsv"),
        *(shard.name for shard in shards()),
        "summary.json",
    ]


def test_what_is_there_is_not_done_again(folder, capsys):
    command = ("list.txt", "--output", "out", "--shard-recordings", "2")
    run(*command, code=4)
    first = summary()
    before = {shard.name: (shard.stat().st_mtime_ns, shard.read_bytes()) for shard in shards()}
    assert len(before) == 4
    # As killed: a shard gone, another without its result, and a file not finished.
    lost, unfinished = shards()[1], shards()[3]
    lost.unlink()
    (folder / "out/.results/00003-of-00004").unlink()
    (folder / "out/.scratch").mkdir()
    (folder / "out/.scratch/half").write_text("half")
    run(*command, code=4)
    after = {shard.name: (shard.stat().st_mtime_ns, shard.read_bytes()) for shard in shards()}
    assert {name: data for name, (_, data) in after.items()} == {
        name: data for name, (_, data) in before.items()
    }
    assert {name for name in before if before[name][0] != after[name][0]} == {
        lost.name,
        unfinished.name,
    }
    again = summary()
    assert again["this_attempt"]["shards"] == 2
    assert {**again, "this_attempt": 0} == {**first, "this_attempt": 0}
    assert not (folder / "out/.scratch").exists()
    # And with all of them there, no engine is started.
    run(*command, code=4)
    assert summary()["this_attempt"] == {
        "shards": 0,
        "clips": 0,
        "seconds": pytest.approx(0, abs=60),
        "clips_per_second": None,
        "runner": "direct",
        "workers": 1,
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--threshold", "far1"], "threshold (band: bona fide above 0.75, spoof at or below"),
        (["--channel", "each"], "channel (auto there, each now)"),
        (["--prior", "0.25"], "prior (0.5 there, 0.25 now)"),
        (["--shard-recordings", "3"], "shard-recordings (2000 there, 3 now)"),
        (["--format", "tfrecord"], "format (csv there, tfrecord now)"),
        (["--root", "calls"], "root ("),
        (["--model", "other"], "model ("),
        (None, "list ("),
    ],
)
def test_another_plan_is_refused(folder, pushed, capsys, monkeypatch, change, said):
    nothing = {"recordings": 0, "scored": 0, "rejected": 0}
    nothing["this_attempt"] = {"clips_per_second": None}
    monkeypatch.setattr(job, "run", lambda *_, **__: nothing)
    shutil.copytree(pushed, "other/1700000000")
    (folder / "other/1700000000/saved_model.pb").open("ab").write(b"more")
    run("list.txt", "--output", "out")
    if change is None:
        (folder / "list.txt").write_text("calls/1.wav\n")
    capsys.readouterr()
    run("list.txt", "--output", "out", *(change or []), code=1)
    err = capsys.readouterr().err
    assert err.startswith(f"error: {folder}/out holds scores of another plan; what differs: ")
    assert said in err
    assert err.endswith("Name another --output, or remove this one\n")


@given(count=st.integers(1, 60), size=st.integers(1, 70))
def test_shards_hold_the_list_in_order_once(count, size):
    reading = Reading(RATE, RATE, Threshold("number", 0.0), 0.5)
    names = tuple(f"{index}.wav" for index in range(count))
    whole = plan.Plan(names, "/r", "0", "1", reading, "csv", size)
    members = [whole.members(shard) for shard in whole.shards]
    assert sum(members, ()) == names
    assert all(len(part) == size for part in members[:-1])
    assert len(members[-1]) in range(1, size + 1)
    assert list(whole.shards) == sorted(set(whole.shards))


def test_a_folder_of_something_else_is_refused(folder, capsys):
    run("list.txt", "--output", "calls", code=1)
    assert "calls holds files (such as 0.wav) but no plan.json" in capsys.readouterr().err
    assert not (folder / "calls/.results").exists()
    (folder / "out").mkdir()
    (folder / "out/plan.json").write_text("[]")
    run("list.txt", "--output", "out", code=1)
    assert "plan.json is not a plan of this program" in capsys.readouterr().err


def test_tfrecords(folder):
    run("list.txt", "--output", "out", "--format", "tfrecord", "--threshold", "-1", code=4)
    [shard] = shards()
    assert shard.name == "scores-00000-of-00001.tfrecord"
    found = []
    for record in tf.data.TFRecordDataset(str(shard)):
        features = tf.train.Example.FromString(record.numpy()).features.feature
        found.append(
            {
                name: list(getattr(value, value.WhichOneof("kind")).value)
                for name, value in features.items()
            }
        )
    assert command.main(["--list", "list.txt", "--threshold", "-1", "--json", "whole.json"]) == 4
    whole = json.loads((folder / "whole.json").read_text())["recordings"]
    expected = [row for row in whole if not row["error"]]
    assert [example["path"] for example in found] == [[row["path"].encode()] for row in expected]
    for example, row in zip(found, expected, strict=True):
        assert example["score"] == pytest.approx([row["score"]], abs=1e-5)
        assert example["probability"] == pytest.approx([row["probability"]], abs=1e-5)
        assert example["seconds"] == pytest.approx([row["seconds"]], abs=1e-3)
        assert example["decision"] == [row["decision"].encode()]
        assert len(example["segment_scores"]) == row["segments"]
        assert example["channel"] == [b"mono"]
        assert example["speech"] == pytest.approx([row["speech"]], abs=1e-3)
        assert example["partly_spoofed"] == [row["partly_spoofed"]]
        assert example["unlike_training"] == [b""]
        mean = np.average(example["segment_scores"], weights=example["segment_speech"])
        assert mean == pytest.approx(row["score"], abs=1e-5)
    # 3.5 s: windows of a second every half, the last one flush with the end.
    assert found[-1]["segment_seconds"] == [0, 0.5, 1, 1.5, 2, 2.5]


def test_what_is_unlike_training_is_counted_as_not_sure(folder, pushed, capsys):
    narrow = folder / "narrow" / pushed.name
    shutil.copytree(pushed, narrow)
    file = narrow / "assets.extra/training_range.json"
    content = json.loads(file.read_text())
    content["ranges"]["bandwidth_hz"] |= {"low": 7_200.0, "high": 8_000.0}
    file.write_text(json.dumps(content))
    run("list.txt", "--output", "out", "--model", str(narrow), code=4)
    summary = json.loads((folder / "out/summary.json").read_text())
    assert summary["not_sure"] == summary["scored"] > 0
    assert command.main(["--list", "list.txt", "--model", str(narrow), "--csv", "whole.csv"]) == 4
    written = "".join(shard.read_text() for shard in shards())
    assert "kHz (training: 7.2 to 8 kHz)" in written
    assert written == (folder / "whole.csv").read_text()


def test_what_holds_no_speech_is_rejected_and_calls_have_rows_for_channels(folder, capsys):
    soundfile.write("calls/silence.wav", np.zeros(3 * RATE), RATE)
    left, right = voices.level(2.5, 2.0), voices.voice(2.0)[::-1] - 1_000
    soundfile.write("calls/call.wav", np.stack([left, right], axis=1), RATE)
    (folder / "two.txt").write_text("calls/silence.wav\ncalls/call.wav\n")
    run("two.txt", "--output", "out", code=4)
    found = rows((folder / "out/scores-00000-of-00001.csv").read_text())
    assert [(row["channel"], row["decision"]) for row in found] == [
        *(("mono", "no speech"), ("worst: right", "spoof")),
        *(("left", "bona fide"), ("right", "spoof")),
    ]
    assert (folder / "out/rejected.tsv").read_text() == (
        "path\treason\ncalls/silence.wav\t0.0 s of speech, at least 1 s are needed\n"
    )
    counts = {"recordings": 2, "scored": 1, "rejected": 1, "no_speech": 1, "spoof": 1}
    assert {name: summary()[name] for name in counts} == counts


def test_an_object_store(folder, memory_store):
    for name in [*NAMES, "calls/words.wav"]:
        memory_store[f"memory://b/in/{name}"] = (folder / name).read_bytes()
    table = "".join(f"{name},en\n" for name in [*NAMES, "calls/words.wav", "calls/none.opus"])
    memory_store["memory://b/list.csv"] = f"file,language\n{table}".encode()
    arguments = ["memory://b/list.csv", "--root", "memory://b/in", "--output", "memory://b/out"]
    run(*arguments, "--shard-recordings", "4", code=4)
    text = "".join(
        memory_store[f"memory://b/out/scores-0000{i}-of-00003.csv"].decode() for i in "012"
    )
    assert command.main([*NAMES, "--csv", "whole.csv"]) == 0
    expected = {row["path"]: row["score"] for row in rows((folder / "whole.csv").read_text())}
    scored = {row["path"]: row["score"] for row in rows(text) if row["segments"].isdecimal()}
    assert scored.keys() == expected.keys()
    for path, value in scored.items():
        assert float(value) == pytest.approx(float(expected[path]), abs=1e-5)
    assert memory_store["memory://b/out/rejected.tsv"].decode() == (
        "path\treason\n"
        "calls/words.wav\tunreadable as audio: Format not recognised; "
        "it is a text file: choose a recording\n"
        "calls/none.opus\tthere is no such file\n"
    )
    left = {name.removeprefix("memory://b/out/").partition("/")[0] for name in memory_store}
    assert {".scratch", ".lists", ".model"}.isdisjoint(left)


def test_a_store_that_fails_now_and_then_is_asked_again(memory_store, store_failures, monkeypatch):
    monkeypatch.setattr("apache_beam.utils.retry.Clock.sleep", lambda *_: None)
    listing.beam_files.use_options([])
    memory_store["memory://b/x"] = b"content"
    store_failures[:] = [OSError("busy"), OSError("busy")]
    assert shard_writer.content("memory://b/x") == b"content"
    with pytest.raises(FileNotFoundError):
        shard_writer.content("memory://b/none")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "name,key\n1.wav,spoof\n", "a.csv:1: expected a column path or file or"),
        ("a.csv", "path\n../1.wav\n", "the root of the corpus, got '../1.wav'"),
        ("a.jsonl", '{"path": ""}\n', "a.jsonl:1: the path is empty"),
        ("a.csv", "path\n", "a.csv: expected rows below the header, got none"),
        ("a.txt", "\n\n", "names no recording"),
        ("none.txt", None, "none.txt cannot be read"),
    ],
)
def test_lists_that_cannot_be_used(folder, capsys, name, content, said):
    if content is not None:
        (folder / name).write_text(content)
    run(name, "--output", "out", code=1)
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert said in err
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("root", "path", "expected"),
    [
        ("/r", "a/b.wav", "/r/a/b.wav"),
        ("/r", "/x/b.wav", "/x/b.wav"),
        ("/r", "gs://b/c.wav", "gs://b/c.wav"),
        ("memory://b/r", "a/b.wav", "memory://b/r/a/b.wav"),
    ],
)
def test_addresses(memory_store, root, path, expected):
    listing.beam_files.use_options([])
    assert listing.address(root, path) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--set", "trainer.epochs=1"],
            "expected a setting beam.*, got 'trainer.epochs=1' (--set)",
        ),
        (["--set", "beam.runer=direct"], "Did you mean 'beam.runner"),
        (["--workers", "0"], "expected a whole number above 0"),
        (["--prior", "1"], "not a number between 0 and 1"),
    ],
)
def test_wrong_command_lines(folder, capsys, arguments, said):
    with pytest.raises(SystemExit) as ended:
        bulk.main(["list.txt", "--output", "out", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_model_that_fails_is_told_in_a_line_and_the_rest_is_kept(folder, pushed, capsys):
    shutil.copytree(pushed, "broken/1700000000")
    (folder / "broken/1700000000/saved_model.pb").write_bytes(b"no model")
    run("list.txt", "--output", "out", "--model", "broken", code=1)
    err = capsys.readouterr().err
    last, log = err.splitlines()[-2:]
    log = pathlib.Path(log.removeprefix("  full log  "))
    assert log.is_relative_to(folder)
    assert log.is_file()
    assert last.startswith("error: the Beam job failed: ")
    assert "1700000000 cannot be loaded" in last
    assert (folder / "out/plan.json").exists()
    assert shards() == []


def test_an_interrupt_inside_of_a_step_is_one(folder, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(shard_writer, "score", interrupted)
    run("list.txt", "--output", "out", code=130)
    assert capsys.readouterr().err.endswith("\ninterrupted; the same command resumes\n")
    assert shards() == []
    assert list((folder / "out/.scratch").iterdir()) == []


def test_progress_survives_a_listing_that_fails(monkeypatch):
    asked, seen = [], threading.Event()

    class Workspace:
        def finished(self):
            asked.append(1)
            if len(asked) == 1:
                raise OSError("busy")
            seen.set()
            return {"00000-of-00002"}

    monkeypatch.setattr(watching, "_SECONDS", 0.001)
    screen = io.StringIO()
    screen.isatty = lambda: True
    with watching.watching(Workspace(), 2, screen):
        assert seen.wait(60)
    assert "bulk-progress" not in {thread.name for thread in threading.enumerate()}


def test_the_cause_in_an_engines_words():
    frames = "bundle failed:\n  File x\nValueError: first\n  more\n"
    text = frames + "bonafide.scoring.model.ModelError: no\n  at y\n"
    assert job.cause(RuntimeError(text)) == "bonafide.scoring.model.ModelError: no"
    assert job.cause(RuntimeError("lost\nthe connection")) == "the connection"
    assert job.cause(RuntimeError()) == "RuntimeError"
