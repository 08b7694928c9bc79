import json

import numpy as np
import pytest
from voices import level, voice
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from bonafide.scoring.service.keys import read_keys
from bonafide.scoring.service.settings import Limits


def dialled(service, query="", **headers):
    return connect(
        f"ws://127.0.0.1:{service.port}/v1/stream?{query}", additional_headers=headers, proxy=None
    )


def heard(service, samples, query="", step=1_600):
    """All answers of a stream of samples."""
    with dialled(service, query) as link:
        for start in range(0, len(samples), step):
            link.send(samples[start : start + step].astype("<i2").tobytes())
        link.send("end")
        return [json.loads(message) for message in link]


def test_the_verdict_comes_after_each_window_and_ends_as_that_of_the_file(service, wav):
    samples = level([3.0, 3.0, -2.0, -2.0], 4.0)
    *segments, final = heard(service, samples)
    [one] = service.score(wav(samples))[2]["recordings"]
    assert final["type"] == "final"
    assert {name: one[name] for name in final["verdict"]} == final["verdict"]
    assert [(s["start"], s["end"], s["speech"], s["score"]) for s in segments] == [
        (s["start"], s["end"], s["speech"], s["score"]) for s in one["segment_scores"]
    ]
    assert [s["verdict"]["decision"] for s in segments[:2]] == ["no speech", "bona fide"] or (
        segments[0]["verdict"]["decision"] == "bona fide"
    )
    assert segments[1]["verdict"]["score"] > segments[-1]["verdict"]["score"]
    assert segments[-1]["verdict"]["speech"] == pytest.approx(one["speech"], abs=0.05)


def test_the_first_verdict_comes_while_the_call_goes_on(service):
    with dialled(service) as link:
        link.send(level(1.5, 3.0).astype("<i2").tobytes())
        first = json.loads(link.recv(timeout=20))
        assert (first["type"], first["score"]) == ("segment", 1.5)
        link.send("end")
        assert json.loads(list(link)[-1])["verdict"]["decision"] == "bona fide"


def test_another_rate_is_converted_as_that_of_a_file(service, wav):
    samples = voice(3.0, 8_000)
    final = heard(service, samples, "sample_rate=8000&threshold=even")[-1]["verdict"]
    [one] = service.score(wav(samples, rate_hz=8_000), "threshold=even")[2]["recordings"]
    assert (final["seconds"], final["segments"]) == (one["seconds"], one["segments"])
    assert final["score"] == pytest.approx(one["score"], abs=1e-5)


def test_a_stream_without_speech_has_no_score(service):
    [final] = heard(service, np.zeros(16_000, np.int16))
    assert (final["verdict"]["decision"], final["verdict"]["score"]) == ("no speech", None)
    assert heard(service, np.zeros(0, np.int16))[-1]["type"] == "final"


@pytest.mark.parametrize(("message", "code"), [(b"123", "bad_message"), ("stop", "bad_message")])
def test_a_wrong_message_ends_the_stream(service, message, code):
    with dialled(service) as link:
        link.send(message)
        assert json.loads(link.recv(timeout=20))["error"]["code"] == code
        with pytest.raises(ConnectionClosed):
            link.recv(timeout=20)


@pytest.mark.parametrize("query", ["sample_rate=1", "sample_rate=x", "threshold=best", "prior=2"])
def test_a_wrong_parameter_is_refused(service, query):
    with pytest.raises(InvalidStatus) as refused:
        dialled(service, query)
    assert refused.value.response.status_code == 422
    assert json.loads(refused.value.response.body)["error"]["remedy"]


def test_streams_are_limited_and_need_keys_too(run_service):
    limits = Limits(streams=1, idle_seconds=0.5, stream_seconds=1.0)
    keys = read_keys(None, "a " + "k" * 16)
    with run_service(limits=limits, keys=keys) as service:
        mine = {"Authorization": "Bearer " + "k" * 16}
        for headers, status in (({}, 401), (mine | {"Origin": "http://evil.example"}, 403)):
            with pytest.raises(InvalidStatus) as refused:
                dialled(service, **headers)
            assert refused.value.response.status_code == status
        with dialled(service, **mine) as link:
            with pytest.raises(InvalidStatus) as refused:
                dialled(service, **mine)
            assert refused.value.response.status_code == 429
            assert json.loads(link.recv(timeout=20))["error"]["code"] == "idle"
        with dialled(service, **mine) as link:
            link.send(bytes(3 * 16_000))
            assert json.loads(link.recv(timeout=20))["error"]["code"] == "too_long"


def test_a_client_that_hangs_up_leaves_nothing_behind(service):
    import time

    for _ in range(3):
        link = dialled(service)
        link.send(level(1.5, 2.0).astype("<i2").tobytes())
        link.socket.close()
    end = time.monotonic() + 20
    while service.site.admission.streams and time.monotonic() < end:
        time.sleep(0.05)
    assert service.site.admission.streams == 0
