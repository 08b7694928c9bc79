import base64
import contextlib
import csv
import http.server
import io
import json
import pathlib
import socket
import threading
import urllib.request

import jsonschema
import model_server
import numpy as np
import pytest
import soundfile
import tensorflow as tf
import voices

from bonafide.scoring import command
from bonafide.serving import client, transport
from bonafide.version import project_version

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
    # It asks the server for the model's sizes; the right ones may be given.
    for where in (["--url", url], ["--grpc", target], ["--url", url, *SIZES]):
        assert client.main([*recordings, *where]) == 0
        lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        for path, score, *others in lines:
            row = expected[path]
            assert float(score) == pytest.approx(float(row["score"]), abs=2e-6)
            assert others == [row["seconds"], row["speech"], row["channel"]]
        assert [line[2] for line in lines] == ["1.100", "1.500", "20.000", "2.000"]


def test_a_client_for_another_model_is_refused(recordings, url, target, capsys):
    """Of a longer window the model hears the beginning only: another score, without an error."""
    for where in (["--url", url], ["--grpc", target]):
        assert client.main(["long.wav", *where, "--clip-samples", "64000"]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err == (
            "error: expected --clip-samples 16000, as the model says, got 64000. Omit the option.\n"
        )
    assert client.main(["long.wav", "--url", url, "--sample-rate", "8000"]) == 1
    assert "expected --sample-rate 16000" in capsys.readouterr().err


def test_any_client_can_ask_what_a_model_expects(url, target, capsys):
    for where in (["--url", url], ["--grpc", target]):
        assert client.main(["--describe", *where]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["sample_rate"], found["clip_samples"]) == (16_000, 16_000)
        assert found["thresholds"] == {"eer": 0.5, "far1": 2.0, "far5": 0.75, "frr5": -0.2}
        assert found["version"] == project_version()


@pytest.fixture(scope="module")
def undescribed(tmp_path_factory):
    """A model of before the signature, whose clips are of the default length."""

    class Detector(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="pcm16")])
        def score(self, pcm16):
            return {"score": tf.cast(tf.strings.length(pcm16), tf.float32)}

    folder = str(tmp_path_factory.mktemp("undescribed"))
    module = Detector()
    tf.saved_model.save(module, folder, signatures={"score_pcm16": module.score})
    return tf.saved_model.load(folder)


def test_a_model_without_a_description_is_scored_with_a_warning(recordings, undescribed, capsys):
    with (
        model_server.rest(undescribed, "bonafide", 7) as url,
        model_server.over_grpc(undescribed, "bonafide") as target,
    ):
        for where in (["--url", url], ["--grpc", target]):
            assert client.main(["long.wav", *where]) == 0
            out, err = capsys.readouterr()
            assert out.split("\t")[1] == "128000.000000"  # bytes of a clip
            assert "assuming 16000 Hz and clips of 64000 samples" in err
            assert client.main(["--describe", *where]) == 1
            assert "no signature 'describe'" in capsys.readouterr().err
        sizes = ["--clip-samples", "32000", "--sample-rate", "16000"]
        assert client.main(["long.wav", "--url", url, *sizes]) == 0
        out, err = capsys.readouterr()
        assert (out.split("\t")[1], err) == ("64000.000000", "")


@contextlib.contextmanager
def limited(url, most, *, lingers):
    """A proxy that answers 413 before it has read a request above `most` bytes, and closes."""

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers["Content-Length"])
            if size > most:
                self.close_connection = True
                if lingers != "silent":
                    self.send_response(413)
                    self.send_header("Connection", "close")
                    self.end_headers()
                    self.wfile.write(b"<html>413 Request Entity Too Large</html>")
                    self.wfile.flush()
                if lingers == "yes":  # as nginx does, so that the client can read the answer
                    self.connection.shutdown(socket.SHUT_WR)
                    self.connection.settimeout(2)
                    with contextlib.suppress(OSError):
                        while self.connection.recv(1 << 16):
                            pass
                return
            request = urllib.request.Request(url + self.path, self.rfile.read(size))
            with urllib.request.urlopen(request) as reply:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(reply.read())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("lingers", ["yes", "no", "silent"])
def test_smaller_batches_where_a_proxy_limits_requests(recordings, url, capsys, lingers):
    assert client.main(["long.wav", "--url", url]) == 0
    expected = capsys.readouterr().out
    with limited(url, 400_000, lingers=lingers) as proxy:
        assert client.main(["long.wav", "--url", proxy]) == 0
        out, err = capsys.readouterr()
        assert out == expected
        assert err.count("note: ") == 2  # 32 clips, 16, then 8 are accepted
        assert err.rstrip().endswith("sending 8 at a time")
        if lingers == "yes":
            assert ":predict answered 413: " in err
            assert " bytes (32 clips)" in err
        assert client.main(["long.wav", "--url", proxy, "--batch", "8"]) == 0
        assert capsys.readouterr() == (expected, "")


def test_a_proxy_that_refuses_a_single_clip_is_named(recordings, url, capsys):
    with limited(url, 20_000, lingers="yes") as proxy:
        assert client.main(["short.wav", "--url", proxy]) == 1
    err = capsys.readouterr().err
    assert "answered 413: " in err
    assert "It refuses requests of 42," in err
    assert "(1 clip). Raise the limit of the proxy (nginx: client_max_body_size)." in err


def test_requests_are_as_the_rest_api_wants_them():
    clips = [b"\x00\x80", bytes(range(256))]
    body = transport.request_body(clips)
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
