"""The compiled pipeline, run as a Kubeflow cluster would run it (see tests/harness).

Models and checkpoints go to an S3 server, with credentials from a secret. Training starts from the
champion. The first run's Trainer loses its pod once, and its ModelPusher is started from nothing,
as an image does; other pods are forked from a process with the frameworks imported.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import time

import kubeflow_cluster
import pytest
import yaml
from kfp import components
from kubeflow_cluster import CACHED, FAILED, OMITTED, REPOSITORY, SKIPPED, SUCCEEDED
from kubeflow_driver import LOGS
from kubeflow_launcher import run_process, start_preloaded
from s3_server import CREDENTIALS, bucket_at

from bonafide.storage import uris
from models.settings.search_space import DEFAULT_SPACE

pytestmark = pytest.mark.e2e

DATA_TASKS = {"UtteranceGen", "StatisticsGen", "ExampleValidator", "DataGate", "Transform"}
SECRETS = {
    "store": {"id": CREDENTIALS["AWS_ACCESS_KEY_ID"], "key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}
}


class Pods:
    """Runs the commands of pods, and loses one of them.

    Attributes:
        from_nothing: Tasks whose next pod is a process of its own from its first import on.
        lost: Tasks whose next pod is killed when its log has this.
    """

    def __init__(self, preloaded):
        self._preloaded = preloaded
        self.from_nothing = {"ModelPusher"}
        self.lost = {"Trainer": r"epoch +1/2"}

    def __call__(self, command, pod, environment, log):
        if pod.task in self.from_nothing:
            self.from_nothing.remove(pod.task)
            return run_process(command, pod, environment, log)
        process = start_preloaded(self._preloaded, command, pod, environment, log)
        if pattern := self.lost.pop(pod.task, ""):
            until = time.monotonic() + 600
            while process.poll() is None and time.monotonic() < until:
                if re.search(pattern, pathlib.Path(log.name).read_text(errors="replace")):
                    os.killpg(process.pid, signal.SIGKILL)
                    break
                time.sleep(0.02)
        return process.wait(900)


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    """What the pods have mounted: a claim with the corpus, and room for a serving folder."""
    return tmp_path_factory.mktemp("volume")


@pytest.fixture(scope="module")
def bucket(s3_endpoint):
    with pytest.MonkeyPatch.context() as monkeypatch, bucket_at(s3_endpoint, monkeypatch) as uri:
        yield uri


@pytest.fixture(scope="module")
def serving(bucket):
    return f"{bucket}/serving"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory, preloaded, tiny, s3_endpoint, bucket, serving):
    """Returns a function that compiles with settings by the command, and gives the file's path."""
    folder = tmp_path_factory.mktemp("compiled")
    deployment = {
        "image": "registry/bonafide:1",
        "checkpoints": f"{bucket}/checkpoints",
        "default": {
            "secret_variables": [
                {
                    "secret": "store",
                    "variables": {"id": "AWS_ACCESS_KEY_ID", "key": "AWS_SECRET_ACCESS_KEY"},
                }
            ],
            "environment": {"AWS_ENDPOINT_URL": s3_endpoint, "AWS_DEFAULT_REGION": "us-east-1"},
        },
        "components": {"Trainer": {"retries": 1}},
    }
    (folder / "deployment.yaml").write_text(yaml.safe_dump(deployment))

    def compile_with(name, *settings):
        path = folder / f"{name}.yaml"
        settings = [*tiny, "gate.max_regression=0.0", "trainer.pretrained=champion", *settings]
        done = preloaded.run(
            [
                *("kubeflow_runner.py", "compile", "--deployment", folder / "deployment.yaml"),
                *("--output", path, "--pipeline-root", "minio://mlpipeline/v2/artifacts"),
                *("--push-destination", serving, "--corpus", "/not/said/yet"),
                *(part for setting in settings for part in ("--set", setting)),
            ],
            cwd=REPOSITORY,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return path

    return compile_with


@pytest.fixture(scope="module")
def pipeline_file(compiled):
    """The pipeline compiled by the command, as a user does it."""
    return compiled("pipeline")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, preloaded):
    return kubeflow_cluster.Cluster(tmp_path_factory.mktemp("cluster"), Pods(preloaded), SECRETS)


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


@pytest.fixture(scope="module")
def version(first, serving):
    """The one pushed version's folder."""
    [name] = uris.names_in(serving)
    return f"{serving}/{name}"


def record_of(folder):
    return json.loads(uris.read_text(f"{folder}/assets.extra/bonafide.json"))


def verdict_of(run, cluster):
    uri = run.tasks["ModelEvaluator"].artifacts["evaluation"]["uri"]
    return json.loads((cluster.path_of(uri) / "verdict.json").read_text())


def test_the_sdk_takes_the_file(pipeline_file):
    loaded = components.load_component_from_file(str(pipeline_file))
    assert loaded.pipeline_spec.pipeline_info.name == "bonafide-sample"


def test_every_task_succeeds_and_the_model_is_pushed_to_the_store(first, version):
    assert set(first.states().values()) == {SUCCEEDED}, {
        name: task.log[-2000:] for name, task in first.tasks.items() if task.state == FAILED
    }
    assert set(first.states()) >= {*DATA_TASKS, "CorpusCheck", "Champion", "ModelPusher"}
    assert version.startswith("s3://")
    assert uris.exists(f"{version}/saved_model.pb")
    assert uris.exists(f"{version}/assets.extra/report.html")
    pushed = first.tasks["ModelPusher"].artifacts["pushed_model"]["metadata"]
    assert pushed["pushed_destination"] == version


