import json
import time

import numpy as np
import pytest
from voices import level, voice

RATE = 16_000


def test_a_recording_is_scored_with_its_segments_and_the_error_rates(service, wav):
    status, headers, found = service.score(wav(level([3.0, -1.0], 2.0)), "name=call.wav")
    assert status == 200
    [one] = found["recordings"]
    assert (one["path"], one["score"], one["decision"]) == ("call.wav", 1.0, "bona fide")
    assert (one["channel"], one["segments"], one["error"]) == ("mono", 3, None)
    assert [part["score"] for part in one["segment_scores"]] == [3.0, 1.0, -1.0]
    assert one["unlike_training"] is None
    assert found["threshold"]["name"] == "band"
    assert (found["threshold"]["value"], found["threshold"]["lower"]) == (0.75, -0.2)
    assert found["threshold"]["own_test"]["n_spoof"] == 278
    assert found["threshold"]["own_test"]["false_accept"] == pytest.approx(0.25, abs=0.01)
    assert found["model"]["version"] == "1700000000"
    assert len(found["model"]["sha256"]) == 64
    assert found["request_id"] == headers["X-Request-Id"]


def test_several_recordings_are_scored_in_their_order(service, wav, form):
    body, headers = form(
        ("a.wav", wav(level(2.0, 1.5))),
        ("words.txt", b"words"),
        ("b.flac", wav(level(-2.0, 1.5), kind="FLAC")),
        ("nothing.wav", wav(np.zeros(RATE, np.int16))),
    )
    status, _, found = service.request("POST", "/v1/score?segments=false", body, headers)
    assert status == 200
    names = [(one["path"], one["decision"]) for one in found["recordings"]]
    assert names == [
        ("a.wav", "bona fide"),
        ("words.txt", None),
        ("b.flac", "spoof"),
        ("nothing.wav", "no speech"),
    ]
    assert "unreadable as audio" in found["recordings"][1]["error"]
    assert "segment_scores" not in found["recordings"][0]


def test_what_is_unlike_training_is_not_decided(service, wav):
    # A telephone's band: the model's records begin at 3 kHz, with a margin.
    slow = wav(voice(2.0, 4_000), rate_hz=4_000)
    _, _, found = service.score(slow)
    [one] = found["recordings"]
    assert one["decision"] == "not sure"
    assert one["unlike_training"].startswith("bandwidth ")


def test_channels_that_differ_are_scored_apart(service, wav):
    call = wav(np.stack([level(2.5, 2.0), voice(2.0)[::-1] - 1_000], axis=1))
    [one] = service.score(call)[2]["recordings"]
    assert (one["channel"], one["decision"]) == ("worst: right", "spoof")
    assert [channel["channel"] for channel in one["channels"]] == ["left", "right"]
    [one] = service.score(call, "channel=left")[2]["recordings"]
    assert (one["channel"], one["decision"]) == ("left", "bona fide")


@pytest.mark.parametrize(
    ("query", "decision"),
    [
        ("threshold=far1", "spoof"),
        ("threshold=1.6", "spoof"),
        ("prior=0.1", "spoof"),
        ("cost_ratio=5", "spoof"),
        ("threshold=even", "bona fide"),
    ],
)
def test_the_decision_is_at_the_threshold_that_was_chosen(service, wav, query, decision):
    [one] = service.score(wav(level(1.5)), query)[2]["recordings"]
    assert one["decision"] == decision


@pytest.mark.parametrize(
    ("query", "code", "where"),
    [
        ("threshold=best", "unknown_threshold", "query threshold"),
        ("prior=1", "bad_parameter", "query prior"),
        ("prior=nan", "bad_parameter", "query prior"),
        ("cost_ratio=inf", "bad_parameter", "query cost_ratio"),
        ("cost_ratio=0", "bad_parameter", "query cost_ratio"),
        ("channel=up", "bad_parameter", "query channel"),
        ("segments=perhaps", "bad_parameter", "query segments"),
    ],
)
def test_an_error_says_what_where_and_what_to_do(service, wav, query, code, where):
    status, headers, found = service.score(wav(level(1.5)), query)
    assert status == 422
    error = found["error"]
    assert (error["code"], error["where"]) == (code, where)
    assert error["message"]
    assert error["remedy"]
    assert error["request_id"] == headers["X-Request-Id"]


