"""`bonafide synthesize`, from recordings to a corpus."""

import csv
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import soundfile

from bonafide.synthesis.making import place_of, read_record

FAST = "griffin_lim_linear,phase_disturbed,lpc,frame_selection"


def rows_of(folder):
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("audio/*/*"))
    }


@pytest.fixture(scope="module")
def arguments(calls):
    return ["--bonafide", calls, "--engines", FAST, "--eval-engines", "lpc,frame_selection"]


@pytest.fixture(scope="module")
def corpus(arguments, tmp_path_factory):
    from bonafide.synthesis import command

    folder = tmp_path_factory.mktemp("corpus")
    given = [*arguments, "--output", folder, "--workers", "1"]
    assert command.main([str(each) for each in given]) == 0
    return folder


def test_every_recording_has_its_copies(corpus, calls):
    rows = rows_of(corpus)
    real = [each for each in rows if each["key"] == "bonafide"]
    spoofs = [each for each in rows if each["key"] == "spoof"]
    assert (len(real), len(spoofs)) == (12, 24)
    sources = {path.relative_to(calls).as_posix() for path in calls.glob("*/*.flac")}
    assert {each["source_file"] for each in real} == sources
    for split in ("train", "dev"):
        used = {each["system"] for each in spoofs if each["split"] == split}
        assert used <= {"griffin_lim_linear", "phase_disturbed"}
    used = {each["system"] for each in spoofs if each["split"] == "eval"}
    assert used <= {"lpc", "frame_selection"}
    split_of = {each["id"]: each["split"] for each in rows}
    for each in spoofs:
        assert split_of[each["id"].rpartition("_")[0]] == each["split"]
        assert int(each["seed"]) > 0
        assert json.loads(each["parameters"])
    speakers = {each["speaker"]: each["split"] for each in rows}
    assert all(speakers[each["speaker"]] == each["split"] for each in rows)
    summary = json.loads((corpus / "summary.json").read_text())
    assert (summary["bonafide"], summary["spoof"], summary["failures"]) == (12, 24, 0)


def test_a_synthetic_file_says_so(corpus):
    sizes = set()
    for row in rows_of(corpus):
        with soundfile.SoundFile(corpus / row["path"]) as sound:
            assert (sound.samplerate, sound.channels, sound.subtype) == (16_000, 1, "PCM_16")
            comment = sound.comment
        assert comment.startswith("Synthetic speech") == (row["key"] == "spoof")
        record = read_record(corpus / row["path"])
        written = {name: value for name, value in record["row"].items() if value}
        assert {name: value for name, value in row.items() if value} == written
        sizes.add(len(comment.encode()))
    assert len(sizes) == 1
    assert "synthetic" in (corpus / "README.md").read_text()


@pytest.mark.parametrize(
    "how", [["--workers", "2"], ["--runner", "beam"]], ids=["processes", "beam"]
)
def test_the_output_does_not_depend_on_what_makes_it(corpus, arguments, tmp_path, synthesize, how):
    code, _, _ = synthesize(*arguments, "--output", tmp_path / "c", *how)
    assert code == 0
    assert files_of(tmp_path / "c") == files_of(corpus)
    manifests = [(each / "manifest.csv").read_text() for each in (tmp_path / "c", corpus)]
    assert manifests[0] == manifests[1]


def test_another_seed_makes_another_corpus(corpus, arguments, tmp_path, synthesize):
    synthesize(*arguments, "--output", tmp_path, "--seed", "2", "--workers", "1")
    assert files_of(tmp_path).keys() == files_of(corpus).keys()
    spoofs = [each["path"] for each in rows_of(corpus) if each["key"] == "spoof"]
    assert all(files_of(tmp_path)[path] != files_of(corpus)[path] for path in spoofs)


