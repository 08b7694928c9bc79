import csv
import io
import json
import math
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from voices import level, voice

from bonafide import cells
from bonafide.audio import decoding, recording
from bonafide.scoring import ahead, command, engine
from bonafide.scoring import rows as columns

ROOT = pathlib.Path(__file__).resolve().parents[3]
WITHOUT = ROOT / "tests/harness/without_frameworks.py"
RATE = 16_000
COLUMNS = list(columns.COLUMNS)
# What every run says of the model of the tests, by default.
LIMITS = (
    "At this threshold this detector misses 25 % of the 278 synthetic clips of its own test (it "
    "calls them bona fide), and calls 20 % of the 164 real ones spoof; it is not sure about 19 % "
    "of the synthetic and 24 % of the real ones.\n"
)


@pytest.fixture
def folder(tmp_path, monkeypatch, pushed):
    """A folder to be in, with a pushed model and some recordings."""
    monkeypatch.chdir(tmp_path)
    serving = tmp_path / "output/tests/serving/tests"
    serving.mkdir(parents=True)
    (serving / pushed.name).symlink_to(pushed)
    soundfile.write("high.wav", level(1.5), RATE)
    soundfile.write("low.wav", level(-0.25, 1.2), RATE)
    soundfile.write("long.flac", level([3.0, -1.0], 2.0), RATE)
    (tmp_path / "words.wav").write_text("these are words")
    return tmp_path


def rows(text, delimiter="\t"):
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def run(capsys, *arguments, code=0):
    """The rows on standard output, and standard error."""
    assert command.main(list(arguments)) == code
    out, err = capsys.readouterr()
    return rows(out), err


def test_into_a_pipe_it_writes_tsv(folder, capsys):
    found, err = run(capsys, "high.wav", "low.wav", "long.flac")
    assert list(found[0]) == COLUMNS
    assert [row["path"] for row in found] == ["high.wav", "low.wav", "long.flac"]
    assert [float(row["score"]) for row in found] == [1.5, -0.25, 1.0]
    assert [row["decision"] for row in found] == ["bona fide", "spoof", "bona fide"]
    assert [row["seconds"] for row in found] == ["1.000", "1.200", "2.000"]
    assert [row["segments"] for row in found] == ["1", "2", "3"]
    assert [row["channel"] for row in found] == ["mono"] * 3
    assert [float(row["lowest"]) for row in found] == [1.5, -0.25, -1.0]
    assert [row["lowest_start"] for row in found] == ["0.000", "0.000", "1.000"]
    assert all(float(r["speech"]) == pytest.approx(float(r["seconds"]), abs=0.02) for r in found)
    assert float(found[0]["probability"]) == pytest.approx(1 / (1 + np.exp(-1.5)), abs=1e-6)
    assert err == LIMITS


@pytest.mark.parametrize("kind", ["--csv", "--json"])
def test_a_dash_is_standard_output(folder, capsys, kind):
    assert command.main(["high.wav", kind, "-"]) == 0
    out, err = capsys.readouterr()
    if kind == "--csv":
        [row] = rows(out, delimiter=",")
    else:
        [row] = json.loads(out)["recordings"]
    assert float(row["score"]) == 1.5
    assert err == LIMITS
    assert not (folder / "-").exists()


def test_a_file_scores_as_the_signature_scores_its_samples(folder, pushed, capsys):
    rng = np.random.default_rng(0)
    signature = tf.saved_model.load(str(pushed)).signatures["score_pcm16"]
    for rate_hz, channels in ((RATE, 1), (RATE, 2), (8_000, 1)):
        samples = voice(1.0, rate_hz)[:, None] / 20_000 + rng.normal(
            0.05, 0.001, (rate_hz, channels)
        )
        soundfile.write("talk.wav", samples, rate_hz)
        pcm16 = decoding.decode(pathlib.Path("talk.wav").read_bytes(), RATE, 0.3)
        expected = signature(pcm16=tf.constant([pcm16.astype("<i2").tobytes()]))
        [row], _ = run(capsys, "talk.wav")
        assert float(row["score"]) == pytest.approx(expected["score"].numpy()[0], abs=1e-6)
        assert float(row["probability"]) == pytest.approx(
            expected["probability"].numpy()[0], abs=1e-6
        )


