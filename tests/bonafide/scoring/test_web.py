import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from voices import level, voice

from bonafide.metrics.training_range import QUALITIES, Range, TrainingRange
from bonafide.scoring import web
from bonafide.scoring.model import Scorer, read_model

ROOT = pathlib.Path(__file__).resolve().parents[3]
RATE = 16_000
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)


@pytest.fixture(scope="module")
def site(pushed, tmp_path_factory):
    """The page's address, of `score.py --serve` in a process of its own."""
    command = [sys.executable, str(ROOT / "score.py"), "--serve", "--port", "0", "--model", pushed]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=tmp_path_factory.mktemp("served"), text=True
    ) as process:
        yield process.stdout.readline().split()[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) in (0, 130)


def ask(site, path="", data=None, **headers):
    """Status, headers and body of an answer."""
    request = urllib.request.Request(site + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def score(site, content, query=""):
    status, _, body = ask(site, f"score?{query}", content)
    return status, json.loads(body)


def test_a_recording_is_scored_decided_and_drawn(site, wav):
    status, found = score(site, wav(level([3.0, -1.0], 2.0)))
    assert status == 200
    assert found["svg"].startswith("<svg")
    assert found["explanation"].startswith("Model: ")
    assert found["limits"].startswith("This detector makes mistakes. In its own test it took 25 of")
    assert found["speech"] == pytest.approx(2.0, abs=0.02)
    del found["svg"], found["explanation"], found["limits"], found["speech"]
    assert found == {
        **{"score": 1.0, "probability": 0.731059, "decision": "bona fide", "seconds": 2.0},
        **{"segments": 3, "lowest": -1.0, "lowest_start": 1.0, "lowest_end": 2.0},
        **{"channel": "mono", "channels": [], "note": None, "reason": "", "partly_spoofed": None},
        "unlike_training": None,
        "threshold": "band: bona fide above 0.75, spoof at or below -0.2, not sure between",
    }


def test_what_holds_no_speech_is_not_decided(site, wav):
    status, found = score(site, wav(np.zeros(3 * RATE, np.int16)))
    assert (status, found["decision"], found["score"], found["svg"]) == (200, "no speech", None, "")
    assert found["reason"] == "0.0 s of speech, at least 1 s are needed"
    assert (found["seconds"], found["speech"]) == (3.0, 0.0)


def test_what_is_unlike_training_is_not_decided(pushed, wav):
    training = TrainingRange(
        {quality.name: Range(-1000.0, 100_000.0) for quality in QUALITIES}
        | {"bandwidth_hz": Range(7_200.0, 8_000.0)},
        100,
    )
    model = dataclasses.replace(read_model(pushed), training=training)
    question = web.asked({}, model)
    found = web.scored(wav(level(1.5, 2.0)), model, Scorer(model), question)
    assert (found["decision"], found["score"]) == ("not sure", 1.5)
    assert found["unlike_training"].startswith("bandwidth ")
    assert found["unlike_training"].endswith(" kHz (training: 7.2 to 8 kHz)")
    assert "Unlike training." in found["explanation"]
    assert "not sure" in found["svg"]


def test_channels_that_differ_are_scored_apart(site, wav):
    call = np.stack([level(2.5, 2.0), voice(2.0)[::-1] - 1_000], axis=1)
    _, found = score(site, wav(call))
    assert (found["channel"], found["decision"]) == ("worst: right", "spoof")
    assert [(one["channel"], one["decision"]) for one in found["channels"]] == [
        ("left", "bona fide"),
        ("right", "spoof"),
    ]
    assert found["note"].startswith("different channels")
    assert found["svg"].startswith("<svg")


def test_a_spoofed_part_is_marked(site, wav):
    _, found = score(site, wav(level([3.0, 3.0, -2.0, 3.0, 3.0], 15.0)))
    assert found["decision"] == "bona fide"
    assert found["partly_spoofed"] == [pytest.approx(6.0, abs=1.0), pytest.approx(9.0, abs=1.0)]


@pytest.mark.parametrize(
    ("query", "decision"),
    [
        ("", "bona fide"),
        ("threshold=band", "bona fide"),
        ("threshold=even", "bona fide"),
        ("threshold=bayes", "bona fide"),
        ("threshold=far1", "spoof"),
        ("threshold=eer", "bona fide"),
        ("threshold=1.6", "spoof"),
        ("prior=0.1", "spoof"),
        ("cost_ratio=5", "spoof"),
        ("width=inf", "bona fide"),
        ("width=nan", "bona fide"),
    ],
)
def test_the_decision_is_at_the_operating_point_that_was_chosen(site, wav, query, decision):
    status, found = score(site, wav(level(1.5)), query)
    assert (status, found["decision"]) == (200, decision)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("threshold=best", "expected a number or one of band, even, bayes, eer, far1"),
        ("prior=1", "between 0 and 1"),
        ("prior=nan", "between 0 and 1"),
        ("prior=x", "prior is not a number"),
        ("cost_ratio=0", "above 0"),
        ("cost_ratio=inf", "above 0"),
    ],
)
def test_a_wrong_question_is_told(site, wav, query, reason):
    status, found = score(site, wav(level(1.5)), query)
    assert status == 422
    assert reason in found["error"]


