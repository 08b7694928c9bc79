import base64
import csv
import http.server
import io
import pathlib
import threading

import jsonschema
import model_server
import numpy as np
import pytest
import soundfile
import tensorflow as tf
import voices

from bonafide.scoring import command
from bonafide.serving import client

SIZES = ["--clip-samples", "16000"]  # of the test model


@pytest.fixture(scope="module")
def model(pushed):
    return tf.saved_model.load(str(pushed))


@pytest.fixture(scope="module")
def url(model):
    with model_server.rest(model, "bonafide", 1700000000) as url:
        yield url


@pytest.fixture(scope="module")
def target(model):
    with model_server.over_grpc(model, "bonafide") as target:
        yield target


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("short.wav", voices.level(2.0, 1.1), 16_000)
    stereo = np.stack([voices.level(-2.0, 1.5, 22_050)] * 2, axis=1)
    soundfile.write("stereo.flac", stereo, 22_050)
    # More clips than the server takes at once: 20 s in windows of 1 s, one every half second.
    soundfile.write("long.wav", voices.level(np.linspace(-5, 5, 20), 20.0), 16_000)
    call = np.stack([voices.level(2.5, 2.0), voices.voice(2.0)[::-1] - 1_000], axis=1)
    soundfile.write("call.wav", call, 16_000)
    return ["short.wav", "stereo.flac", "long.wav", "call.wav"]


def test_it_says_what_score_py_says_over_rest_and_over_grpc(
    recordings, pushed, url, target, capsys
):
    assert command.main([*recordings, "--model", str(pushed)]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out), delimiter="\t"))
    # Of the call, the client says what decides.
    expected = {r["path"]: r for r in rows if r["channel"] not in ("left", "right")}
    assert np.std([float(row["score"]) for row in expected.values()]) > 0.1
    assert expected["call.wav"]["channel"] == "worst: right"
    for where in (["--url", url], ["--grpc", target]):
        assert client.main([*recordings, *where, *SIZES]) == 0
        lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        for path, score, *others in lines:
            row = expected[path]
            assert float(score) == pytest.approx(float(row["score"]), abs=2e-6)
            assert others == [row["seconds"], row["speech"], row["channel"]]
        assert [line[2] for line in lines] == ["1.100", "1.500", "20.000", "2.000"]


def test_requests_are_as_the_rest_api_wants_them():
    clips = [b"\x00\x80", bytes(range(256))]
    body = client.request_body(clips)
    jsonschema.Draft202012Validator(model_server.PREDICT).validate(body)
    assert body["signature_name"] == "score_pcm16"
    assert [base64.b64decode(row["pcm16"]["b64"]) for row in body["instances"]] == clips


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"instances": [], "inputs": []},
        {"instances": {"pcm16": []}},
        {"instances": [{"pcm16": {"b65": "AA=="}}]},
        {"signature": "score_pcm16", "instances": []},
    ],
)
def test_the_schema_refuses_what_is_no_request(body):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(model_server.PREDICT).validate(body)


def test_a_recording_that_cannot_be_used_does_not_keep_the_others_from_it(recordings, url, capsys):
    pathlib.Path("words.wav").write_text("words")
    soundfile.write("silence.wav", np.zeros(32_000), 16_000)
    arguments = ["words.wav", "none.wav", "silence.wav", "short.wav", "--url", url, *SIZES]
    assert client.main(arguments) == 1
    out, err = capsys.readouterr()
    silence, short = out.splitlines()
    assert silence == "silence.wav\t\t2.000\t0.000\tmono"
    assert short.startswith("short.wav\t2.0")
    assert err.splitlines() == [
        "error: words.wav: unreadable as audio: Format not recognised; "
        "it is a text file: choose a recording",
        "error: none.wav: there is no such file",
        "error: silence.wav: no speech: 0.0 s of speech, at least 1 s are needed",
    ]


def test_what_a_server_says_is_passed_on(recordings, url, target, capsys):
    assert client.main(["short.wav", "--url", url, "--model", "other"]) == 1
    assert "/v1/models/other:predict answered 404: Servable not found" in capsys.readouterr().err
    assert client.main(["short.wav", "--grpc", target, "--model", "other"]) == 1
    assert f"{target} answered NOT_FOUND: Servable not found" in capsys.readouterr().err


def test_a_server_that_is_not_there_or_is_another(recordings, capsys):
    assert client.main(["short.wav", "--url", "http://127.0.0.1:9"]) == 1
    assert "cannot be reached: " in capsys.readouterr().err

    class Other(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"welcome")

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert client.main(["short.wav", "--url", f"http://127.0.0.1:{server.server_port}"]) == 1
        server.shutdown()
    assert "returned no scores. Is it another service?" in capsys.readouterr().err
