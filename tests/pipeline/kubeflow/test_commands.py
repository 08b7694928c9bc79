import re
import subprocess
import sys

import pytest

from bonafide.command_line import CommandParser
from bonafide.storage import uris
from pipeline.kubeflow import connection as connections
from pipeline.kubeflow.commands import add_commands, run_command

DONE = {"UtteranceGen": "SUCCEEDED", "ModelEvaluator": "SUCCEEDED"}


def problem(status, message):
    return {"status": status, "body": {"code": 3, "message": message, "details": []}}


@pytest.fixture
def run(server, world):
    """Returns a function that runs a command line against the server."""

    def call(*arguments, host=True):
        parser = CommandParser()
        add_commands(parser.add_subparsers(dest="command", required=True))
        where = ["--host", server.url] if host else []
        return run_command(parser.parse_args([*map(str, arguments), *where]), world.outside)

    return call


def test_submit_asks_for_what_was_said(run, server, world, pipeline_path):
    code = run(
        "submit",
        pipeline_path,
        *("--experiment", "nightly", "--namespace", "team-a", "--run-name", "try [1]"),
        *("--param", "epochs=7", "--param", 'attacks=["A07"]', "--param", "warm=true"),
        *("--pipeline-root", "gs://bucket/root", "--no-cache"),
    )
    assert code == 0
    assert server.asked() == [
        "GET /apis/v2beta1/experiments",
        "POST /apis/v2beta1/experiments",
        "POST /apis/v2beta1/runs",
    ]
    body = server.requests[-1].body
    packed = body.pop("pipeline_spec")
    assert body == {
        "display_name": "try [1]",
        "experiment_id": "exp-1",
        "runtime_config": {
            "parameters": {"epochs": 7, "attacks": ["A07"], "warm": True},
            "pipeline_root": "gs://bucket/root",
        },
    }
    tasks = packed["pipeline_spec"]["root"]["dag"]["tasks"]
    assert [task["cachingOptions"] for task in tasks.values()] == [{}] * 3
    assert "kubernetes" in packed["platform_spec"]["platforms"]
    assert server.experiments[-1]["namespace"] == "team-a"
    assert "Run run-1" in world.shown
    assert "try [1]" in world.shown
    assert f"{server.url}/#/runs/details/run-1" in world.shown
    assert f"python kubeflow_runner.py status run-1 --host {server.url}" in world.shown


def test_submit_with_nothing_said(run, server, world, pipeline_path, monkeypatch):
    monkeypatch.setenv("KFP_HOST", server.url)
    assert run("submit", pipeline_path, host=False) == 0
    body = server.requests[-1].body
    assert body["display_name"] == "bonafide-sample 2026-03-02 12-00-00"
    assert body["experiment_id"] == "exp-default"
    assert body["runtime_config"] == {"parameters": {}}


@pytest.mark.parametrize("source", ["variable", "file", "mounted"])
def test_the_token_of_each_source_is_sent_and_not_shown(
    run, server, world, pipeline_path, monkeypatch, tmp_path, source
):
    (tmp_path / "token").write_text("hush-1\n")
    if source == "variable":
        monkeypatch.setenv("KFP_TOKEN", "hush-1")
    elif source == "file":
        monkeypatch.setenv("KFP_TOKEN_FILE", str(tmp_path / "token"))
    else:
        monkeypatch.setattr(connections, "TOKEN_FILE", tmp_path / "token")
    server.script = [None, problem(401, "no identity")]
    assert run("submit", pipeline_path) == 1
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer hush-1"}
    assert "the token came from" in world.complained
    assert "hush" not in world.shown + world.complained


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--param", "epoch=1"], "Did you mean 'epochs'?"),
        (["--param", "epochs=many"], "expected a whole number"),
        (["--timeout", "5"], "--timeout requires --wait"),
        (["--run-name", "{{workflow.name}}"], "--run-name: expected a text without {{"),
    ],
)
def test_a_wrong_command_line_is_refused_before_any_request(
    run, server, world, pipeline_path, arguments, reason
):
    assert run("submit", pipeline_path, *arguments) == 2
    assert reason in world.complained
    assert server.requests == []