def test_what_is_no_recording_is_told(site, wav):
    for content, reason in (
        (b"words", "unreadable as audio"),
        (b"", "empty file"),
        (wav(level(1.0, 0.1)), "too short"),
        (wav(level(1.0))[:-100], "cut off"),
    ):
        status, found = score(site, content)
        assert status == 422
        assert reason in found["error"]


def test_what_is_too_long_or_too_large_is_refused(site, wav):
    hour = wav(np.zeros(web.MAX_SECONDS * 2_000 + 4_000, np.int16), rate_hz=2_000)
    status, found = score(site, hour)
    assert (status, found["error"]) == (
        *(422, "longer than 10 minutes: score it with score.py --plot"),
    )
    status, found = score(site, bytes(web.MAX_BYTES + 1))
    assert (status, found["error"]) == (413, "larger than 64 MiB")


def test_no_path_of_a_request_is_read(site):
    for path in (
        *("page.html", "web.py", "etc/passwd", "..%2fweb.py", "static/page.js"),
        *("%2e%2e/web.py", "%2Fetc%2Fpasswd", "score"),
    ):
        status, _, body = ask(site, path)
        assert status in (404, 405), path
        assert b"root:" not in body


def test_only_its_own_page_is_answered(site, wav):
    content = wav(level(1.5))
    port = site.rstrip("/").rpartition(":")[2]
    for headers, expected in (
        ({"Origin": site.rstrip("/")}, 200),
        ({"Origin": "http://example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": f"rebound.example.com:{port}"}, 403),
        ({"Host": f"localhost:{port}"}, 200),
    ):
        assert ask(site, "score", content, **headers)[0] == expected, headers


def test_nothing_is_kept_and_nothing_is_loaded_from_elsewhere(site):
    for path in ("", "page.js", "page.css", "about", "none"):
        _, headers, _ = ask(site, path)
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    text = b"".join(ask(site, path)[2] for path in ("", "page.js", "page.css"))
    assert b"https://" not in text


def test_the_page_knows_the_model(site, pushed):
    about = json.loads(ask(site, "about")[2])
    assert about["thresholds"] == ["band", "even", "bayes", "eer", "far1", "far5", "frr5"]
    assert about["limits"].startswith("This detector makes mistakes.")
    assert about["limits"].endswith("never decide on it alone.")
    assert about["card"] == read_model(pushed).card
    assert about["model"] == pushed.name


