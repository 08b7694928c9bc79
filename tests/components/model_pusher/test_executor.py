import json
import multiprocessing
import os
import pathlib
import signal
import time

import pytest
from tfx.dsl.components.base import base_executor
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

import report_artifacts
from bonafide.registry import names, store, versions
from components.model_pusher.executor import Executor, push


@pytest.fixture
def model(tmp_path):
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "model")
    serving = tmp_path / "model" / "Format-Serving"
    (serving / "variables").mkdir(parents=True)
    (serving / "variables" / "variables.index").write_text("v")
    (serving / names.MODEL_FILE).write_text("graph")
    return artifact


def reports(tmp_path, text):
    """Artifacts of EvalReport, by the names of the inputs."""
    found = {}
    for key, name, kind in (
        ("report", "report.html", report_artifacts.HTML),
        ("model_card", "model_card.md", report_artifacts.Markdown),
    ):
        artifact = kind()
        artifact.uri = str(tmp_path / key)
        (tmp_path / key).mkdir(exist_ok=True)
        (tmp_path / key / name).write_text(f"{text} {name}")
        found[key] = [artifact]
    return found


def do(tmp_path, model, *, blessed, **inputs):
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = str(tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", blessed)
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "pushed")
    destination = pusher_pb2.PushDestination()
    destination.filesystem.base_directory = str(tmp_path / "serving" / "bonafide")
    Executor(base_executor.BaseExecutor.Context()).Do(
        {"model": [model], "model_blessing": [blessing], **inputs},
        {"pushed_model": [pushed]},
        {"push_destination": proto_utils.proto_to_json(destination)},
    )
    return pushed


def test_pushes_a_blessed_model(tmp_path, model):
    before = int(time.time())
    pushed = do(tmp_path, model, blessed=1)
    [version] = store.complete_versions(str(tmp_path / "serving" / "bonafide"))
    assert before <= int(version) <= time.time()
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version") == version
    assert pushed.get_string_custom_property("pushed_destination").endswith(f"bonafide/{version}")
    assert (tmp_path / "pushed" / names.MODEL_FILE).read_text() == "graph"
    assert not (tmp_path / "serving" / "bonafide" / version / "assets.extra").exists()


def test_does_not_push_without_a_blessing(tmp_path, model):
    pushed = do(tmp_path, model, blessed=0)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_pushes_in_one_second_get_versions_of_their_own(tmp_path, model):
    destination = str(tmp_path / "serving")
    source = f"{model.uri}/Format-Serving"
    paths = []
    for number in range(3):
        (pathlib.Path(source) / names.MODEL_FILE).write_text(f"graph {number}")
        paths.append(push(model_path=source, destination=destination))
    versions = [int(path.rsplit("/", 1)[-1]) for path in paths]
    assert versions == sorted(set(versions))
    assert store.complete_versions(destination) == [str(version) for version in versions]


def test_the_newest_model_is_not_pushed_again(tmp_path, model):
    destination, source = str(tmp_path / "serving"), pathlib.Path(model.uri) / "Format-Serving"
    first = push(model_path=str(source), destination=destination)
    assert push(model_path=str(source), destination=destination) == first
    (source / "variables" / "variables.index").write_text("w")
    second = push(model_path=str(source), destination=destination)
    assert second != first
    # What was newest once must become the newest again.
    (source / "variables" / "variables.index").write_text("v")
    assert push(model_path=str(source), destination=destination) not in (first, second)
    assert len(store.complete_versions(destination)) == 3


def test_a_fingerprint_that_is_there_is_not_pushed_again(tmp_path, model, caplog):
    """Trained again on the same data, code and settings, as after a move of the output folder."""
    destination, source = str(tmp_path / "serving"), pathlib.Path(model.uri) / "Format-Serving"
    record = source / names.RECORD_FILE
    record.parent.mkdir()

    def pushed(fingerprint, weights, **blessing):
        record.write_text(json.dumps({"training_fingerprint": fingerprint}))
        (source / "variables" / "variables.index").write_text(weights)
        return push(model_path=str(source), destination=destination, **blessing)

    first = pushed("a", "v")
    assert pushed("a", "w") == first
    second = pushed("b", "v")
    assert second != first
    with caplog.at_level("WARNING", logger="bonafide"):
        assert pushed("a", "v") == first
    version = first.rpartition("/")[2]
    assert f"bonafide versions {destination} --to {version} --reason" in caplog.text
    assert len(store.complete_versions(destination)) == 2
    # A forced blessing has a record, which must be with a version: one for each reason.
    for reason, count in (("drill", 3), ("drill", 3), ("other", 4)):
        (tmp_path / "blessing").mkdir(exist_ok=True)
        (tmp_path / "blessing" / names.FORCED_BLESSING_FILE).write_text(
            json.dumps({"reason": reason, "date": str(time.time())})
        )
        pushed("a", "v", blessing_uri=str(tmp_path / "blessing"))
        assert len(store.complete_versions(destination)) == count