def test_a_repeated_command_makes_what_is_missing_only(arguments, tmp_path, synthesize):
    given = (*arguments, "--output", tmp_path, "--workers", "1")
    synthesize(*given)
    before = files_of(tmp_path)
    rows = rows_of(tmp_path)
    (tmp_path / rows[0]["path"]).unlink()
    (tmp_path / rows[1]["path"]).write_bytes(b"cut off")
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("audio/*/*")}
    code, out, _ = synthesize(*given)
    assert code == 0
    assert "34 files kept" in out
    assert files_of(tmp_path) == before
    changed = {
        path.relative_to(tmp_path).as_posix()
        for path in tmp_path.glob("audio/*/*")
        if times.get(path) != path.stat().st_mtime_ns
    }
    assert changed == {rows[0]["path"], rows[1]["path"]}
    assert rows_of(tmp_path) == rows
    assert "36 files kept" in synthesize(*given)[1]
    assert "0 files kept" in synthesize(*given, "--redo")[1]


def test_files_of_another_plan_are_removed_and_others_stay(arguments, tmp_path, synthesize):
    synthesize(*arguments, "--output", tmp_path, "--workers", "1")
    own = tmp_path / "audio" / "00" / "own.flac"
    own.parent.mkdir(exist_ok=True)
    soundfile.write(own, [0.1] * 100, 16_000)
    synthesize(*arguments, "--output", tmp_path, "--workers", "1", "--copies", "1")
    named = {each["path"] for each in rows_of(tmp_path)}
    assert files_of(tmp_path).keys() == named | {"audio/00/own.flac"}
    assert json.loads((tmp_path / "summary.json").read_text())["removed_files"] == 12


def test_a_killed_run_resumes_with_the_same_corpus(corpus, arguments, tmp_path, synthesize):
    given = [str(each) for each in (*arguments, "--output", tmp_path, "--workers", "2")]
    process = subprocess.Popen(
        [sys.executable, "-m", "bonafide", "synthesize", *given],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("audio/*/*.flac")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)  # The workers notice it by themselves.
    process.wait()
    assert not (tmp_path / "manifest.csv").exists()
    (tmp_path / "audio" / "00").mkdir(exist_ok=True)
    (tmp_path / "audio" / "00" / ".bonafide.1.tmp").write_bytes(b"half a file")
    time.sleep(1)
    code, _, _ = synthesize(*given)
    assert code == 0
    assert files_of(tmp_path) == files_of(corpus)
    assert rows_of(tmp_path) == rows_of(corpus)


def test_unusable_recordings_are_named_and_the_rest_is_made(calls, tmp_path, synthesize):
    folder = tmp_path / "calls"
    for path in calls.glob("*/*.flac"):
        target = folder / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    first = sorted(folder.glob("*/*.flac"))[0]
    (first.parent / "broken.wav").write_bytes(b"RIFF and nothing")
    soundfile.write(first.parent / "silent.wav", [0.0] * 16_000, 16_000)
    given = ("--bonafide", folder, "--output", tmp_path / "c", "--engines", FAST)
    given = (*given, "--workers", "1", "--split", "train")
    code, _, err = synthesize(*given)
    assert code == 1
    assert "expected at most 5 % of the files to fail, got 6 failures of 42" in err
    assert not (tmp_path / "c" / "manifest.csv").exists()
    code, out, _ = synthesize(*given, "--max-failures", "0.2")
    assert code == 4
    assert "2 unusable recordings" in out
    failures = (tmp_path / "c" / "failures.tsv").read_text().splitlines()
    assert len(failures) == 7
    assert any("broken.wav" in line for line in failures)
    assert len(rows_of(tmp_path / "c")) == 36


def test_a_failing_engine_is_counted(arguments, calls, tmp_path, synthesize):
    bad = "bad=" + sys.executable + " -c 'raise SystemExit(\"no licence\")' {out}"
    given = ("--bonafide", calls, "--output", tmp_path, "--command", bad, "--split", "train")
    code, out, _ = synthesize(
        *given, "--engines", f"{FAST},bad", "--max-failures", "0.5", "--workers", "1"
    )
    assert code == 4
    assert "bad" in out.partition("Failures")[2]
    text = (tmp_path / "failures.tsv").read_text()
    assert "bad\t" in text
    assert "no licence" in text
    assert json.loads((tmp_path / "summary.json").read_text())["engines"]["bad"]["made"] == 0


