import datetime

import pytest

from pipeline.kubeflow.runs import UNSPECIFIED, Task, Verdict, error_of, tasks_of, verdict_of

NOW = datetime.datetime(2026, 3, 2, 12, 0, 0, tzinfo=datetime.UTC)
DONE = {"UtteranceGen": "SUCCEEDED", "ModelEvaluator": "SUCCEEDED"}


@pytest.mark.parametrize(
    ("state", "tasks", "verdict"),
    [
        ("SUCCEEDED", {**DONE, "ModelPusher": "SUCCEEDED"}, Verdict.PUSHED),
        ("SUCCEEDED", {**DONE, "ModelPusher": "SKIPPED"}, Verdict.REFUSED),
        ("SUCCEEDED", {**DONE, "ModelPusher": UNSPECIFIED}, Verdict.UNKNOWN),
        ("SUCCEEDED", {}, Verdict.UNKNOWN),
        ("FAILED", {**DONE, "ModelPusher": "FAILED"}, Verdict.FAILED),
        ("CANCELED", {**DONE, "ModelPusher": "SKIPPED"}, Verdict.FAILED),
    ],
)
def test_the_verdict_is_whether_the_pusher_was_skipped(make_run, as_message, state, tasks, verdict):
    assert verdict_of(as_message(make_run(state, tasks))) is verdict


def test_a_pusher_without_condition_says_nothing(make_run, as_message):
    run = make_run("SUCCEEDED", {**DONE, "ModelPusher": "SUCCEEDED"})
    del run["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"]["ModelPusher"][
        "triggerPolicy"
    ]
    assert verdict_of(as_message(run)) is Verdict.UNKNOWN


def test_a_pipeline_without_pusher_has_nothing_to_push(make_run, as_message):
    run = make_run("SUCCEEDED", DONE)
    del run["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"]["ModelPusher"]
    assert verdict_of(as_message(run)) is Verdict.NO_PUSHER


def test_without_the_pipeline_the_states_have_to_do(make_run, as_message):
    run = make_run("SUCCEEDED", {"ModelPusher": "SKIPPED"}, pipeline=None)
    assert verdict_of(as_message(run)) is Verdict.REFUSED


def test_only_tasks_of_the_pipeline_are_told(make_run, as_message):
    tasks = {
        "bonafide-sample-x7k2p": "RUNNING",
        "root": "RUNNING",
        "root-driver": "SUCCEEDED",
        "UtteranceGen-driver": "SUCCEEDED",
        "UtteranceGen": "SUCCEEDED",
        "executor": "SUCCEEDED",
        "ModelEvaluator-driver": "RUNNING",
    }
    told = tasks_of(as_message(make_run("RUNNING", tasks)), NOW)
    assert told == [Task("ModelEvaluator", "PENDING"), Task("UtteranceGen", "SUCCEEDED", 75.0)]
    plain = tasks_of(as_message(make_run("RUNNING", tasks, pipeline=None)), NOW)
    assert {task.name for task in plain} == {"bonafide-sample-x7k2p", "UtteranceGen"}


def test_a_running_task_has_run_until_now(make_run, as_message):
    [task] = tasks_of(as_message(make_run("RUNNING", {"UtteranceGen": "RUNNING"})), NOW)
    assert task == Task("UtteranceGen", "RUNNING", 3600.0)


def test_a_driver_that_failed_is_its_tasks_failure(make_run, as_message):
    states = {"UtteranceGen-driver": "FAILED", "UtteranceGen": UNSPECIFIED}
    errors = {"UtteranceGen-driver": "no such secret"}
    [task] = tasks_of(as_message(make_run("FAILED", states, errors=errors)), NOW)
    assert task == Task("UtteranceGen", "FAILED", None, "no such secret")
    [task] = tasks_of(as_message(make_run("FAILED", states)), NOW)
    assert task.error == "its driver failed"


def test_an_error_may_stand_in_the_history(make_run, as_message):
    history = [
        {"state": "RUNNING", "error": {"message": "early"}},
        {"state": "FAILED", "error": {"message": "late\n"}},
    ]
    assert error_of(as_message(make_run("FAILED", state_history=history))) == "late"
    assert error_of(as_message(make_run("FAILED"))) == ""
    assert tasks_of(as_message({"run_id": "x", "state": "PENDING"}), NOW) == []
