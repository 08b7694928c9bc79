"""`bonafide score`, the page and the API say the same of a file, to the last digit."""

import io
import json
import threading

import numpy as np
import pytest
import service_thread
import soundfile
import voices

from bonafide.scoring import command
from bonafide.scoring.model import Scorer
from bonafide.scoring.service.settings import Settings

SHARED = (
    *("channel", "score", "probability", "decision", "seconds", "speech", "segments"),
    *("lowest", "lowest_start", "unlike_training", "note"),
)


@pytest.fixture(scope="module")
def both(pushed):
    """A service with the real loader, page and API."""
    settings = Settings(model=str(pushed), page_port=0, api_port=0)
    with service_thread.running(settings, Scorer) as found:
        page = service_thread.Service(found.application, found.application._settings.page_port)
        yield page, found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 30, 48_000)
    call = np.stack([voices.level(2.5, 3.0), voices.voice(3.0)[::-1] - 1_000], axis=1)
    for name, samples, rate in (
        ("person.wav", voices.level(2.0, 3.0) + noise, 16_000),
        ("machine.flac", voices.level(-2.0, 3.0), 16_000),
        ("not_sure.wav", voices.level([0.31, 0.13, 0.47], 3.3), 16_000),
        ("call.wav", call, 16_000),
        ("telephone.ogg", voices.level(1.2, 2.7, 8_000) / 32_768, 8_000),
        ("talk.mp3", voices.level(0.9, 4.1, 44_100) / 32_768, 44_100),
        ("long.wav", voices.level(np.linspace(-5, 5, 20), 20.0), 16_000),
        ("silence.wav", np.zeros(32_000), 16_000),
    ):
        whole = samples.astype(np.int16) if np.abs(samples).max() > 1 else samples
        soundfile.write(folder / name, whole, rate)
    return sorted(folder.iterdir())


def said_by_score(path, pushed, tmp_path, *options):
    out = tmp_path / "out.json"
    arguments = [str(path), "--model", str(pushed), "--json", str(out), "--segments", *options]
    command.main(arguments)
    [found] = json.loads(out.read_text())["recordings"]
    return found


@pytest.mark.parametrize("threshold", ["band", "bayes"])
def test_they_agree_to_the_last_digit(both, files, pushed, tmp_path, threshold, capsys):
    page, api = both
    decisions = set()
    for path in files:
        expected = said_by_score(path, pushed, tmp_path, "--threshold", threshold)
        query = f"threshold={threshold}&name={path.name}"
        [by_api] = api.score(path.read_bytes(), query)[2]["recordings"]
        assert by_api | {"path": expected["path"]} == expected
        by_page = page.request("POST", f"/score?{query}", path.read_bytes())[2]
        assert {name: by_page[name] for name in SHARED} == {n: expected[n] for n in SHARED}
        decisions.add(expected["decision"])
    assert decisions >= {"bona fide", "spoof", "no speech"}
    assert ("not sure" in decisions) == (threshold == "band")


def test_they_agree_while_others_are_scored(both, files, form):
    _, api = both
    alone = {p.name: api.score(p.read_bytes(), f"name={p.name}")[2]["recordings"] for p in files}
    found = []

    def ask(order):
        body, headers = form(*((path.name, path.read_bytes()) for path in order))
        found.append(api.request("POST", "/v1/score", body, headers)[2]["recordings"])

    threads = [threading.Thread(target=ask, args=(files[n:] + files[:n],)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for recordings in found:
        for one in recordings:
            assert [one] == alone[one["path"]]


def test_the_errors_are_the_same(both, pushed, tmp_path, capsys):
    page, api = both
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(1_000), 16_000, format="WAV")
    for name, content in (("words.wav", b"words"), ("short.wav", buffer.getvalue())):
        (tmp_path / name).write_bytes(content)
        expected = said_by_score(tmp_path / name, pushed, tmp_path)["error"]
        assert page.request("POST", "/score", content)[2] == {"error": expected}
        assert api.score(content)[2]["error"]["message"] == expected