def test_no_host_no_root_no_file(run, server, world, pipeline_path, tmp_path):
    assert run("submit", pipeline_path, host=False) == 2
    assert "give --host URL or set KFP_HOST" in world.complained
    rootless = tmp_path / "rootless.yaml"
    rootless.write_text(pipeline_path.read_text().replace("defaultPipelineRoot", "# "))
    assert run("submit", rootless) == 2
    assert "missing pipeline root" in world.complained
    assert run("submit", tmp_path / "none.yaml") == 2
    assert "cannot read" in world.complained
    assert server.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["submit", "p.yaml", "--wai"],
        ["submit", "p.yaml", "--wait", "--timeout", "0"],
        ["submit", "p.yaml", "--token", "x"],
        ["schedule", "p.yaml", "--name", "n"],
        ["schedule", "p.yaml", "--name", "n", "--cron", "0 3 * * 1", "--max-concurrency", "11"],
        ["runs", "--limit", "0"],
        ["runs", "--limit", "many"],
        ["schedules", "stop", "schedule-1"],
        ["schedules", "--limit", "0"],
        ["status"],
    ],
)
def test_what_argparse_refuses(run, server, capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    assert server.requests == []


def test_help_is_there_without_the_sdk():
    program = (
        "import argparse, sys\n"
        "from pipeline.kubeflow.commands import add_commands\n"
        "parser = argparse.ArgumentParser()\n"
        "add_commands(parser.add_subparsers(dest='command'))\n"
        "try:\n    parser.parse_args(['submit', '--help'])\n"
        "finally:\n    assert not {'kfp', 'kfp_server_api', 'tensorflow'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "KFP_TOKEN_FILE" in done.stdout
    assert "the gate refused the model" in done.stdout


def test_schedule(run, server, world, pipeline_path):
    assert run("schedule", pipeline_path, "--name", "weekly", "--cron", "0 3 * * 1") == 0
    body = server.requests[-1].body
    del body["pipeline_spec"]
    assert body == {
        "display_name": "weekly",
        "experiment_id": "exp-default",
        "runtime_config": {"parameters": {}},
        "trigger": {"cron_schedule": {"cron": "0 0 3 * * 1"}},
        "max_concurrency": "1",
        "no_catchup": True,
        "mode": "ENABLE",
    }
    assert "Schedule schedule-1" in world.shown
    assert f"{server.url}/#/recurringrun/details/schedule-1" in world.shown
    assert 'runs --experiment "Default"' in world.shown


def test_schedule_with_everything_said(run, server, world, pipeline_path):
    code = run(
        "schedule",
        pipeline_path,
        *("--name", "weekly", "--cron", "30 0 3 * * MON", "--experiment", "nightly"),
        *("--param", "epochs=7", "--pipeline-root", "gs://b"),
        *("--max-concurrency", "3", "--catchup", "--disabled"),
    )
    assert code == 0
    body = server.requests[-1].body
    assert body["trigger"] == {"cron_schedule": {"cron": "30 0 3 * * MON"}}
    assert body["runtime_config"] == {"parameters": {"epochs": 7}, "pipeline_root": "gs://b"}
    assert (body["max_concurrency"], body["no_catchup"], body["mode"]) == ("3", False, "DISABLE")
    resume = f"python kubeflow_runner.py schedules resume schedule-1 --host {server.url}"
    assert f"it is paused: {resume}" in world.shown


def test_a_malformed_schedule_is_refused_before_any_request(run, server, world, pipeline_path):
    assert run("schedule", pipeline_path, "--name", "n", "--cron", "0 3 * * 7") == 2
    assert "Sunday is 0" in world.complained
    assert server.requests == []


def test_schedules_are_listed_newest_first_page_by_page(run, server, world):
    cron = {"cron_schedule": {"cron": "0 0 3 * * 1"}}
    server.schedules = [
        {"recurring_run_id": "s-3", "display_name": "[w]", "status": "ENABLED", "trigger": cron},
        {"recurring_run_id": "s-2", "display_name": "old", "status": "DISABLED", "trigger": cron},
        {
            **{"recurring_run_id": "s-1", "display_name": "hourly"},
            "trigger": {"periodic_schedule": {"interval_second": "3600"}},
        },
        {"recurring_run_id": "s-0", "display_name": "first", "status": "ENABLED"},
    ]
    server.page = 2
    assert run("schedules", "--limit", 3, "--namespace", "team-a") == 0
    lines = world.shown.splitlines()
    assert lines[0].split() == ["schedule", "id", "name", "state", "cron", "(seconds", "first)"]
    assert re.fullmatch(r"s-3 +\[w\] +enabled +0 0 3 \* \* 1", lines[1].strip())
    assert re.fullmatch(r"s-2 +old +paused +0 0 3 \* \* 1", lines[2].strip())
    assert lines[3].split() == ["s-1", "hourly", "unknown", "other"]
    assert len(lines) == 4
    assert [request.query["page_size"] for request in server.requests] == ["3", "3"]
    assert server.requests[0].query["namespace"] == "team-a"
    assert server.requests[0].query["sort_by"] == "created_at desc"


def test_schedules_of_an_experiment(run, server, world):
    assert run("schedules", "--experiment", "Default") == 0
    assert server.requests[-1].query["experiment_id"] == "exp-default"
    assert world.shown == "no schedules\n"
    assert run("schedules", "--experiment", "Defualt") == 1
    assert "no experiment \"Defualt\". Did you mean 'Default'?" in world.complained


@pytest.mark.parametrize(
    ("action", "request_line", "status"),
    [
        ("pause", "POST /apis/v2beta1/recurringruns/s-1:disable", "DISABLED"),
        ("resume", "POST /apis/v2beta1/recurringruns/s-1:enable", "ENABLED"),
        ("delete", "DELETE /apis/v2beta1/recurringruns/s-1", None),
    ],
)
def test_a_schedule_is_paused_resumed_and_deleted(run, server, world, action, request_line, status):
    server.schedules = [{"recurring_run_id": "s-1"}, {"recurring_run_id": "s-2"}]
    assert run("schedules", action, "s-1") == 0
    assert server.asked() == [request_line]
    left = {item["recurring_run_id"]: item.get("status") for item in server.schedules}
    assert left == ({"s-1": status} if status else {}) | {"s-2": None}
    assert f"Schedule s-1 {action}d" in world.shown
    assert run("schedules", action, "s-9") == 1
    assert "schedule s-9: not found (404): Job s-9 not found" in world.complained


def test_pausing_is_tried_again_and_deleting_is_not(run, server, world):
    server.schedules = [{"recurring_run_id": "s-1"}]
    server.script = [problem(503, "busy"), None]
    assert run("schedules", "pause", "s-1") == 0
    assert len(server.requests) == 2
    server.script = [problem(503, "busy"), None]
    assert run("schedules", "delete", "s-1") == 1
    assert len(server.requests) == 3
    assert "(503): busy" in world.complained
    assert len(server.schedules) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["list", "s-1"], "expected no SCHEDULE_ID with list, got s-1"),
        (["pause"], "expected pause SCHEDULE_ID, got no id. Use `schedules list`"),
        (["delete"], "expected delete SCHEDULE_ID"),
    ],
)
def test_an_action_has_the_id_that_it_needs(run, server, world, arguments, reason):
    assert run("schedules", *arguments) == 2
    assert reason in world.complained
    assert server.requests == []


