import asyncio
import json
import os

import model_server
import numpy as np
import pytest
import tensorflow as tf

from bonafide.serving import load


@pytest.fixture(scope="module")
def url(pushed):
    model = tf.saved_model.load(str(pushed))
    with model_server.rest(model, "bonafide", 1700000000) as url:
        yield url


def address(url, model="bonafide"):
    return f"{url}/v1/models/{model}:predict"


def driven(where, *, body=None, clients=2, seconds=0.3, pid=None):
    body = load.clip_body(1600) if body is None else body
    return asyncio.run(load.drive(where, body, clients=clients, seconds=seconds, pid=pid))


def test_all_clients_get_scores(url):
    found = driven(address(url), clients=4, pid=os.getpid())
    assert found.clients == 4
    assert found.requests >= 4
    assert found.failed == 0
    assert found.first_failure == ""
    assert 0 < found.p50_ms <= found.p99_ms <= found.longest_ms <= 1000 * found.seconds
    assert found.requests_per_second == pytest.approx(found.requests / found.seconds)
    before, after = found.memory_mib
    assert min(before, after) > 50


def test_failures_are_counted_with_the_first_reason(url):
    found = driven(address(url, "other"))
    assert found.requests == 0
    assert found.failed >= 2
    assert "/v1/models/other:predict answered 404: " in found.first_failure
    assert np.isnan(found.p50_ms)
    assert "2 clients" in load.text_of(found)
    assert "failed: http" in load.text_of(found)


def test_no_server_is_a_failure_and_no_traceback():
    found = driven("http://127.0.0.1:9/v1/models/bonafide:predict", clients=1, seconds=0.05)
    assert found.failed == 1
    assert "cannot be reached" in found.first_failure


def test_another_service_is_named(url):
    body = json.dumps({"signature_name": "score_pcm16", "inputs": {"pcm16": []}}).encode()
    found = driven(address(url), body=body, clients=1, seconds=0.05)
    assert "returned no scores" in found.first_failure


def test_memory_of_a_process_that_is_gone_is_not_known(url):
    assert driven(address(url), clients=1, seconds=0.05, pid=2**22 + 1).memory_mib is None


def test_the_command_prints_and_writes(url, tmp_path, capsys):
    file = tmp_path / "load.json"
    options = ["--url", url + "/", "--clients", "1", "3", "--seconds", "0.1"]
    assert load.main([*options, "--clip-samples", "1600", "--json", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["1", "clients"], ["3", "clients"]]
    assert [one["clients"] for one in json.loads(file.read_text())] == [1, 3]
    assert load.main([*options, "--model", "other"]) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--clients", "0"], "--clip-samples above 0"),
        (["--seconds", "0"], "--clip-samples above 0"),
        (["--json", "/none/load.json"], "there is no folder /none"),
    ],
)
def test_what_cannot_be_is_refused(options, said, capsys):
    with pytest.raises(SystemExit) as caught:
        load.main(options)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
