"""What is refused before a body is read, and what one request cannot take from the others."""

import socket
import threading
import time

import numpy as np
import pytest
from voices import level

from bonafide.scoring.service.settings import Limits

MIB = 1024**2


def exchange(port, head, body=b"", wait=10.0):
    """Sends bytes as they are; returns what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as link:
        link.sendall(head)
        if body:
            link.sendall(body)
        found = b""
        try:
            while chunk := link.recv(65_536):
                found += chunk
                if b"\r\n\r\n" in found and found.endswith((b"}", b"0\r\n\r\n")):
                    break
        except TimeoutError:
            pass
        return found


def head(host, *lines, path="/v1/score"):
    return "\r\n".join([f"POST {path} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", b"200"),
        ("localhost", b"200"),
        ("127.0.0.1:{port}@evil", b"403"),
        ("evil@127.0.0.1:{port}", b"403"),
        ("127.0.0.1:{port}/evil", b"403"),
        ("rebound.example.com:{port}", b"403"),
        ("127.0.0.1.example.com", b"403"),
        ("", b"403"),
        ("127.0.0.1:{port}\r\nHost: evil", b"403"),
    ],
)
def test_only_its_own_names_are_answered(service, host, status):
    request = head(host.format(port=service.port)).replace(b"POST /v1/score", b"GET /v1/model")
    assert exchange(service.port, request).split()[1] == status


@pytest.mark.parametrize("origin", ["http://example.com", "null", "http://127.0.0.1:1"])
def test_pages_of_others_are_refused(service, wav, origin):
    status, _, found = service.score(wav(level(1.5)), Origin=origin)
    assert (status, found["error"]["where"]) == (403, "header Origin")


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(service):
    reply = exchange(service.port, head("localhost", f"Content-Length: {64 * MIB + 1}"))
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert b'"larger than 64 MiB"' in reply
    reply = exchange(service.port, head("localhost", "Content-Length: 99999999999999999999"))
    assert reply.split()[1] == b"400"


def test_chunks_are_counted_as_they_come(run_service):
    with run_service(limits=Limits(body_bytes=MIB)) as service:
        chunk = b"10000\r\n" + bytes(65_536) + b"\r\n"
        request = head("localhost", "Transfer-Encoding: chunked")
        reply = exchange(service.port, request, chunk * 17 + b"0\r\n\r\n")
        assert reply.startswith(b"HTTP/1.1 413 ")
        assert service.site.admission.held_bytes == 0


def test_bodies_share_a_budget(run_service, wav):
    with run_service(limits=Limits(body_bytes=2 * MIB, memory_bytes=3 * MIB)) as service:
        with socket.create_connection(("127.0.0.1", service.port)) as slow:
            slow.sendall(head("localhost", f"Content-Length: {2 * MIB}") + bytes(2 * MIB - 10))
            wait_until(lambda: service.site.admission.held_bytes == 2 * MIB - 10)
            status, headers, found = service.score(bytes(MIB + 100))
            assert (status, found["error"]["code"]) == (429, "busy")
            assert int(headers["Retry-After"]) >= 1
            assert service.score(wav(level(1.5)))[0] == 200
        # The client has gone: its bytes are free.
        wait_until(lambda: service.site.admission.held_bytes == 0)
        assert service.site.admission.requests == 0


def test_the_queue_has_an_end(run_service, wav):
    with run_service(limits=Limits(queue=2)) as service:
        links = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(2)]
        for link in links:
            link.sendall(head("localhost", "Content-Length: 100"))
        wait_until(lambda: service.site.admission.requests == 2)
        status, headers, _ = service.score(wav(level(1.5)))
        assert (status, headers["Retry-After"]) == (429, "2")
        assert service.get("/healthz")[0] == 200
        for link in links:
            link.close()
        wait_until(lambda: service.site.admission.requests == 0)
        assert service.score(wav(level(1.5)))[0] == 200


def test_a_slow_upload_ends(run_service):
    with run_service(limits=Limits(upload_seconds=0.5)) as service:
        reply = exchange(service.port, head("localhost", "Content-Length: 100"), b"RIFF")
        assert reply.startswith(b"HTTP/1.1 408 ")
        assert b"upload_too_slow" in reply


def test_headers_have_an_end_and_a_time(service, monkeypatch):
    from bonafide.scoring.service import protocol

    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.3)
    begun = time.monotonic()
    assert exchange(service.port, b"GET /healthz HTTP/1.1\r\nHost: local") == b""
    assert exchange(service.port, b"") == b""
    assert time.monotonic() - begun < 5
    large = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"
    assert exchange(service.port, large).split()[1] == b"400"


def test_too_many_recordings_are_refused(service, form):
    body, headers = form(*[("a.wav", b"RIFF")] * 65)
    status, _, found = service.request("POST", "/v1/score", body, headers)
    assert (status, found["error"]["code"]) == (413, "too_many_recordings")


def test_what_is_too_long_or_too_wide_is_refused(run_service, wav):
    with run_service(limits=Limits(seconds=20.0)) as service:
        long = wav(np.zeros(21 * 8_000, np.int16), rate_hz=8_000, kind="FLAC")
        assert "longer than 0.333 min" in service.score(long)[2]["error"]["message"]
        rng = np.random.default_rng(0)
        wide = rng.integers(-2_000, 2_000, (10 * 8_000, 8)).astype(np.int16)
        found = service.score(wav(wide, rate_hz=8_000))[2]["error"]
        assert found["message"].startswith("8 channels of 10 s would be scored apart, at most 40 s")
        fast = wav(np.zeros((19 * 96_000, 2), np.int16), rate_hz=96_000, kind="FLAC")
        found = service.score(fast)[2]["error"]
        assert "decodes to more than 1,920,000 samples in 2 channels" in found["message"]


def test_a_bomb_does_not_hold_the_others_up(service, wav):
    """600 s of 8 channels in a small file, which decodes to 77 million samples."""
    quiet = np.zeros((600 * 16_000, 8), np.int16)
    bomb = wav(quiet, kind="FLAC")
    assert len(bomb) < MIB
    clip = wav(level(1.5))
    service.score(clip)
    done = []
    bombs = [threading.Thread(target=lambda: done.append(service.score(bomb)[0])) for _ in range(3)]
    for thread in bombs:
        thread.start()
    wait_until(lambda: service.site.admission.requests == 3)
    statuses = [service.score(clip)[0] for _ in range(3)]
    waited_for = len(done)
    for thread in bombs:
        thread.join()
    assert statuses == [200] * 3
    assert done == [422] * 3
    assert waited_for < 3


def test_scoring_has_a_time(run_service, wav):
    def slow(model):
        def score(clips):
            time.sleep(0.3)
            return np.zeros(len(clips), np.float32)

        return score

    with run_service(slow, limits=Limits(answer_seconds=0.2, threads=1)) as service:
        clip = wav(level(1.5))
        found = []
        waiting = [
            threading.Thread(target=lambda: found.append(service.score(clip))) for _ in range(4)
        ]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join()
        late = [answer for answer in found if answer[0] == 503]
        assert late
        assert late[0][2]["error"]["code"] == "overtime"
        assert late[0][1]["Retry-After"]


def test_a_thousand_bad_bodies_are_answered(service, wav):
    rng = np.random.default_rng(1)
    good = wav(level(1.5))
    counts = {}
    for _ in range(1000):
        bad = bytearray(good[: rng.integers(0, 400)])
        for place in rng.integers(0, len(bad) or 1, 5):
            if bad:
                bad[place] = rng.integers(256)
        status, _, found = service.score(bytes(bad))
        counts[status] = counts.get(status, 0) + 1
        assert status == 422 or (status == 200 and found["recordings"]), found
    assert counts[422] > 900
    assert service.score(good)[2]["recordings"][0]["score"] == 1.5


def wait_until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