def test_a_schedule_that_ends_unclear(run, server, world, pipeline_path):
    server.script = [None, problem(500, "oh")]
    assert run("schedule", pipeline_path, "--name", "n", "--cron", "0 3 * * 1") == 1
    assert f"check {server.url}/#/recurringruns before you schedule again" in world.complained


def test_runs(run, server, world):
    server.runs = [
        {
            "run_id": "5b7f6f9e-0000-4000-8000-000000000002",
            "display_name": "second [b]",
            "state": "RUNNING",
            "created_at": "2026-03-02T11:30:00Z",
        },
        {
            "run_id": "5b7f6f9e-0000-4000-8000-000000000001",
            "display_name": "first",
            "state": "SUCCEEDED",
            "created_at": "2026-03-01T11:30:00Z",
            "finished_at": "2026-03-01T11:31:30Z",
        },
    ]
    assert run("runs", "--experiment", "Default", "--limit", "5") == 0
    lines = [" ".join(line.split()) for line in world.shown.splitlines()]
    assert lines[1:] == [
        f"{server.runs[0]['run_id']} second [b] running 2026-03-02 11:30 30 min 00 s",
        f"{server.runs[1]['run_id']} first succeeded 2026-03-01 11:30 1 min 30 s",
    ]
    assert server.requests[-1].query["experiment_id"] == "exp-default"