def test_it_listens_on_this_machine_alone_and_says_when_it_cannot(site, pushed):
    port = site.rstrip("/").rpartition(":")[2]
    # Of IPv4 sockets that listen: local address and port, in hexadecimal.
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    assert [row[1] for row in rows if row[3] == "0A" and int(row[1][9:], 16) == int(port)] == [
        f"0100007F:{int(port):04X}"
    ]
    done = subprocess.run(
        [sys.executable, ROOT / "score.py", "--serve", "--port", port, "--model", pushed],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == f"error: port {port}: Address already in use\n"


# In a browser.


@pytest.fixture
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium or google-chrome on PATH")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(
            executable_path=CHROMIUM,
            args=["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
        )
        yield started
        started.close()


@contextlib.contextmanager
def opened(browser, site, width):
    """The page, ready, and what went wrong on it."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
    page.goto(site)
    page.wait_for_selector("body[data-ready]")
    yield page, wrong
    page.close()


PICTURE_IS_DRAWN = """() => {
  const image = document.getElementById("picture");
  return image.complete && image.naturalWidth > 0;
}"""


@pytest.mark.parametrize("width", [380, 1200])
def test_a_file_is_scored_shown_and_heard(browser, site, tmp_path, wav, width):
    (tmp_path / "<b>talk.wav").write_bytes(wav(level([3.0, -1.0], 2.0)))
    (tmp_path / "silence.wav").write_bytes(wav(np.zeros(3 * RATE, np.int16)))
    (tmp_path / "words.wav").write_text("words")
    with opened(browser, site, width) as (page, wrong):
        # What it cannot do stands above the fold, before anything is scored.
        box = page.locator("#limits-of-model").bounding_box()
        assert box["y"] + box["height"] < 900
        assert "never decide on it alone" in page.inner_text("#limits-of-model")
        page.set_input_files("#file", tmp_path / "<b>talk.wav")
        page.wait_for_selector("#result:not([hidden])")
        assert page.inner_text("#decision") == "Sounds like a person (bona fide)"
        assert "score 1.00, probability of bona fide 73.1 %" in page.inner_text("#numbers")
        assert "of speech in 2.0 s, 3 segments, the lowest -1.00 at 1.0 s to 2.0 s. Rule: " in (
            page.inner_text("#rule")
        )
        page.wait_for_function(PICTURE_IS_DRAWN)
        page.wait_for_function("() => document.getElementById('player').duration === 2")
        page.click("#how-details summary")
        page.select_option("#threshold", "far1")
        page.wait_for_selector("#decision.spoof")
        assert page.inner_text("#decision") == "Sounds synthetic (spoof)"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if folder := os.environ.get("BONAFIDE_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/page-{width}.png", full_page=True)
        page.set_input_files("#file", tmp_path / "silence.wav")
        page.wait_for_selector("#decision.no-speech")
        assert "0.0 s of speech, at least 1 s are needed" in page.inner_text("#reason")
        assert not page.is_visible("#picture")
        page.set_input_files("#file", tmp_path / "words.wav")
        page.wait_for_selector("#result", state="hidden")
        assert "cannot be scored: unreadable as audio" in page.inner_text("#status")
        # The refusal itself is all that the browser complains of.
        assert [said for said in wrong if "422" not in said] == []


def test_a_call_and_a_spoofed_part_are_shown(browser, site, tmp_path, wav):
    call = np.stack([level(2.5, 2.0), voice(2.0)[::-1] - 1_000], axis=1)
    (tmp_path / "call.wav").write_bytes(wav(call))
    (tmp_path / "spliced.wav").write_bytes(wav(level([3.0, 3.0, -2.0, 3.0, 3.0], 15.0)))
    with opened(browser, site, 800) as (page, wrong):
        page.set_input_files("#file", tmp_path / "call.wav")
        page.wait_for_selector("#channel:not([hidden])")
        assert "the most suspicious one decides: left bona fide (2.50), right spoof" in (
            page.inner_text("#channel")
        )
        assert not page.is_visible("#partly")
        page.set_input_files("#file", tmp_path / "spliced.wav")
        page.wait_for_selector("#partly:not([hidden])")
        assert page.inner_text("#partly").startswith("Partly spoofed? From ")
        assert not page.is_visible("#channel")
        assert wrong == []


def test_a_clip_is_recorded(browser, site):
    with opened(browser, site, 800) as (page, wrong):
        page.click("#record")
        page.wait_for_selector("#record[aria-pressed=true]")
        time.sleep(1.0)  # of the fake microphone's beeps
        page.click("#record")
        page.wait_for_selector("#result:not([hidden])")
        # A microphone of beeps: what it records is decoded, and is no speech.
        assert page.inner_text("#decision") == "No speech to decide on"
        page.wait_for_function("() => document.getElementById('player').readyState > 0")
        assert wrong == []
