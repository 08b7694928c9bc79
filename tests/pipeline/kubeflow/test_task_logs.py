import pytest

from bonafide.storage import uris
from pipeline.kubeflow.errors import ClientError, NotFoundError, UsageError
from pipeline.kubeflow.task_logs import kubectl_command, task_logs

DONE = {"UtteranceGen": "SUCCEEDED", "ModelEvaluator": "FAILED"}
PLACE = "bonafide-sample/run-1/ModelEvaluator/0b5e"


@pytest.fixture
def failed_run(make_run, as_message):
    """Returns a function that makes a run whose artifacts are below a root."""

    def make(root, tasks=DONE, **fields):
        config = {"runtime_config": {"pipeline_root": root}} if root else {}
        return as_message(make_run("FAILED", tasks, **config, **fields))

    return make


@pytest.fixture
def logs_in_store(s3_bucket):
    """Two tries of ModelEvaluator and another output, as the launcher leaves them."""
    for name, text in (
        ("executor-logs-0", "first try\n"),
        ("executor-logs-1", "second try\nno gate\n"),
        ("evaluation/verdict.json", "{}"),
    ):
        uris.write_text(f"{s3_bucket}/root/{PLACE}/{name}", text)
    return f"{s3_bucket}/root"


@pytest.mark.parametrize("scheme", ["s3", "minio"])
def test_the_logs_of_all_tries_are_read_from_the_store(failed_run, logs_in_store, scheme):
    root = logs_in_store.replace("s3://", f"{scheme}://")
    first, second = task_logs(failed_run(f"{root}?region=us-east-1"), "ModelEvaluator")
    assert (first.uri, first.text) == (f"{root}/{PLACE}/executor-logs-0", "first try\n")
    assert second.text == "second try\nno gate\n"


def test_backends_before_2_17_do_not_count_tries(failed_run, s3_bucket):
    uris.write_text(f"{s3_bucket}/{PLACE}/executor-logs", "the only one\n")
    [log] = task_logs(failed_run(s3_bucket), "ModelEvaluator")
    assert log.text == "the only one\n"


def test_the_tenth_try_comes_after_the_second(failed_run, s3_bucket):
    for number in (10, 2):
        uris.write_text(f"{s3_bucket}/{PLACE}/executor-logs-{number}", str(number))
    assert [log.text for log in task_logs(failed_run(s3_bucket), "ModelEvaluator")] == ["2", "10"]


def test_a_log_that_is_not_there_is_explained(failed_run, logs_in_store):
    with pytest.raises(NotFoundError) as error:
        task_logs(failed_run(logs_in_store), "UtteranceGen", namespace="team-a")
    assert f"expected a log of UtteranceGen in {logs_in_store}/bonafide-sample/run-1" in str(
        error.value
    )
    assert "PUBLISH_LOGS=false" in str(error.value)
    assert kubectl_command("run-1", "team-a") in str(error.value)


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (
            "ModelEvalutor",
            "a task of run run-1, got 'ModelEvalutor'. Did you mean 'ModelEvaluator'?",
        ),
        ("Bonafide", "got 'Bonafide'. Known: ModelEvaluator, ModelPusher, UtteranceGen."),
        ("ModelPusher", "ModelPusher was skipped in this run"),
    ],
)
def test_a_task_without_a_log_is_named(failed_run, task, reason):
    with pytest.raises(NotFoundError, match=reason.replace("?", r"\?")):
        task_logs(failed_run("s3://bucket", {**DONE, "ModelPusher": "SKIPPED"}), task)


def test_where_the_store_is_must_be_known(failed_run, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(
        UsageError, match=r"is in minio://mlpipeline/bonafide: set AWS_ENDPOINT_URL"
    ):
        task_logs(failed_run(""), "ModelEvaluator")  # the root of the pipeline file
    run = failed_run("")
    del run.pipeline_spec["pipeline_spec"]["defaultPipelineRoot"]
    with pytest.raises(
        UsageError, match=r"does not report the pipeline root.*--pipeline-root"
    ) as error:
        task_logs(run, "ModelEvaluator")
    assert "kubectl logs -n kubeflow -l pipeline/runid=run-1 -c main" in str(error.value)
    with pytest.raises(UsageError, match="does not report the run's pipeline"):
        task_logs(failed_run("s3://b", pipeline=None), "ModelEvaluator")


def test_a_store_that_does_not_answer_is_told(failed_run, logs_in_store, monkeypatch):
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(
        ClientError, match=r"(?s)cannot read the log of ModelEvaluator.*kubectl logs"
    ):
        task_logs(failed_run(logs_in_store), "ModelEvaluator")