def test_no_runs_and_no_experiment(run, server, world):
    assert run("runs", "--namespace", "team-a") == 0
    assert server.requests[-1].query["namespace"] == "team-a"
    assert world.shown == "no runs\n"
    server.experiments.append({"experiment_id": "exp-1", "display_name": "nightly"})
    assert run("runs", "--experiment", "nightli", "--namespace", "team-a") == 1
    assert 'has no experiment "nightli" in namespace team-a.' in world.complained
    assert "Did you mean 'nightly'?" in world.complained
    server.experiments.clear()
    assert run("runs", "--experiment", "x") == 1
    assert "It has no experiments yet." in world.complained


def test_status_of_a_run_that_failed(run, server, world, make_run):
    tasks = {"UtteranceGen": "SUCCEEDED", "ModelEvaluator": "FAILED"}
    server.run_states = [make_run("FAILED", tasks, errors={"ModelEvaluator": "OOM [137]"})]
    assert run("status", "run-1") == 0
    assert world.shown.splitlines() == [
        "Run run-1 failed 1 h 01 min",
        "  name  nightly",
        f"  link  {server.url}/#/runs/details/run-1",
        "  ModelEvaluator failed 1 min 15 s",
        "    OOM [137]",
        "  UtteranceGen   succeeded 1 min 15 s",
        "Run failed (1 h 01 min)",
    ]


def test_status_of_a_run_that_is_not_there(run, server, world):
    server.script = [problem(404, "Run run-9 not found")]
    assert run("status", "run-9") == 1
    assert "run run-9: not found (404)" in world.complained


def test_status_prints_the_logs_of_a_task(run, server, world, make_run, s3_bucket):
    place = f"{s3_bucket}/bonafide-sample/run-1/ModelEvaluator/0b5e"
    long = '{"message": "' + "a [red] line " * 20 + '"}'
    uris.write_text(f"{place}/executor-logs-0", f"{long}\nKilled")
    uris.write_text(f"{place}/executor-logs-1", "done\n")
    tasks = {"UtteranceGen": "SUCCEEDED", "ModelEvaluator": "SUCCEEDED"}
    server.run_states = [make_run("FAILED", tasks)]
    arguments = ("status", "run-1", "--logs", "ModelEvaluator", "--pipeline-root", s3_bucket)
    assert run(*arguments) == 0
    assert world.shown == f"{long}\nKilled\ndone\n"
    assert world.complained.splitlines() == [f"{place}/executor-logs-{i}" for i in (0, 1)]
    assert server.asked() == ["GET /apis/v2beta1/runs/run-1"]
    assert run("status", "run-1", "--logs", "UtteranceGen", "--pipeline-root", s3_bucket) == 1
    assert "expected a log of UtteranceGen" in world.complained


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--logs", "Trainer", "--wait"], "expected one of --logs and --wait, got both"),
        (["--pipeline-root", "s3://b"], "--pipeline-root requires --logs"),
    ],
)
def test_options_of_logs(run, server, world, arguments, reason):
    assert run("status", "run-1", *arguments) == 2
    assert reason in world.complained
    assert server.requests == []


def test_wait_until_the_model_is_pushed(run, server, world, make_run, pipeline_path):
    server.run_states = [
        make_run("PENDING"),
        make_run("RUNNING", {"UtteranceGen": "RUNNING"}),
        make_run("RUNNING", {"UtteranceGen": "RUNNING"}),
        make_run("SUCCEEDED", {**DONE, "ModelPusher": "SUCCEEDED"}),
    ]
    assert run("submit", pipeline_path, "--wait") == 0
    assert world.shown.splitlines()[4:] == [
        "  UtteranceGen running 1 h 00 min",
        "  ModelEvaluator succeeded 1 min 15 s",
        "  ModelPusher succeeded 1 min 15 s",
        "  UtteranceGen succeeded 1 min 15 s",
        "Run succeeded: the model was pushed (6 min 00 s)",
    ]
    assert world.slept == [10.0] * 3


