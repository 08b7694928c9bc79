"""Push, list, roll back and prune on a real S3 server, killed and at the same time."""

import json
import multiprocessing
import os
import signal
import time

import pytest

from bonafide.registry import champion, command, names, store
from bonafide.storage import uris


@pytest.fixture
def model(tmp_path):
    """Makes a SavedModel folder with a training fingerprint."""

    def make(fingerprint, text="graph"):
        folder = tmp_path / fingerprint
        (folder / "variables").mkdir(parents=True)
        (folder / "variables" / "variables.data").write_bytes(b"v" * 3_000_000)
        (folder / names.EXTRA_DIR).mkdir()
        (folder / names.RECORD_FILE).write_text(json.dumps({"training_fingerprint": fingerprint}))
        (folder / names.MODEL_FILE).write_text(text)
        return str(folder)

    return make


def push(source, serving):
    while True:
        version = str(store.next_version(serving))
        try:
            store.copy_model(source, store.version_path(serving, version))
        except FileExistsError:
            continue
        return version


@pytest.fixture
def serving(s3_bucket):
    return f"{s3_bucket}/serving/bonafide"


def test_a_version_is_pushed_found_and_copied_back(model, serving, tmp_path):
    source = model("one")
    version = push(source, serving)
    assert store.complete_versions(serving) == [version]
    path = store.version_path(serving, version)
    assert store.is_copy(path, source)
    assert not store.is_copy(path, model("two"))
    assert champion.find_champion(serving, "other") == version
    assert champion.find_champion(serving, "one") is None
    state = champion.champion_state(serving, "other")
    assert champion.confirm_champion(serving, "other", state) == version
    target = tmp_path / "champion"
    champion.save_champion(destination=serving, version=version, uri=str(target))
    assert (target / champion.SERVING_MODEL_DIR / names.MODEL_FILE).read_text() == "graph"
    with pytest.raises(FileExistsError):
        store.copy_model(source, path)


def test_versions_are_listed_rolled_back_and_pruned(model, serving, capsys):
    first, second = push(model("one", "first"), serving), push(model("two", "second"), serving)
    assert command.main([serving, "--to", first, "--reason", "misses A17"]) == 0
    assert "is now current" in capsys.readouterr().out
    [oldest, middle, newest] = store.complete_versions(serving)
    assert (oldest, middle) == (first, second)
    path = store.version_path(serving, newest)
    assert uris.read_text(f"{path}/{names.MODEL_FILE}") == "first"
    record = json.loads(uris.read_text(f"{path}/{names.EXTRA_DIR}/{names.REPUBLISHED_FILE}"))
    assert record["of"] == first
    assert command.main([serving, "--keep", "1"]) == 0
    assert uris.names_in(serving) == [newest]


def slow_push(source, serving, started):
    """Pushes and hangs at the model file, as if the network were gone."""
    copy_file = uris.copy_file

    def hang(path, target):
        if target.endswith(names.MODEL_FILE):
            started.set()
            time.sleep(60)
        copy_file(path, target)

    uris.copy_file = hang
    push(source, serving)


def test_a_killed_push_leaves_no_version_and_the_next_one_succeeds(model, serving):
    first = push(model("one"), serving)
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=slow_push, args=(model("two"), serving, started))
    process.start()
    assert started.wait(120)
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    assert store.complete_versions(serving) == [first]
    assert len(uris.names_in(serving)) == 2  # the incomplete one keeps its number
    third = push(model("three"), serving)
    assert store.complete_versions(serving) == [first, third]
    assert int(third) > max(map(int, uris.names_in(serving)[:-1]))


def push_often(source, serving, done):
    done.put([push(source, serving) for _ in range(5)])


def test_pushes_at_once_get_versions_of_their_own(model, serving):
    context = multiprocessing.get_context("spawn")
    done = context.Queue()
    sources = {name: model(name, name) for name in ("one", "two", "three")}
    processes = [
        context.Process(target=push_often, args=(source, serving, done))
        for source in sources.values()
    ]
    for process in processes:
        process.start()
    pushed = [version for _ in processes for version in done.get(timeout=120)]
    for process in processes:
        process.join(10)
    assert len(pushed) == len(set(pushed)) == 15
    assert store.complete_versions(serving) == sorted(pushed, key=int)
    for version in pushed:  # each one is whole: of one source, and not a mixture
        path = store.version_path(serving, version)
        name = uris.read_text(f"{path}/{names.MODEL_FILE}")
        assert store.is_copy(path, sources[name])
