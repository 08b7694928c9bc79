"""The compiled pipeline, run as a Kubeflow cluster would run it (see tests/harness)."""

import json
import shutil
import subprocess
import sys

import kubeflow_cluster
import pytest
from kfp import components
from kubeflow_cluster import CACHED, FAILED, OMITTED, REPOSITORY, SKIPPED, SUCCEEDED
from kubeflow_driver import LOGS

pytestmark = pytest.mark.e2e

DATA_TASKS = {"UtteranceGen", "StatisticsGen", "ExampleValidator", "DataGate", "Transform"}


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    """What the pods have mounted: a claim with the corpus, and room for the serving folder."""
    return tmp_path_factory.mktemp("volume")


@pytest.fixture(scope="module")
def pipeline_file(tmp_path_factory, tiny, volume):
    """The pipeline compiled by the command, as a user does it."""
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    settings = [*tiny, "gate.max_regression=0.0"]
    subprocess.run(
        [
            *(sys.executable, "kubeflow_runner.py", "compile", "--image", "registry/bonafide:1"),
            *("--output", str(path), "--pipeline-root", "minio://mlpipeline/v2/artifacts"),
            *("--push-destination", str(volume / "serving"), "--corpus", "/not/said/yet"),
            *(part for setting in settings for part in ("--set", setting)),
        ],
        cwd=REPOSITORY,
        check=True,
        timeout=300,
    )
    return path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    return kubeflow_cluster.Cluster(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def corpus(copy_corpus, volume):
    return copy_corpus(volume / "corpus", per_attack=6, bonafide=24)


@pytest.fixture(scope="module")
def first(cluster, pipeline_file, corpus):
    """A run with nothing there before it."""
    return cluster.run(kubeflow_cluster.load(pipeline_file), corpus_root=str(corpus))


@pytest.fixture(scope="module")
def second(first, cluster, pipeline_file, corpus):
    """A run with another seed, half as long, after the first."""
    documents = kubeflow_cluster.load(pipeline_file)
    return cluster.run(documents, corpus_root=str(corpus), seed=2, epochs=1)


def verdict_of(run, cluster):
    uri = run.tasks["ModelEvaluator"].artifacts["evaluation"]["uri"]
    return json.loads((cluster.path_of(uri) / "verdict.json").read_text())


def test_the_sdk_takes_the_file(pipeline_file):
    loaded = components.load_component_from_file(str(pipeline_file))
    assert loaded.pipeline_spec.pipeline_info.name == "bonafide-sample"


def test_every_task_succeeds_and_the_model_is_pushed(first, volume):
    assert set(first.states().values()) == {SUCCEEDED}, first.states()
    assert set(first.states()) >= {*DATA_TASKS, "CorpusCheck", "Champion", "ModelPusher"}
    [version] = (volume / "serving").iterdir()
    assert (version / "saved_model.pb").exists()
    assert (version / "assets.extra" / "report.html").exists()


def test_the_model_knows_what_it_was_trained_on(first, volume, corpus):
    [version] = (volume / "serving").iterdir()
    record = json.loads((version / "assets.extra" / "bonafide.json").read_text())
    found = first.tasks["CorpusCheck"].parameters["corpus_fingerprint"]
    # What was known when compiled, then the corpus, the epochs and the seed of this run.
    assert record["training_fingerprint"].endswith(f"-{found}-2-0")
    assert record["settings"]["trainer"]["epochs"] == 2
    assert str(corpus) in (version / "assets.extra" / "report.html").read_text()


def test_the_page_is_one_file_of_a_type_that_the_ui_shows(first, cluster, pipeline_file):
    artifact = first.tasks["EvalReport"].artifacts["report"]
    page = cluster.path_of(artifact["uri"])
    assert page.name == "report.html"
    assert page.read_text().lower().startswith("<!doctype html>")
    [spec, *_] = kubeflow_cluster.load(pipeline_file)
    kinds = spec["components"]["comp-EvalReport"]["outputDefinitions"]["artifacts"]
    assert kinds["report"]["artifactType"]["schemaTitle"] == "system.HTML"
    assert kinds["model_card"]["artifactType"]["schemaTitle"] == "system.Markdown"


def test_properties_name_what_is_in_the_object_store(first):
    blessing = first.tasks["ModelEvaluator"].artifacts["blessing"]
    model = first.tasks["Trainer"].artifacts["model"]
    assert blessing["metadata"]["blessed"] == 1.0
    assert blessing["metadata"]["current_model"] == model["uri"]
    assert blessing["metadata"]["current_model_id"] == model["name"]
    assert first.tasks["ModelEvaluator"].parameters == {"verdict": "passed"}


def test_logs_are_json_lines_with_run_and_component(first):
    for name, task in first.tasks.items():
        events = [event["event"] for event in task.events]
        assert (events[0], events[-1]) == ("started", "finished")
        assert {event["component"] for event in task.events} == {name}
        assert {event["run"] for event in task.events} == {first.run_id}
        assert all(event["time"].endswith("+00:00") for event in task.events)
    lines = [event["message"] for event in first.tasks["Trainer"].events]
    assert any(line.startswith("epoch 2/2") for line in lines)


def test_the_log_output_that_no_component_declares_is_the_launchers_alone(first, cluster):
    for task in first.tasks.values():
        kept = cluster.path_of(task.artifacts[LOGS]["uri"])
        assert kept.name == f"{LOGS}-0"
        assert kept.read_text(errors="replace") == task.log != ""
        assert LOGS in task.container_input["outputs"]["artifacts"]


def test_a_model_that_is_no_better_than_the_champion_is_refused(second, cluster, volume):
    assert second.tasks["ModelEvaluator"].parameters == {"verdict": "refused"}
    [champion] = (volume / "serving").iterdir()
    found = second.tasks["Champion"].artifacts["model"]["metadata"]
    assert found["champion_version"] == champion.name
    rules = verdict_of(second, cluster)["rules"]
    assert [rule["name"] for rule in rules if not rule["passed"]] == ["max_regression"]
    assert second.tasks["ModelPusher"].state == SKIPPED
    assert second.state == SUCCEEDED  # a refusal is a result, not a fault


def test_the_data_of_the_second_run_comes_from_the_cache(second):
    states = second.states()
    assert {states[name] for name in DATA_TASKS} == {CACHED}
    assert states["CorpusCheck"] == states["Champion"] == states["Trainer"] == SUCCEEDED


def test_new_data_is_seen(second, cluster, pipeline_file, corpus):
    changed = corpus.with_name("changed")
    shutil.copytree(corpus, changed)
    [protocol] = changed.glob("LA/*/*.train.trn.txt")
    protocol.write_text("".join(protocol.read_text().splitlines(keepends=True)[1:]))
    documents = kubeflow_cluster.load(pipeline_file)
    again = cluster.run(documents, until="UtteranceGen", corpus_root=str(corpus))
    assert again.states()["UtteranceGen"] == CACHED
    new = cluster.run(documents, until="UtteranceGen", corpus_root=str(changed))
    assert new.states()["UtteranceGen"] == SUCCEEDED


def test_a_corpus_that_is_not_there_is_told(first, cluster, pipeline_file):
    run = cluster.run(kubeflow_cluster.load(pipeline_file))
    states = run.states()
    assert states.pop("CorpusCheck") == FAILED
    assert states.pop("CuratedSchema") == CACHED
    assert set(states.values()) == {OMITTED}
    last = run.tasks["CorpusCheck"].events[-1]
    assert last["event"] == "failed"
    assert last["severity"] == "ERROR"
    assert "/not/said/yet" in last["message"]
    assert set(run.tasks["CorpusCheck"].artifacts) == {LOGS}
    assert run.state == FAILED


def test_a_parameter_that_cannot_be_is_told_by_the_task_that_wants_it(
    second, cluster, pipeline_file, corpus
):
    documents = kubeflow_cluster.load(pipeline_file)
    run = cluster.run(documents, until="Trainer", corpus_root=str(corpus), epochs=0)
    assert run.tasks["Trainer"].state == FAILED
    assert "epochs" in run.tasks["Trainer"].events[-1]["message"]
