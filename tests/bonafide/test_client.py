import asyncio
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import service_thread
from voices import level

import bonafide
from bonafide.scoring.service.keys import read_keys
from bonafide.scoring.service.settings import Limits, Settings

TOKEN = "k" * 20


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    records = service_thread.write_records(tmp_path_factory.mktemp("records") / "1700000000")
    settings = Settings(model=str(records), api_port=0, keys=read_keys(None, f"me {TOKEN}"))
    with service_thread.running(settings) as found:
        yield found


@pytest.fixture
def url(service):
    return f"http://127.0.0.1:{service.port}"


def test_recordings_are_scored_from_paths_and_bytes(url, tmp_path, wav):
    (tmp_path / "person.wav").write_bytes(wav(level(1.5)))
    with bonafide.Client(url, token=TOKEN) as client:
        assert client.is_ready()
        scores = client.score(
            tmp_path / "person.wav", ("machine.wav", wav(level(-1.5))), ("x.wav", b"words")
        )
        assert scores.model_version == client.model()["model"]["version"] == "1700000000"
        assert scores.threshold["own_test"]["n_spoof"] == 278
    found = [(one.path, one.score, one.decision) for one in scores.recordings]
    assert found == [
        ("person.wav", 1.5, "bona fide"),
        ("machine.wav", -1.5, "spoof"),
        ("x.wav", None, None),
    ]
    assert "unreadable as audio" in scores.recordings[2].error
    assert scores.recordings[0].raw["segment_scores"][0]["score"] == 1.5


def test_options_are_passed_on_and_errors_say_what_to_do(url, wav):
    clip = ("a.wav", wav(level(1.5)))
    with bonafide.Client(url, token=TOKEN) as client:
        scores = client.score(clip, threshold="far1", segments=False)
        assert scores.recordings[0].decision == "spoof"
        assert "segment_scores" not in scores.recordings[0].raw
        with pytest.raises(bonafide.ApiError, match="expected a number or one of") as raised:
            client.score(clip, threshold="best")
        assert (raised.value.status, raised.value.code) == (422, "unknown_threshold")
        assert raised.value.remedy
        assert raised.value.request_id
        with pytest.raises(FileNotFoundError):
            client.score("none.wav")
    with bonafide.Client(url) as client, pytest.raises(bonafide.ApiError, match="a token"):
        client.score(clip)
    with (
        bonafide.Client("http://127.0.0.1:9", retries=0) as client,
        pytest.raises(bonafide.ApiError, match="cannot be reached") as raised,
    ):
        client.score(clip)
    assert raised.value.status == 0


def test_a_busy_service_is_asked_again(tmp_path, wav):
    started = threading.Event()

    def slow(model):
        def score(clips):
            started.set()
            time.sleep(0.5)
            return np.zeros(len(clips), np.float32)

        return score

    records = service_thread.write_records(tmp_path / "1")
    settings = Settings(model=str(records), api_port=0, limits=Limits(queue=1))
    with service_thread.running(settings, slow) as service:
        url = f"http://127.0.0.1:{service.port}"
        clip = ("a.wav", wav(level(0.0)))
        with bonafide.Client(url) as client, bonafide.Client(url, retries=0) as impatient:
            first = threading.Thread(target=client.score, args=(clip,))
            first.start()
            started.wait(20)
            with pytest.raises(bonafide.ApiError) as raised:
                impatient.score(clip)
            assert (raised.value.status, raised.value.code) == (429, "busy")
            assert client.score(clip).recordings[0].score == 0.0
            first.join()


def test_the_asynchronous_client_says_the_same(url, wav):
    clips = [(f"{number}.wav", wav(level(number / 2, 1.2))) for number in range(-3, 4)]

    async def ask():
        async with bonafide.AsyncClient(url, token=TOKEN) as client:
            assert await client.is_ready()
            assert (await client.model())["sample_rate"] == 16_000
            return await asyncio.gather(*(client.score(clip) for clip in clips))

    found = [answer.recordings[0].score for answer in asyncio.run(ask())]
    with bonafide.Client(url, token=TOKEN) as client:
        assert found == [one.score for one in client.score(*clips).recordings]


def test_a_live_recording_is_scored(url):
    samples = level(1.5, 3.0).astype("<i2").tobytes()
    blocks = [samples[start : start + 3_200] for start in range(0, len(samples), 3_200)]
    with bonafide.Client(url, token=TOKEN) as client:
        answers = list(client.stream(blocks, threshold="even"))
        assert [one["type"] for one in answers] == ["segment"] * (len(answers) - 1) + ["final"]
        assert answers[-1]["verdict"]["decision"] == "bona fide"
        with pytest.raises(bonafide.ApiError, match="even number"):
            list(client.stream([b"123"]))
        with pytest.raises(bonafide.ApiError) as raised:
            list(client.stream(blocks, prior=3))
        assert raised.value.status == 422

    async def ask():
        async def blocks_of():
            for block in blocks:
                yield block

        async with bonafide.AsyncClient(url, token=TOKEN) as client:
            return [one async for one in client.stream(blocks_of(), threshold="even")]

    assert asyncio.run(ask()) == answers


def test_it_imports_neither_numpy_nor_tensorflow():
    code = (
        "import sys, bonafide; bonafide.Client; "
        "print([n for n in ('numpy', 'tensorflow', 'fastapi') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    with pytest.raises(AttributeError):
        bonafide.none  # noqa: B018
