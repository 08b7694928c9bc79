import shutil

import pytest
from voices import level

from bonafide.scoring.model import ModelError
from bonafide.scoring.service.models import Loaded, ModelStore


def load(model):
    return lambda clips: model.facts["offset"]


def test_a_newer_version_takes_over_and_a_broken_one_does_not(tmp_path, write_records):
    write_records(tmp_path / "1")
    seen = []
    store = ModelStore(str(tmp_path), load=load, watch=seen.append)
    old = store.current
    assert not store.refresh()
    broken = write_records(tmp_path / "2")
    (broken / "assets.extra/bonafide.json").write_text("{")
    assert not store.refresh()
    assert not store.refresh()
    assert store.current is old
    write_records(tmp_path / "3", offset=1.0)
    assert store.refresh()
    assert (store.current.version, store.current.score([])) == ("3", 1.0)
    assert [type(one) for one in seen] == [Loaded, ModelError, Loaded]
    assert seen[0].sha256 != seen[2].sha256


def test_a_version_that_was_named_stays(tmp_path, write_records):
    write_records(tmp_path / "1")
    store = ModelStore(str(tmp_path / "1"), load=load)
    write_records(tmp_path / "2")
    assert not store.refresh()
    assert store.current.version == "1"


def test_a_folder_that_vanishes_leaves_the_current_one(tmp_path, write_records):
    write_records(tmp_path / "versions/1")
    store = ModelStore(str(tmp_path / "versions"), load=load)
    shutil.rmtree(tmp_path / "versions")
    assert not store.refresh()
    assert store.current.version == "1"


def test_without_a_model_there_is_no_store(tmp_path):
    with pytest.raises(ModelError):
        ModelStore(str(tmp_path), load=load)


def test_a_push_is_picked_up_while_requests_come(tmp_path, run_service, write_records, wav):
    write_records(tmp_path / "versions/1")
    clip = wav(level(1.5))
    with run_service(model=str(tmp_path / "versions"), reload_seconds=0.05) as service:
        found = [service.score(clip)[2]]
        write_records(tmp_path / "versions/2", offset=1.0)
        while found[-1]["model"]["version"] == "1":
            found.append(service.score(clip)[2])
        assert len(found) < 1000
    # Each answer is of one version, from its first clip to its name.
    scores = {(one["model"]["version"], one["recordings"][0]["score"]) for one in found}
    assert scores == {("1", 1.5), ("2", 2.5)}
