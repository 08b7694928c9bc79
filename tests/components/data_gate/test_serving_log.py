import json

import numpy as np
import pytest

from bonafide.audio.measures import NUMBERS
from bonafide.storage.beam_files import use_options
from components.data_gate.serving_log import ServingLogError, read_serving_log

RATE = 16_000


@pytest.fixture
def calls(tmp_path, wav):
    """Three recordings beside where the log will be, at two rates."""
    random = np.random.default_rng(0)
    for number, rate in enumerate((16_000, 8_000, 16_000)):
        samples = random.normal(size=rate) * 0.1
        (tmp_path / f"call{number}.wav").write_bytes(wav(samples, rate))
    return tmp_path


def read(pattern, most=100):
    return read_serving_log(str(pattern), most=most, sample_rate=RATE)


HEADER = "path,score,probability,decision,seconds,segments,error\n"


def test_what_score_py_writes_is_read(calls):
    (calls / "log.csv").write_text(
        HEADER
        + "call0.wav,1.5,0.8,bonafide,1.0,1,\n"
        + f"{calls}/call1.wav,-2.0,0.1,spoof,1.0,1,\n"
        + "gone.wav,,,,,,cannot be read\n"
    )
    heard = read(calls / "log.csv")
    assert heard.scores.tolist() == [1.5, -2.0]
    assert len(heard.measured) == 2
    assert heard.measured.numbers[:, 0].tolist() == [1.0, 1.0]
    rates = heard.measured.numbers[:, NUMBERS.index("file_rate_hz")].tolist()
    assert sorted(rates) == [8_000, 16_000]
    assert (heard.unread, heard.source) == (0, str(calls / "log.csv"))


def test_lines_of_json_tabs_and_several_files(calls):
    (calls / "a.jsonl").write_text(
        json.dumps({"path": "call0.wav", "score": 1.0})
        + "\n\n"
        + json.dumps({"path": "call1.wav", "score": None})
        + "\n"
    )
    (calls / "b.jsonl").write_text(json.dumps({"path": "call2.wav", "score": 3}) + "\n")
    heard = read(calls / "*.jsonl")
    assert heard.scores.tolist() == [1.0, 3.0]
    assert len(heard.measured) == 3
    (calls / "log.tsv").write_text("\ufeffwhen\tpath\nnow\tcall0.wav\n", encoding="utf-8")
    assert len(read(calls / "log.tsv").measured) == 1


def test_some_are_drawn_the_same_ones_every_time(calls):
    rows = "".join(f"call{number % 3}.wav,{number}\n" for number in range(300))
    (calls / "log.csv").write_text(f"path,score\n{rows}")
    first, second = (read(calls / "log.csv", most=20) for _ in range(2))
    assert len(first.measured) == 20
    assert len(first.scores) == 300  # reading them costs nothing
    assert first.measured.utterances.tolist() == second.measured.utterances.tolist()


def test_paths_count_from_a_root_where_one_is_given(calls, monkeypatch):
    (calls / "logs").mkdir()
    (calls / "logs" / "log.csv").write_text(f"path\ncall0.wav\n{calls}/call1.wav\n")
    with pytest.raises(ServingLogError, match="none of 1 recordings"):
        read(calls / "logs" / "log.csv", most=1)  # neither here nor beside the log
    heard = read_serving_log(str(calls / "logs" / "*"), root=str(calls), most=9, sample_rate=RATE)
    assert (len(heard.measured), heard.unread) == (2, 0)
    monkeypatch.chdir(calls)
    assert read("logs/log.csv").unread == 0


def test_a_recording_that_is_gone_is_counted(calls):
    (calls / "log.csv").write_text("path\ncall0.wav\ngone.wav\n")
    assert read(calls / "log.csv").unread == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path\n", "expected a log with recordings, got none in"),
        ("file,score\na.wav,1\n", "expected a value of `path`, got none .*row 1"),
        ("path,score\ncall0.wav,high\n", "expected a number as score, got 'high' .*row 1"),
        ("path\ngone.wav\n", "none of 1 recordings can be read; the first one: .*gone.wav"),
        ('{"path": "call0.wav"}\n{"path"\n', "line 2: "),
        ('path,score\n"call0.wav,1\n', r"log: (unexpected end|row 1|not one)"),
    ],
)
def test_what_cannot_be_used_is_named(calls, text, said):
    (calls / "log").write_text(text)
    with pytest.raises(ServingLogError, match=said):
        read(calls / "log")


def test_a_log_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ServingLogError, match=r"does not exist. Set data_gate.serving_log"):
        read(tmp_path / "none.csv")
    with pytest.raises(ServingLogError, match="does not exist"):
        read(tmp_path / "none-*.csv")


def test_a_log_on_an_object_store(memory_store, wav):
    memory_store["memory://calls/a.wav"] = wav(np.random.default_rng(0).normal(size=9000) * 0.1)
    memory_store["memory://calls/log.csv"] = b"path,score\na.wav,2.5\n"
    use_options(())
    heard = read("memory://calls/log.csv")
    assert heard.scores.tolist() == [2.5]
    assert heard.measured.utterances.tolist() == ["memory://calls/a.wav"]
