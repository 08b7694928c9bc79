import json
import os
import pathlib
import subprocess
import sys

from voices import level

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(name, *arguments):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


def test_each_new_message_is_scored_once(service, tmp_path, wav):
    url = ["--url", f"http://127.0.0.1:{service.port}", "--seconds", "0.05", "--rounds", "3"]
    inbox, report = tmp_path / "INBOX", tmp_path / "report.jsonl"
    inbox.mkdir()
    (inbox / "msg0000.wav").write_bytes(wav(level(1.5)))
    (inbox / "msg0001.wav").write_bytes(wav(level(-1.5)))
    (inbox / "msg0001.txt").write_text("callerid")
    (inbox / "msg0002.wav").write_bytes(b"words")
    done = run("watch_voicemail.py", tmp_path, "--report", report, *url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"spoof: '{inbox / 'msg0001.wav'}'"
    assert "unreadable as audio" in done.stdout.splitlines()[1]
    (inbox / "msg0003.wav").write_bytes(wav(level(0.3)))
    done = run("watch_voicemail.py", tmp_path, "--report", report, *url)
    assert done.stdout.splitlines() == [f"not sure: '{inbox / 'msg0003.wav'}'"]
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(pathlib.Path(row["path"]).name, row["decision"]) for row in rows] == [
        ("msg0000.wav", "bona fide"),
        ("msg0001.wav", "spoof"),
        ("msg0002.wav", None),
        ("msg0003.wav", "not sure"),
    ]


def test_the_hook_says_what_was_recorded(service, tmp_path, wav):
    url = ["--url", f"http://127.0.0.1:{service.port}", "--call", "1700.1"]
    for value, decision, code in ((1.5, "bona fide", 0), (-1.5, "spoof", 3), (0.3, "not sure", 4)):
        (tmp_path / "call.wav").write_bytes(wav(level(value)))
        done = run("asterisk_hook.py", tmp_path / "call.wav", *url)
        assert done.returncode == code, done.stderr
        verdict = json.loads(done.stdout)
        assert (verdict["call"], verdict["decision"]) == ("1700.1", decision)
    done = run("asterisk_hook.py", tmp_path / "none.wav", *url)
    assert done.returncode == 1
    assert "No such file" in done.stderr