def test_long_recordings_are_cut_to_an_excerpt(calls, tmp_path, synthesize):
    given = ("--bonafide", calls, "--output", tmp_path, "--engines", "phase_disturbed,lpc")
    assert synthesize(*given, "--max-seconds", "0.8", "--workers", "1")[0] == 0
    rows = rows_of(tmp_path)
    assert all(0.3 <= float(each["seconds"]) <= 0.8 for each in rows)
    assert any(float(each["source_begin"]) > 0 for each in rows)


def test_a_channel_for_all(calls, tmp_path, synthesize):
    given = ("--bonafide", calls, "--output", tmp_path, "--engines", "phase_disturbed,lpc")
    assert synthesize(*given, "--channel", "alaw", "--workers", "1")[0] == 0
    assert {each["channel"] for each in rows_of(tmp_path)} == {"alaw"}


def test_partly_spoofed_recordings_have_their_segments(calls, tmp_path, synthesize):
    given = ("--bonafide", calls, "--output", tmp_path, "--split", "train", "--copies", "1")
    engines = "phase_disturbed,partial"
    assert synthesize(*given, "--engines", engines, "--workers", "1")[0] == 0
    partial = [each for each in rows_of(tmp_path) if each["kind"] == "partly spoofed"]
    assert partial
    for row in partial:
        begin, end = map(float, row["segments"].split("-"))
        assert 0 <= begin < end <= float(row["seconds"])
        assert json.loads(row["parameters"])["inner"] == "phase_disturbed"


def test_the_list_needs_nothing_else(synthesize):
    code, out, _ = synthesize("--list")
    assert code == 0
    assert "griffin_lim_mel" in out
    assert "pico" in out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--engines", "lcp"], "Did you mean 'lpc'?"),
        (["--copies", "0"], "expected one copy or more, got 0 (--copies)"),
        (["--channel", "mp5"], "expected a degradation"),
        (["--channel", "noise:20"], "expected codecs, band limits and sampling rates, got noise"),
        (["--unseen-engines", "1"], "expected a share from 0 to 1"),
        (["--max-failures", "2"], "expected a share from 0 to 1"),
        (["--sample-rate", "100"], "expected 8000 to 48000 Hz"),
        (["--min-seconds", "20"], "the second not shorter"),
        (["--seed", "-1"], "expected 0 or more, got -1 (--seed)"),
        (["--eval-engines", "word"], "expected engines in use"),
        (["--vocoder", "nothing.onnx"], "expected an ONNX file, got none"),
        (["--command", "tts {text}"], "expected {out}"),
    ],
)
def test_a_wrong_command_line_is_refused(calls, tmp_path, synthesize, capsys, more, message):
    with pytest.raises(SystemExit) as stopped:
        synthesize("--bonafide", calls, "--output", tmp_path / "c", *more)
    assert stopped.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "c").exists()


def test_without_folders_it_says_what_it_expects(synthesize, capsys):
    with pytest.raises(SystemExit):
        synthesize("--bonafide", "x")
    assert "expected --output DIR" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["empty", "nowhere"])
def test_a_folder_without_recordings(tmp_path, synthesize, content):
    root = tmp_path / content
    if content == "empty":
        root.mkdir()
    code, _, err = synthesize("--bonafide", root, "--output", tmp_path / "c")
    assert code == 1
    assert err.startswith("error: ")
    assert "expected bona fide recordings, got no audio file" in err


def test_texts_that_cannot_be_read(calls, tmp_path, synthesize):
    empty = tmp_path / "texts.txt"
    empty.write_text("\n")
    for path in (empty, tmp_path / "nowhere.txt"):
        code, _, err = synthesize("--bonafide", calls, "--output", tmp_path / "c", "--texts", path)
        assert code == 1
        assert str(path) in err


def test_an_output_that_is_a_file(calls, tmp_path, synthesize):
    (tmp_path / "c").write_text("x")
    code, _, err = synthesize("--bonafide", calls, "--output", tmp_path / "c")
    assert code == 1
    assert str(tmp_path / "c") in err


def test_files_are_spread_over_folders():
    assert place_of("a").startswith("audio/ca/")
    assert pathlib.PurePosixPath(place_of("a")).name == "a.flac"