def test_a_volume_takes_the_model_too(first, cluster, pipeline_file, corpus, volume, version):
    pushed = cluster.run_alone(
        *(kubeflow_cluster.load(pipeline_file), "ModelPusher", first),
        corpus_root=str(corpus),
        push_destination=str(volume / "serving"),
    )
    assert pushed.state == SUCCEEDED, pushed.log
    [folder] = (volume / "serving").iterdir()
    claim = "assets.extra/claim"  # which push took the number, in an object store
    assert uris.files_below(str(folder)) == sorted({*uris.files_below(version)} - {claim})
    assert record_of(folder) == record_of(version)


def test_a_training_whose_pod_was_lost_goes_on_in_the_next_one(first, bucket):
    trainer = first.tasks["Trainer"]
    lost, last = trainer.logs
    assert "epoch 1/2" in lost
    assert '"event": "finished"' not in lost
    assert re.search(r"resumed after epoch [12]/2", last)
    assert not any(event["message"].startswith("epoch 1/2") for event in trainer.events)
    assert [len(task.logs) for name, task in first.tasks.items() if name != "Trainer"] == [1] * (
        len(first.tasks) - 1
    )
    # What was kept for this is gone when the model is there.
    assert uris.files_below(f"{bucket}/checkpoints") == []


def test_the_model_knows_what_it_was_trained_on(first, version, corpus):
    record = record_of(version)
    found = first.tasks["CorpusCheck"].parameters["corpus_fingerprint"]
    # What was known when compiled, then the corpus, the epochs and the seed of this run, and what
    # the training started from.
    assert record["training_fingerprint"].endswith(f"-{found}-2-0-none")
    assert record["settings"]["trainer"]["epochs"] == 2
    assert str(corpus) in uris.read_text(f"{version}/assets.extra/report.html")


def test_training_starts_from_the_champion_of_the_moment(first, second, cluster, version):
    assert first.tasks["WarmStart"].parameters == {
        "pretrained": "champion",
        "pretrained_digest": "none",
    }
    assert record_of(version)["warm_start"] is None
    found = second.tasks["WarmStart"].parameters
    assert found["pretrained"] == version
    model = cluster.path_of(second.tasks["Trainer"].artifacts["model"]["uri"])
    record = record_of(model / "Format-Serving")
    assert record["warm_start"]["uri"] == version
    assert record["warm_start"]["loaded"] == record["warm_start"]["weights"]
    assert record["training_fingerprint"].endswith(f"-1-2-{found['pretrained_digest']}")


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
    lines = [event["message"] for event in first.tasks["EvalReport"].events]
    assert lines[-1].startswith("finished after")


def test_the_log_output_that_no_component_declares_is_the_launchers_alone(first, cluster):
    for task in first.tasks.values():
        kept = cluster.path_of(task.artifacts[LOGS]["uri"])
        assert kept.name == f"{LOGS}-{len(task.logs) - 1}"  # of the last try
        assert kept.read_text(errors="replace") == task.log != ""
        assert LOGS in task.container_input["outputs"]["artifacts"]


def test_a_model_that_is_no_better_than_the_champion_is_refused(second, cluster, serving, version):
    assert second.tasks["ModelEvaluator"].parameters == {"verdict": "refused"}
    [champion] = uris.names_in(serving)
    found = second.tasks["Champion"].artifacts["model"]["metadata"]
    assert (found["champion_version"], f"{serving}/{champion}") == (champion, version)
    rules = verdict_of(second, cluster)["rules"]
    assert [rule["name"] for rule in rules if not rule["passed"]] == ["max_regression"]
    assert second.tasks["ModelPusher"].state == SKIPPED
    assert second.state == SUCCEEDED  # a refusal is a result, not a fault


def test_the_data_of_the_second_run_comes_from_the_cache(second):
    states = second.states()
    assert {states[name] for name in DATA_TASKS} == {CACHED}
    assert states["CorpusCheck"] == states["Champion"] == states["Trainer"] == SUCCEEDED


def test_the_same_run_again_is_taken_from_the_cache(second, cluster, pipeline_file, corpus):
    """Although its own model is the champion now: it started from none, and starts from none."""
    documents = kubeflow_cluster.load(pipeline_file)
    again = cluster.run(documents, until="Trainer", corpus_root=str(corpus)).states()
    assert {again[name] for name in (*DATA_TASKS, "Trainer")} == {CACHED}
    assert again["CorpusCheck"] == again["WarmStart"] == SUCCEEDED


def test_tuning_starts_from_the_champion_and_hands_on_its_best_settings(
    first, cluster, compiled, corpus
):
    path = compiled("tuning", "tuner.trials=2", "tuner.epochs=1")
    run = cluster.run(kubeflow_cluster.load(path), until="Tuner", corpus_root=str(corpus))
    tuner = run.tasks["Tuner"]
    assert tuner.state == SUCCEEDED, tuner.log[-2000:]
    assert {run.states()[name] for name in DATA_TASKS} == {CACHED}
    lines = [event["message"] for event in tuner.events]
    assert sum(line.startswith("warm start: ") for line in lines) == 2
    folder = cluster.path_of(tuner.artifacts["best_hyperparameters"]["uri"])
    values = json.loads((folder / "best_hyperparameters.txt").read_text())["values"]
    assert set(values) == set(DEFAULT_SPACE)


def test_new_data_is_seen(second, cluster, pipeline_file, corpus):
    changed = corpus.with_name("changed")
    shutil.copytree(corpus, changed)
    [protocol] = changed.glob("LA/*/*.train.trn.txt")
    protocol.write_text("".join(protocol.read_text().splitlines(keepends=True)[1:]))
    documents = kubeflow_cluster.load(pipeline_file)
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
    assert len(run.tasks["Trainer"].logs) == 2  # it was tried again
    assert "epochs" in run.tasks["Trainer"].events[-1]["message"]