def test_neighbours_do_not_change_a_score(folder, capsys):
    names = [f"{i}.wav" for i in range(2 * engine.BATCH_CLIPS + 3)]
    for i, name in enumerate(names):
        soundfile.write(name, level(i / 100, 1.0 + i // 5 / 10), RATE)
    together, _ = run(capsys, *names)
    assert [float(row["score"]) for row in together] == pytest.approx(
        [i / 100 for i in range(len(names))],
        abs=1e-3,  # the last window may lie beside a block
    )
    alone, _ = run(capsys, names[40])
    assert float(alone[0]["score"]) == pytest.approx(float(together[40]["score"]), abs=1e-5)


def test_segments(folder, capsys):
    found, _ = run(capsys, "--segments", "long.flac", "low.wav")
    assert [(row["start"], row["end"]) for row in found] == [
        ("0.000", "1.000"),
        ("0.500", "1.500"),
        ("1.000", "2.000"),
        ("0.000", "1.000"),
        ("0.200", "1.200"),
    ]
    assert [float(row["score"]) for row in found] == [3.0, 1.0, -1.0, -0.25, -0.25]
    assert [row["lowest"] for row in found] == ["no", "no", "yes", "yes", "no"]
    assert all(float(row["speech"]) == pytest.approx(1.0, abs=0.01) for row in found)


def test_channels_that_are_alike_are_averaged(folder, capsys):
    soundfile.write("stereo.wav", np.stack([level(3.0), level(1.0)], axis=1), RATE)
    [row], _ = run(capsys, "stereo.wav")
    assert (float(row["score"]), row["channel"], row["note"]) == (2.0, "mix", "")
    for channel, score in (("left", 3.0), ("right", 1.0), ("mix", 2.0)):
        [row], _ = run(capsys, "stereo.wav", "--channel", channel)
        assert (float(row["score"]), row["channel"]) == (score, channel)
    found, _ = run(capsys, "stereo.wav", "--channel", "each")
    assert [(row["channel"], float(row["score"])) for row in found] == [
        *(("worst: right", 1.0), ("left", 3.0), ("right", 1.0))
    ]


def test_channels_that_differ_are_scored_apart_and_the_lowest_decides(folder, capsys):
    other = voice(2.0)[::-1]
    for right, said in ((other, "different channels for"), (-voice(2.0), "opposite in phase")):
        soundfile.write("call.wav", np.stack([level(2.5, 2.0), right - 1_000], axis=1), RATE)
        (own, left, apart), _ = run(capsys, "call.wav")
        assert [row["channel"] for row in (own, left, apart)] == ["worst: right", "left", "right"]
        assert (own["decision"], left["decision"]) == ("spoof", "bona fide")
        assert (own["score"], own["segments"]) == (apart["score"], apart["segments"])
        assert float(left["score"]) == 2.5
        assert float(own["score"]) < -0.9
        assert said in own["note"]
    [row], _ = run(capsys, "call.wav", "--channel", "left")
    assert row["decision"] == "bona fide"


def test_what_holds_no_speech_is_not_decided(folder, capsys):
    rng = np.random.default_rng(0)
    times = np.arange(3 * RATE) / RATE
    for name, samples in {
        "silence.wav": np.zeros(3 * RATE),
        "noise.wav": rng.normal(0, 0.1, 3 * RATE),
        "tone.wav": 0.3 * np.sin(2 * np.pi * 440 * times),
        "word.wav": np.concatenate([np.zeros(RATE), voice(0.6) / 32_768, np.zeros(RATE)]),
    }.items():
        soundfile.write(name, samples, RATE)
        [row], err = run(capsys, name, code=4)
        assert row["decision"] == "no speech"
        assert (row["score"], row["probability"], row["segments"]) == ("", "", "")
        assert row["error"].endswith(" s of speech, at least 1 s are needed")
        assert "no score for the recording; the column error says why" in err
    assert 0.4 < float(row["speech"]) < 0.7
    found, _ = run(capsys, "silence.wav", "high.wav", "--segments", code=4)
    assert [row["decision"] for row in found] == ["no speech", "bona fide"]


def test_silence_noise_and_tones_around_speech_do_not_count(folder, capsys):
    rng = np.random.default_rng(0)
    long = 20 * RATE
    for rest in (
        *(np.zeros(long), rng.normal(0, 0.001, long), rng.normal(0, 0.05, long)),
        0.3 * np.sin(2 * np.pi * 440 * np.arange(long) / RATE),
    ):
        rest = np.rint(rest * 32_768).astype(np.int16)
        soundfile.write("after.wav", np.concatenate([level(-1.5, 2.0), rest]), RATE)
        soundfile.write("around.wav", np.concatenate([rest, level(-1.5, 2.0), rest]), RATE)
        found, _ = run(capsys, "after.wav", "around.wav")
        assert [row["decision"] for row in found] == ["spoof", "spoof"]
        assert float(found[0]["score"]) == pytest.approx(-1.5, abs=0.1)
        assert float(found[1]["score"]) == pytest.approx(-1.5, abs=0.1)
        assert all(float(row["speech"]) == pytest.approx(2.0, abs=0.15) for row in found)


def test_a_spoofed_part_is_marked(folder, capsys):
    soundfile.write("spliced.wav", level([3.0, 3.0, -2.0, 3.0, 3.0], 15.0), RATE)
    [row], _ = run(capsys, "spliced.wav")
    assert (row["decision"], row["partly_spoofed"]) == ("bona fide", "yes")
    assert float(row["lowest"]) == -2.0
    assert float(row["lowest_start"]) == pytest.approx(6.0, abs=0.5)
    segments, _ = run(capsys, "spliced.wav", "--segments")
    marked = [row for row in segments if row["partly_spoofed"] == "yes"]
    assert len(marked) >= 4
    assert float(marked[0]["start"]) == pytest.approx(6.0, abs=1.0)
    assert float(marked[-1]["end"]) == pytest.approx(9.0, abs=1.0)
    [row], _ = run(capsys, "long.flac")
    assert row["partly_spoofed"] == "no"


def trained_on(folder, pushed, **ranges):
    """A model whose training had these ranges, others being as wide as they get."""
    copy = folder / "other" / pushed.name
    shutil.copytree(pushed, copy, dirs_exist_ok=True)
    file = copy / "assets.extra/training_range.json"
    content = json.loads(file.read_text())
    for name, (low, high) in ranges.items():
        content["ranges"][name] |= {"low": low, "high": high}
    file.write_text(json.dumps(content))
    return str(copy)


def test_what_is_unlike_training_is_not_decided(folder, pushed, capsys):
    wide = trained_on(folder, pushed, bandwidth_hz=(7_200.0, 8_000.0))
    narrow = trained_on(folder / "narrow", pushed, bandwidth_hz=(2_000.0, 8_000.0))
    (row, low), err = run(capsys, "high.wav", "low.wav", "--model", wide)
    assert (row["decision"], low["decision"]) == ("not sure", "not sure")
    assert re.fullmatch(
        r"bandwidth [34](\.\d)? kHz \(training: 7.2 to 8 kHz\)", row["unlike_training"]
    )
    assert (float(row["score"]), row["error"]) == (1.5, "")
    assert err == LIMITS
    (row, low), _ = run(capsys, "high.wav", "low.wav", "--model", narrow)
    assert (row["decision"], low["decision"]) == ("bona fide", "spoof")
    assert row["unlike_training"] == ""
    assert command.main(["high.wav", "--model", wide, "--json", "out.json"]) == 0
    content = json.loads(pathlib.Path("out.json").read_text())
    assert content["training_range"]["ranges"]["bandwidth_hz"]["low"] == 7_200
    assert content["recordings"][0]["unlike_training"].startswith("bandwidth ")
    capsys.readouterr()


def test_a_version_that_does_not_describe_its_training_says_so_once(folder, pushed, capsys):
    old = pathlib.Path(trained_on(folder, pushed))
    (old / "assets.extra/training_range.json").unlink()
    found, err = run(capsys, "high.wav", "low.wav", "--model", str(old))
    assert [row["unlike_training"] for row in found] == ["", ""]
    assert err == LIMITS + (
        "No recording is marked as unlike training: the model was pushed before its training data "
        "were described. Train and push it again to have it.\n"
    )
    (old / "assets.extra/training_range.json").write_text("{")
    assert command.main(["high.wav", "--model", str(old)]) == 1
    assert "training_range.json cannot be used: no JSON" in capsys.readouterr().err


@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
def test_any_rate(folder, capsys, rate_hz):
    soundfile.write("clip.wav", level(1.0, 1.0, rate_hz), rate_hz)
    [row], _ = run(capsys, "clip.wav")
    assert float(row["score"]) == pytest.approx(1.0, abs=0.02)
    assert row["seconds"] == "1.000"


def test_a_bad_file_is_told_and_the_others_are_scored(folder, capsys):
    found, err = run(capsys, "words.wav", "high.wav", "none.wav", ".", code=4)
    assert [row["error"] for row in found] == [
        "unreadable as audio: Format not recognised; it is a text file: choose a recording",
        "",
        "there is no such file",
        "it is a folder: --recursive scores the recordings in it",
    ]
    assert [row["score"] for row in found] == ["", "1.500000", "", ""]
    assert err == (f"error: no score for 3 of 4 recordings; the column error says why\n{LIMITS}")
    _, err = run(capsys, "none.wav", code=4)
    assert err == f"error: no score for the recording; the column error says why\n{LIMITS}"


def test_folders_and_lists(folder, capsys):
    (folder / "in/deep").mkdir(parents=True)
    for name in ("in/ünï 音.wav", "in/deep/-x.wav"):
        shutil.copy("low.wav", name)
    (folder / "in/notes.txt").touch()
    (folder / "list.txt").write_text("in\nhigh.wav\n")
    found, _ = run(capsys, "--recursive", "low.wav", "--list", "list.txt")
    assert [row["path"] for row in found] == [
        *("low.wav", "in/ünï 音.wav", "in/deep/-x.wav", "high.wav")
    ]
    assert {row["error"] for row in found} == {""}


@pytest.mark.parametrize("name", [os.fsdecode(b"\xff.wav"), "a\tb.wav", 'q"uo\nte.wav', "- .wav"])
def test_odd_names(folder, capsys, name):
    shutil.copy("high.wav", name)
    [row], _ = run(capsys, f"./{name}")
    assert row["score"] == "1.500000"
    assert cells.original(row["path"]) == f"./{name}".replace("\udcff", "\\xff")
    assert row["path"].isprintable()


@pytest.mark.parametrize(
    ("option", "decision", "value"),
    [
        ("band", "not sure", 0.75),
        ("even", "bona fide", 0.0),
        ("bayes", "bona fide", -math.log(1.9)),
        ("eer", "spoof", 0.5),
        ("far5", "spoof", 0.75),
        ("frr5", "bona fide", -0.2),
        ("far1", "spoof", 2.0),
        ("0.4999", "bona fide", 0.4999),
        ("-1", "bona fide", -1.0),
    ],
)
def test_thresholds(folder, capsys, option, decision, value):
    soundfile.write("on.wav", level(0.5), RATE)
    [row], _ = run(capsys, "on.wav", "--threshold", option)
    assert row["decision"] == decision
    assert command.main(["on.wav", "--threshold", option, "--json", "out.json"]) == 0
    about = json.loads(pathlib.Path("out.json").read_text())
    assert about["threshold"]["value"] == pytest.approx(value)
    assert about["own_test"]["n_spoof"] == 278


def test_prior_and_costs_move_bayes(folder, capsys):
    [row], _ = run(capsys, "high.wav", "--prior", "0.1")
    assert row["decision"] == "spoof"  # ln 9 is 2.2
    assert float(row["probability"]) == pytest.approx(np.exp(1.5) / (np.exp(1.5) + 9), abs=1e-6)
    [row], _ = run(capsys, "high.wav", "--cost-ratio", "5")
    assert row["decision"] == "spoof"  # ln 5 is 1.6


def test_an_older_model(folder, pushed, capsys):
    shutil.copytree(pushed, "old/7")
    facts = json.loads((folder / "old/7/assets.extra/bonafide.json").read_text())
    del facts["thresholds"]
    (folder / "old/7/assets.extra/evaluation.json").unlink()
    (folder / "old/7/assets.extra/bonafide.json").write_text(json.dumps(facts))
    _, err = run(capsys, "--model", "old", "high.wav", "--threshold", "eer", code=1)
    assert "no threshold 'eer': it was pushed before it was kept" in err
    [row], err = run(capsys, "--model", "old", "high.wav")
    assert row["decision"] == "bona fide"
    misses, no_band = err.splitlines()
    assert "at this threshold (even: bona fide at or above 0) is not known" in misses
    assert no_band.startswith("There is no answer `not sure`: the model was pushed before")


def test_csv_and_json_files(folder, capsys):
    assert command.main(["high.wav", "words.wav", "--csv", "out.csv"]) == 4
    assert command.main(["high.wav", "words.wav", "--json", "out.json", "--segments"]) == 4
    assert capsys.readouterr().out == ""
    first, second = rows((folder / "out.csv").read_text(), ",")
    assert list(first) == COLUMNS
    assert (first["score"], second["error"][:10]) == ("1.500000", "unreadable")
    content = json.loads((folder / "out.json").read_text())
    assert content["model"] == "output/tests/serving/tests/1700000000"
    assert content["threshold"] == {"name": "band", "value": 0.75, "lower": -0.2}
    assert content["own_test"]["false_accept"] == pytest.approx(0.25, abs=0.005)
    assert [r["score"] for r in content["recordings"]] == [1.5, None]
    assert len(content["recordings"][0]["segment_scores"]) == 1
    assert not list(folder.glob(".score*"))


def test_json_lines(folder, capsys):
    assert command.main(["high.wav", "words.wav", "--jsonl"]) == 4
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["score"], first["error"]) == (1.5, None)
    assert second["score"] is None


def test_explain(folder, capsys):
    assert command.main(["--explain"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Model: output/tests/serving/tests/1700000000\n")
    assert "27.57 %" in out
    assert err == ""
    found, err = run(capsys, "high.wav", "--explain")  # rows stay rows
    assert len(found) == 1
    assert "27.57 %" in err


def test_plot(folder, capsys):
    found, err = run(capsys, "long.flac", "--plot", "out.png")
    assert [row["score"] for row in found] == ["1.000000"]
    assert err == LIMITS
    assert (folder / "out.png").read_bytes().startswith(b"\x89PNG")
    _, err = run(capsys, "words.wav", "--plot", "none.png", code=4)
    assert not (folder / "none.png").exists()
    _, err = run(capsys, "high.wav", "--plot", "out.jpg", code=1)
    assert err == "error: --plot out.jpg: the name must end in one of .png, .svg, .html\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "name a recording"),
        (["--recursive"], "name a recording"),
        (["a.wav", "--csv", "a", "--json", "b"], "not allowed with"),
        (["a.wav", "--threshold", "best"], "expected a number or one of band, even, bayes, eer"),
        (["a.wav", "--channel", "both"], "invalid choice: 'both'"),
        (["a.wav", "--prior", "1"], "'1' is not a number between 0 and 1"),
        (["a.wav", "--prior", "x"], "'x' is not a number between 0 and 1"),
        (["a.wav", "--cost-ratio", "0"], "'0' is not a number above 0"),
        (["a.wav", "--recursiv"], "unrecognized arguments"),
        (["-", "a.wav", "-"], "can be read once only"),
        (["high.wav", "--csv", "./high.wav"], "is one of the recordings"),
        (["high.wav", "--plot", "./high.wav"], "is one of the recordings"),
        (["--serve", "high.wav"], "--serve takes no recordings"),
        (["--serve", "--csv", "out.csv"], "--serve takes no recordings and writes no files"),
        (["--serve", "--port", "65536"], "'65536' is not a port"),
        (["high.wav", "low.wav", "--plot", "out.png"], "--plot draws one recording, not 2"),
    ],
)
def test_a_wrong_command_line(folder, capsys, arguments, reason):
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert reason in capsys.readouterr().err


def test_nothing_to_score_with_or_from_or_to(folder, capsys, tmp_path):
    (folder / "empty").mkdir()
    (folder / "empty.txt").touch()
    for arguments, reason in [
        (["--recursive", "empty"], "nothing to score"),
        (["--list", "empty.txt"], "nothing to score"),
        (["--list", "none.txt"], "--list none.txt cannot be read: No such file"),
        (["high.wav", "--model", "empty"], "neither a version"),
        (["high.wav", "--csv", "none/out.csv"], "cannot write none/out.csv: there is no folder"),
    ]:
        _, err = run(capsys, *arguments, code=1)
        assert err.startswith("error: ")
        assert reason in err
    shutil.rmtree("output")
    _, err = run(capsys, "high.wav", code=1)
    assert "no model below output/*/serving/" in err


def test_a_model_that_fails_leaves_no_output(folder, capsys, monkeypatch):
    def fail(*_):
        raise command.ModelError("it fails")

    monkeypatch.setattr(command.Scorer, "__call__", fail)
    assert command.main(["high.wav", "--csv", "out.csv"]) == 1
    assert capsys.readouterr().err.endswith("error: it fails\n")
    assert not list(folder.glob("*out.csv*")) + list(folder.glob(".score*"))


def test_an_hour_is_scored_in_blocks(folder, capsys, monkeypatch):
    rate_hz, hour = 2_000, 3_600
    quiet = voice(10.0, rate_hz)[:, None]
    with soundfile.SoundFile("hour.wav", "w", rate_hz, 1, "PCM_16") as file:
        for part in range(hour // 10):
            file.write(quiet + 1_000 * (part == 100))
    in_flight = [0, 0]  # decoded, scored
    most = 0
    read, call = command.read_tracks, command.Scorer.__call__

    def counted(*arguments):
        def blocks(track):
            for block in track.blocks:
                in_flight[0] += len(block)
                yield block

        for track in read(*arguments):
            yield track._replace(blocks=blocks(track))

    def scored(self, clips):
        nonlocal most
        most = max(most, in_flight[0] - in_flight[1])
        in_flight[1] += len(clips) * RATE // 2
        return call(self, clips)

    monkeypatch.setattr(recording, "_BLOCK_SAMPLES", 1 << 14)
    monkeypatch.setattr(command, "read_tracks", counted)
    monkeypatch.setattr(command.Scorer, "__call__", scored)
    [row], _ = run(capsys, "hour.wav")
    assert row["seconds"] == "3600.000"
    assert row["segments"] == str(2 * hour - 1)
    assert float(row["score"]) == pytest.approx(10 / hour, rel=0.15)  # weighted by speech
    # A batch, what waits in front of the model and a block: seconds of the hour.
    block = (1 << 14) * RATE // rate_hz
    waiting = (engine.BATCH_CLIPS + ahead._CLIPS_AHEAD + 2) * RATE // 2
    assert most <= waiting + 3 * block
    assert most < hour * RATE / 50


# In processes of their own.


def process(*arguments, script=ROOT / "score.py"):
    return [sys.executable, str(script), *map(str, arguments)]


def test_it_needs_only_the_dependency_group_score(folder):
    data = (folder / "long.flac").read_bytes()
    done = subprocess.run(
        process(ROOT / "score.py", "-", "high.wav", "none.wav", "--explain", script=WITHOUT),
        input=data,
        capture_output=True,
    )
    err = done.stderr.decode()
    assert done.returncode == 4, err[-3000:]
    found = rows(done.stdout.decode())
    assert [row["path"] for row in found] == ["-", "high.wav", "none.wav"]
    assert [row["score"] for row in found] == ["1.000000", "1.500000", ""]
    # Nothing of TensorFlow's is on the screen.
    assert err.startswith("error: no score for 1 of 3 recordings; the column error says why")
    assert err.count("\n\n") == 9


def test_a_plot_needs_no_more(folder):
    done = subprocess.run(
        process(ROOT / "score.py", "long.flac", "--plot", "out.html", script=WITHOUT),
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, LIMITS.encode())
    assert "<svg" in (folder / "out.html").read_text()


def test_wrong_arguments_are_told_before_tensorflow_is_imported(folder):
    code = (
        "import sys; from bonafide.scoring import command;"
        "code = command.main(['a.wav', '--threshold', 'eer', '--model', 'x']);"
        "print(code, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "1 False\n", done.stderr


def test_on_a_terminal_it_shows_a_table(folder):
    screen, side = pty.openpty()
    done = subprocess.Popen(
        process("high.wav", "words.wav"),
        stdout=side,
        stderr=side,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"COLUMNS": "200", "TERM": "xterm"},
    )
    os.close(side)
    text = b""
    while True:
        try:
            text += os.read(screen, 4096)
        except OSError:  # the other side is closed
            break
    assert done.wait() == 4
    shown = text.decode()
    assert "band: bona fide above 0.75, spoof at or below -0.2, not sure between" in shown
    assert "misses 25 % of the 278 synthetic clips" in shown
    assert "recordings" in shown  # the bar
    assert "Format not recognised" in shown


def test_a_row_does_not_wait_for_the_next_and_ctrl_c_ends(folder):
    with subprocess.Popen(
        process("high.wav", "-", "--jsonl"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert json.loads(running.stdout.readline())["score"] == 1.5
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=180) == 130
        assert running.stdout.read() == b""
        assert running.stderr.read() == b"interrupted\n"


def test_ctrl_c_leaves_no_file(folder):
    (folder / "out").mkdir()
    with subprocess.Popen(
        process("high.wav", "-", "--csv", "out/scores.csv"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        while not list((folder / "out").iterdir()) and running.poll() is None:
            pass
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=180) == 130
    assert not list((folder / "out").iterdir())


def test_a_reader_who_has_enough(folder):
    pipe, end = os.pipe()
    os.close(pipe)
    done = subprocess.run(process("high.wav"), stdout=end, stderr=subprocess.PIPE)
    os.close(end)
    assert (done.returncode, done.stderr) == (1, b"")