def test_the_record_of_a_forced_blessing_goes_with_the_model(tmp_path, model):
    (tmp_path / "blessing").mkdir()
    (tmp_path / "blessing" / names.FORCED_BLESSING_FILE).write_text('{"reason": "demo"}')
    pushed = do(tmp_path, model, blessed=1)
    path = pushed.get_string_custom_property("pushed_destination")
    for folder in (path, pushed.uri):
        record = pathlib.Path(folder) / names.EXTRA_DIR / names.FORCED_BLESSING_FILE
        assert json.loads(record.read_text()) == {"reason": "demo"}


def test_the_reports_go_with_the_model_and_make_no_version_of_their_own(tmp_path, model):
    first = do(tmp_path, model, blessed=1, **reports(tmp_path, "first"))
    path = first.get_string_custom_property("pushed_destination")
    extra = pathlib.Path(path) / names.EXTRA_DIR
    assert (extra / "report.html").read_text() == "first report.html"
    assert (extra / "model_card.md").read_text() == "first model_card.md"
    # Another evaluation of the very same model: what is served does not change.
    again = do(tmp_path, model, blessed=1, **reports(tmp_path, "second"))
    assert again.get_string_custom_property("pushed_destination") == path
    assert (extra / "report.html").read_text() == "first report.html"
    (pathlib.Path(model.uri) / "Format-Serving" / names.MODEL_FILE).write_text("another graph")
    other = do(tmp_path, model, blessed=1, **reports(tmp_path, "third"))
    extra = pathlib.Path(other.get_string_custom_property("pushed_destination")) / names.EXTRA_DIR
    assert (extra / "report.html").read_text() == "third report.html"


def test_the_figures_and_the_verdict_go_with_the_model(tmp_path, model):
    evaluation = standard_artifacts.ModelEvaluation()
    evaluation.uri = str(tmp_path / "evaluation")
    (tmp_path / "evaluation").mkdir()
    for name in (
        *("evaluation.json", "verdict.json", "context.json", "score_profile.json"),
        *("training_range.json", "conditions.json"),
    ):
        (tmp_path / "evaluation" / name).write_text(f'{{"from": "{name}"}}')
    checks = standard_artifacts.ExampleAnomalies()
    checks.uri = str(tmp_path / "checks")
    (tmp_path / "checks").mkdir()
    for name in ("report.json", "data_report.html", "data_profile.json"):
        (tmp_path / "checks" / name).write_text(f'{{"from": "{name}"}}')
    pushed = do(tmp_path, model, blessed=1, evaluation=[evaluation], data_report=[checks])
    extra = pathlib.Path(pushed.get_string_custom_property("pushed_destination"), names.EXTRA_DIR)
    assert sorted(path.name for path in extra.iterdir()) == [
        *("conditions.json", "data_profile.json", "data_report.html", "evaluation.json"),
        *("score_profile.json", "training_range.json", "verdict.json"),
    ]
    assert json.loads((extra / "verdict.json").read_text()) == {"from": "verdict.json"}


def test_the_same_model_is_not_pushed_again_when_it_was_made_current_by_hand(tmp_path, model):
    destination, source = str(tmp_path / "serving"), f"{model.uri}/Format-Serving"
    first = pathlib.Path(push(model_path=source, destination=destination))
    (pathlib.Path(source) / names.MODEL_FILE).write_text("a worse one")
    push(model_path=source, destination=destination)
    (pathlib.Path(source) / names.MODEL_FILE).write_text("graph")
    again = versions.make_current(destination, first.name, reason="it was better")
    assert push(model_path=source, destination=destination) == f"{destination}/{again}"


def push_slowly(source, destination, started):
    """Pushes and hangs after the first file, as if the disk were slow."""

    copy_file = store.uris.copy_file

    def hang(*args, **kwargs):
        copy_file(*args, **kwargs)
        started.set()
        time.sleep(60)

    store.uris.copy_file = hang
    push(model_path=source, destination=destination)


def test_a_push_killed_half_way_leaves_nothing_to_serve_and_the_next_one_works(tmp_path, model):
    destination = str(tmp_path / "serving")
    source = f"{model.uri}/Format-Serving"
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=push_slowly, args=(source, destination, started))
    process.start()
    assert started.wait(120)
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    [half_made] = pathlib.Path(destination).iterdir()
    assert half_made.name.startswith(".")  # no model server looks into it
    path = push(model_path=source, destination=destination)
    assert store.complete_versions(destination) == [path.rsplit("/", 1)[-1]]