def test_what_is_no_recording_is_an_error(service, wav, form):
    for content, reason in (
        (b"words", "unreadable as audio"),
        (b"", "empty file"),
        (wav(level(1.0, 0.1)), "too short"),
        (wav(level(1.0))[:-100], "cut off"),
    ):
        status, _, found = service.score(content)
        assert (status, found["error"]["code"]) == (422, "unusable_audio")
        assert reason in found["error"]["message"]
    body, headers = form(("a.wav", b"words"), ("b.wav", b"words"))
    found = service.request("POST", "/v1/score", body, headers)[2]
    assert found["error"]["message"].startswith("none of 2 recordings can be used; the first: ")


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("multipart/form-data", b"", "has no boundary"),
        ("multipart/form-data; boundary=b", b"", "ends before its last boundary"),
        ("multipart/form-data; boundary=b", b"--b--\r\n", "holds no recording"),
        ("multipart/form-data; boundary=b", b"nothing of it", "is broken"),
        ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"x" * 99_000, "is broken"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nabc", "ends before its last"),
    ],
)
def test_a_broken_form_is_an_error(service, kind, body, message):
    status, _, found = service.request("POST", "/v1/score", body, {"Content-Type": kind})
    assert (status, found["error"]["code"]) == (400, "bad_form")
    assert message in found["error"]["message"]


def test_names_are_data(service, wav, form):
    name = "\u202e=cmd|' /C calc'!A0\x1b[2J" + "x" * 400
    body, headers = form((name, wav(level(1.5))))
    [one] = service.request("POST", "/v1/score", body, headers)[2]["recordings"]
    assert one["path"] == name[:255]


def test_the_model_is_described(service):
    status, _, found = service.get("/v1/model")
    assert status == 200
    assert found["default_threshold"] == "band"
    assert [one["name"] for one in found["thresholds"]] == [
        *("band", "even", "bayes", "eer", "far1", "far5", "frr5")
    ]
    assert all(one["own_test"] for one in found["thresholds"])
    assert found["model_card"] == "# A card"
    assert found["training_range"]["ranges"]["bandwidth_hz"]["low"] == 3000
    assert found["limits"]["max_body_bytes"] == 64 * 1024**2


def test_probes_and_unknown_routes(service):
    for path in ("/healthz", "/readyz"):
        assert service.get(path)[2] == {"status": "ok"}
    for method, path, status, code in (
        ("GET", "/v1/none", 404, "not_found"),
        ("GET", "/v1/score", 405, "method_not_allowed"),
        ("POST", "/v1/model", 405, "method_not_allowed"),
        ("GET", "/docs", 404, "not_found"),
    ):
        found = service.request(method, path)
        assert (found[0], found[2]["error"]["code"]) == (status, code)


def test_metrics_count_decisions_and_what_comes_in(service, wav):
    service.score(wav(level(1.5)))
    service.score(b"words")
    text = service.get("/metrics")[2].decode()
    for line in (
        'bonafide_requests_total{route="/v1/score",site="api",status="200"}',
        'bonafide_requests_total{route="/v1/score",site="api",status="422"}',
        'bonafide_recordings_total{decision="bona fide"}',
        'bonafide_recordings_total{decision="error"}',
        'bonafide_request_seconds_count{route="/v1/score",site="api"}',
        "bonafide_quality_bandwidth_hz_count",
        'bonafide_model_version{version="1700000000"} 1.0',
        "bonafide_requests_running 0.0",
        "bonafide_held_bytes 0.0",
        "bonafide_batch_clips_count",
    ):
        assert line in text, line


def test_logs_hold_neither_names_nor_audio(service, wav, capfd, caplog):
    import logging

    from bonafide.scoring.service import logs

    handler = logging.Handler()
    lines = []

    def keep(record):
        line = logs.JsonFormatter().format(record)
        if "mine-" in line:  # and not of the test before, whose last line comes after its answer
            lines.append(line)

    handler.emit = keep
    logs.LOGGER.addHandler(handler)
    logs.LOGGER.setLevel(logging.INFO)
    try:
        service.score(wav(level(1.5)), "name=secret.wav", **{"X-Request-Id": "mine-1"})
        service.score(b"words", "name=secret.wav", **{"X-Request-Id": "mine-2"})
        service.get("/secret/path", **{"X-Request-Id": "mine-3"})
        end = time.monotonic() + 20
        while len(lines) < 3 and time.monotonic() < end:  # written after the answer
            time.sleep(0.01)
    finally:
        logs.LOGGER.removeHandler(handler)
        logs.LOGGER.setLevel(logging.NOTSET)
    first, second, third = map(json.loads, lines)
    assert not any("secret" in line for line in lines)
    assert (first["request_id"], first["route"], first["status"]) == ("mine-1", "/v1/score", 200)
    assert (first["recordings"], second["error"]) == (1, "unusable_audio")
    assert (third["route"], third["status"]) == ("other", 404)