def test_wait_until_the_gate_refuses(run, server, world, make_run, pipeline_path):
    server.run_states = [make_run("SUCCEEDED", {**DONE, "ModelPusher": "SKIPPED"})]
    assert run("submit", pipeline_path, "--wait") == 3
    assert "  ModelPusher skipped" in world.shown
    assert "the gate refused the model, nothing was pushed" in world.shown


def test_wait_until_a_task_fails(run, server, world, make_run, pipeline_path):
    server.run_states = [
        make_run("PENDING"),
        make_run("RUNNING", {"UtteranceGen": "RUNNING"}),
        make_run("FAILED", {"UtteranceGen": "FAILED"}, error={"message": "no such corpus"}),
    ]
    assert run("submit", pipeline_path, "--wait") == 1
    assert "the server reports no reason; see the log of its pod" in world.shown
    assert "Run failed: no such corpus" in world.shown


@pytest.mark.parametrize(("state", "words"), [("CANCELED", "Run canceled"), ("FAILED", "failed")])
def test_a_canceled_run_is_no_success(run, server, world, make_run, state, words):
    server.run_states = [make_run(state)]
    assert run("status", "run-1", "--wait") == 1
    assert words in world.shown


def test_what_cannot_be_told_is_no_success(run, server, world, make_run):
    server.run_states = [make_run("SUCCEEDED", DONE)]
    assert run("status", "run-1", "--wait") == 1
    assert "it is unknown whether the model was pushed" in world.shown
    assert f"{server.url}/#/runs/details/run-1" in world.shown


def test_waiting_survives_a_server_that_restarts(run, server, world, make_run, pipeline_path):
    server.run_states = [make_run("SUCCEEDED", {**DONE, "ModelPusher": "SUCCEEDED"})]
    failing = [problem(503, "no healthy upstream"), {"cut": True, "body": {"run_id": "x"}}]
    server.script = [None, None, *failing, problem(500, "starting")]
    assert run("submit", pipeline_path, "--wait") == 0
    assert world.slept == [10.0] * 3
    assert world.complained == ""


def test_waiting_does_not_survive_a_server_that_stays_away(run, server, world):
    server.script = [problem(503, "no healthy upstream")] * 70
    assert run("status", "run-1", "--wait") == 1
    assert (
        "No response from the server for minutes; the run may be active: check it with"
        in world.complained
    )


def test_a_token_that_expires_ends_the_waiting(run, server, world, make_run):
    server.run_states = [make_run("RUNNING")]
    server.script = [None, problem(401, "token expired")]
    assert run("status", "run-1", "--wait") == 1
    assert "token expired" in world.complained
    assert "The run may be active: check it with python kubeflow_runner.py" in world.complained


def test_timeout(run, server, world, make_run, pipeline_path):
    server.run_states = [make_run("RUNNING")]
    assert run("submit", pipeline_path, "--wait", "--timeout", "25") == 4
    assert world.slept == [10.0, 10.0, 5.0]
    assert "the run did not end within 25 s and continues; check it with" in world.complained
    assert f"status run-1 --host {server.url}" in world.complained


def test_ctrl_c_leaves_the_run_alone(run, server, world, make_run, pipeline_path, monkeypatch):
    server.run_states = [make_run("RUNNING")]

    def interrupted(seconds):
        raise KeyboardInterrupt

    object.__setattr__(world.outside, "sleep", interrupted)
    assert run("submit", pipeline_path, "--wait") == 130
    assert "Interrupted: the run continues; check it with" in world.complained
    assert server.asked()[-1] == "GET /apis/v2beta1/runs/run-1"


def test_ctrl_c_while_the_run_is_created(run, server, world, pipeline_path, monkeypatch):
    from kfp_server_api import RunServiceApi

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(RunServiceApi, "run_service_create_run", interrupted)
    assert run("submit", pipeline_path) == 130
    assert "The run may have been created nevertheless" in world.complained
