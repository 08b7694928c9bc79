"""An output folder that is moved or copied keeps its cache, and refers to itself."""

import json
import pathlib
import shutil
import sqlite3

import pytest
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.types import component_spec, standard_artifacts

from pipeline import local, relocation


class TrainExecutor(base_executor.BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        [model] = output_dict["model"]
        (pathlib.Path(model.uri) / "weights").write_text("w")


class PushExecutor(base_executor.BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        [model] = input_dict["model"]
        assert (pathlib.Path(model.uri) / "weights").read_text() == "w"
        [pushed] = output_dict["pushed"]
        pushed.set_string_custom_property("pushed_destination", exec_properties["to"] + "/17")


class TrainSpec(component_spec.ComponentSpec):
    PARAMETERS = {"config": component_spec.ExecutionParameter(type=str)}  # noqa: RUF012
    INPUTS = {}  # noqa: RUF012
    OUTPUTS = {  # noqa: RUF012
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model)
    }


class PushSpec(component_spec.ComponentSpec):
    PARAMETERS = {"to": component_spec.ExecutionParameter(type=str)}  # noqa: RUF012
    INPUTS = {"model": TrainSpec.OUTPUTS["model"]}  # noqa: RUF012
    OUTPUTS = {  # noqa: RUF012
        "pushed": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)
    }


class Train(base_component.BaseComponent):
    SPEC_CLASS = TrainSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(TrainExecutor)

    def __init__(self, config):
        model = types.Channel(type=standard_artifacts.Model)
        super().__init__(TrainSpec(config=config, model=model))


class Push(base_component.BaseComponent):
    SPEC_CLASS = PushSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(PushExecutor)

    def __init__(self, model, to):
        pushed = types.Channel(type=standard_artifacts.PushedModel)
        super().__init__(PushSpec(model=model, to=to, pushed=pushed))


class Record:
    def __init__(self):
        self.results = []

    def started(self, component):
        pass

    def finished(self, result):
        self.results.append(result)


def run(folder, *, moved=()):
    """Runs in an output folder as a session does; returns the results."""
    database = folder / "metadata.sqlite"
    assert relocation.follow(folder, database) == [str(path) for path in moved]
    train = Train(json.dumps({"checkpoint_dir": f"{folder}/checkpoints/1"})).with_id("Trainer")
    push = Push(train.outputs["model"], f"{folder}/serving/sample").with_id("ModelPusher")
    graph = tfx_pipeline.Pipeline(
        pipeline_name="test",
        pipeline_root=str(folder / "artifacts"),
        components=[train, push],
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(database)),
    )
    record = Record()
    with relocation.cache_keys_of_first_location(folder):
        local.run(graph, record)
    return record.results


@pytest.fixture
def first(tmp_path):
    """A finished run; the path has what JSON and shells escape."""
    folder = tmp_path / "erster Lauf ü"
    folder.mkdir()
    assert [result.cached for result in run(folder)] == [False, False]
    return folder


def refers_to(folder, results):
    train, push = results
    assert train.outputs["model"].startswith(f"{folder}/artifacts/Trainer/model/")
    assert push.outputs["pushed"].startswith(f"{folder}/artifacts/ModelPusher/pushed/")
    assert push.properties["pushed_destination"] == f"{folder}/serving/sample/17"
    assert pathlib.Path(train.outputs["model"], "weights").exists()


def test_a_moved_folder_is_cached_and_refers_to_itself(tmp_path, first):
    second = tmp_path / "zweiter Lauf"
    first.rename(second)
    results = run(second, moved=[first])
    assert [result.cached for result in results] == [True, True]
    refers_to(second, results)
    with sqlite3.connect(second / "metadata.sqlite") as database:
        dumped = "\n".join(database.iterdump())
    assert str(first) not in dumped
    assert json.dumps(str(first))[1:-1] not in dumped
    # Once more, elsewhere, and back at the first place.
    third = tmp_path / "elsewhere" / "third"
    third.parent.mkdir()
    second.rename(third)
    assert [result.cached for result in run(third, moved=[second])] == [True, True]
    assert [result.cached for result in run(third)] == [True, True]
    third.rename(first)
    assert [result.cached for result in run(first, moved=[third])] == [True, True]


def test_a_copy_does_not_read_the_original(tmp_path, first):
    copy = first / "copy"  # below the original: its path begins with the original's
    shutil.copytree(first, tmp_path / "copied")
    (tmp_path / "copied").rename(copy)
    results = run(copy, moved=[first])
    assert [result.cached for result in results] == [True, True]
    refers_to(copy, results)
    assert relocation.follow(copy, copy / "metadata.sqlite") == []
    # The original is as it was.
    results = run(first)
    assert [result.cached for result in results] == [True, True]
    refers_to(first, results)


def test_a_folder_of_before_the_record_is_found_by_its_artifacts(tmp_path, first):
    (first / relocation.LOCATION_FILE).unlink()
    second = tmp_path / "second"
    first.rename(second)
    assert [result.cached for result in run(second, moved=[first])] == [True, True]
    assert relocation.first_location(second) == str(first)


def test_artifacts_that_are_elsewhere_stay_there(tmp_path, first):
    """As with beam.artifacts: they did not move with the folder."""
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(first / "metadata.sqlite", other)
    before = (other / "metadata.sqlite").read_bytes()
    assert relocation.follow(other, other / "metadata.sqlite") == []
    assert (other / "metadata.sqlite").read_bytes() == before


def test_an_error_leaves_the_metadata_as_they_were(tmp_path, first, monkeypatch):
    second = tmp_path / "second"
    first.rename(second)

    def dumped():
        with sqlite3.connect(second / "metadata.sqlite") as database:
            return list(database.iterdump())

    before = dumped()
    monkeypatch.setattr(relocation, "_TEXTS", ("ArtifactProperty", "Type"))  # has no such column
    with pytest.raises(sqlite3.Error):
        relocation.follow(second, second / "metadata.sqlite")
    assert dumped() == before
