"""`bonafide serve` as processes: start, stop, workers, keys."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest
from voices import level

from bonafide.scoring import serve

ROOT = pathlib.Path(__file__).resolve().parents[4]
SERVE = ROOT / "tests/harness/serve_without_network.py"


@contextlib.contextmanager
def started(*arguments):
    """A service in processes of its own, and the addresses that it prints."""
    command = [sys.executable, str(SERVE), *map(str, arguments)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    ) as process:
        lines = [process.stdout.readline() for _ in range(1 if "--no-page" in arguments else 2)]
        try:
            yield process, [line.split()[0] for line in lines if line.strip()]
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(timeout=120)


def ask(url, data=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=240) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_it_stops_gracefully_and_what_is_being_scored_is_answered(records, wav):
    clip = wav(level(1.5, 30.0))
    with started("--model", records, "--port", 0, "--api-port", 0) as (process, (page, api)):
        assert page.endswith("/")
        assert api.endswith("/v1/score")
        assert page.split(":")[2] != api.split(":")[2]
        # The page is no route of the API, and the API none of the page.
        assert ask(f"{page}v1/model")[0] == ask(api.replace("v1/score", "about"))[0] == 404
        found = []
        asking = [threading.Thread(target=lambda: found.append(ask(api, clip))) for _ in range(4)]
        for thread in asking:
            thread.start()
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        for thread in asking:
            thread.join()
        assert [status for status, _ in found] == [200] * 4
        assert process.wait(timeout=120) == 0
        log = [json.loads(line) for line in process.stderr.read().splitlines()]
        assert {line["event"] for line in log} == {"model_loaded", "request"}


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_half_answered(records, wav):
    clip = wav(level(1.5, 2.0))
    arguments = ("--model", records, "--no-page", "--api-port", 0, "--workers", 2)
    # Nobody reads its standard error meanwhile.
    arguments += ("--log", "errors")
    with started(*arguments) as (process, [api]):
        answers, stop = [], threading.Event()

        def client():
            while not stop.is_set():
                try:
                    answers.append(ask(api, clip))
                except (OSError, ValueError) as error:
                    answers.append((0, error))

        assert ask(api, clip)[0] == 200
        threads = [threading.Thread(target=client) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(workers_of(process.pid)) == 2)
        wait_until(lambda: len(answers) > 20)
        killed = workers_of(process.pid)[0]
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: killed not in workers_of(process.pid))
        wait_until(lambda: len(workers_of(process.pid)) == 2)
        count = len(answers)
        wait_until(lambda: len(answers) > count + 40)
        stop.set()
        for thread in threads:
            thread.join()
        metrics = urllib.request.urlopen(api.replace("v1/score", "metrics"), timeout=60).read()
    good = [body for status, body in answers if status == 200]
    lost = [body for status, body in answers if status != 200]
    # Those that the killed process was answering get no answer, and not half of one.
    assert len(lost) <= 4
    assert all(isinstance(one, OSError) for one in lost), lost
    assert {one["recordings"][0]["score"] for one in good} == {1.5}
    assert b"bonafide_requests_total" in metrics


def test_workers_end_with_their_parent(records):
    arguments = ("--model", records, "--no-page", "--api-port", 0, "--workers", 2)
    with started(*arguments, "--log", "errors") as (process, [api]):
        assert ask(api.replace("v1/score", "healthz"))[0] == 200
        wait_until(lambda: len(workers_of(process.pid)) == 2)
        workers = workers_of(process.pid)
        process.kill()
        wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in workers))


def workers_of(pid):
    """Processes of the service that serve: its children but for multiprocessing's tracker."""
    found = []
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError):
            if "spawn_main" in pathlib.Path(f"/proc/{child}/cmdline").read_text():
                found.append(int(child))
    return found


def wait_until(condition, seconds=240.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_another_address_needs_tokens(capsys, monkeypatch):
    monkeypatch.delenv("BONAFIDE_TOKENS", raising=False)
    assert serve.main(["--host", "0.0.0.0", "--no-page"]) == 1
    assert capsys.readouterr().err == (
        "error: expected tokens with --host 0.0.0.0, got none. Name a file with --tokens, or set "
        "BONAFIDE_TOKENS (docs/service.md).\n"
    )


def test_the_command_line_is_checked(capsys, tmp_path):
    assert serve.main(["--model", str(tmp_path / "none"), "--port", "0", "--api-port", "0"]) == 1
    assert "there is no such folder" in capsys.readouterr().err
    assert serve.main(["--tokens", str(tmp_path / "none")]) == 1
    assert "cannot be read: No such file" in capsys.readouterr().err
    for wrong in (["--no-page", "--no-api"], ["--workers", "0"], ["--api-port", "65536"]):
        with pytest.raises(SystemExit) as stopped:
            serve.main(wrong)
        assert stopped.value.code == 2


def test_what_is_missing_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn.protocols.http.httptools_impl", None)
    monkeypatch.delitem(sys.modules, "bonafide.scoring.service.protocol", raising=False)
    assert serve.main([]) == 1
    assert "pip install 'bonafide[service]'" in capsys.readouterr().err
