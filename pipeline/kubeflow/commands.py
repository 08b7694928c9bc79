"""The commands that use a Kubeflow Pipelines server: submit, schedule, runs, status."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from bonafide.text import did_you_mean
from pipeline.kubeflow import runs, watch
from pipeline.kubeflow.command_line import (
    DELETE,
    LIST,
    PAUSE,
    RESUME,
    TIME_OVER,
    WRONG_COMMAND,
    add_commands,
)
from pipeline.kubeflow.connection import connection_from
from pipeline.kubeflow.cron import kfp_cron
from pipeline.kubeflow.errors import ClientError, NotFoundError, TemporaryError, UsageError
from pipeline.kubeflow.pipeline_file import PipelineFile, read_pipeline_file, refuse_tags
from pipeline.kubeflow.printing import (
    colored,
    duration,
    print_task,
    print_verdict,
    runs_table,
    schedules_table,
)
from pipeline.kubeflow.task_logs import task_logs
from pipeline.session import FAILED, INTERRUPTED, PUSHED, REFUSED

if TYPE_CHECKING:
    from pipeline.kubeflow.client import Client

__all__ = ["add_commands", "run_command"]

PROGRAM = "python kubeflow_runner.py"
VERDICT_CODES = {
    runs.Verdict.PUSHED: PUSHED,
    runs.Verdict.NO_PUSHER: PUSHED,
    runs.Verdict.REFUSED: REFUSED,
    runs.Verdict.FAILED: FAILED,
    # A script must not mistake an unknown outcome for a push.
    runs.Verdict.UNKNOWN: FAILED,
}


@dataclasses.dataclass(frozen=True)
class Outside:
    """What commands use of the world around them, so that a test can stand in for it."""

    screen: Console = dataclasses.field(
        default_factory=lambda: Console(file=sys.stdout, highlight=False, soft_wrap=True)
    )
    errors: Console = dataclasses.field(
        default_factory=lambda: Console(file=sys.stderr, highlight=False, soft_wrap=True)
    )
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC)


def run_command(options: argparse.Namespace, outside: Outside | None = None) -> int:
    """Runs the command of `options.command` and returns the exit code.

    Errors of the user or the server are printed as a sentence, without a traceback.
    """
    outside = outside or Outside()
    commands = {
        **{"submit": _submit, "schedule": _schedule, "schedules": _schedules},
        **{"runs": _list_runs, "status": _status},
    }
    try:
        return commands[options.command](options, outside)
    except UsageError as error:
        _print_error(outside, str(error))
        return WRONG_COMMAND
    except ClientError as error:
        _print_error(outside, str(error))
        return FAILED
    except KeyboardInterrupt:
        outside.errors.print("\n[yellow]Interrupted[/yellow].")
        return INTERRUPTED


def _submit(options: argparse.Namespace, outside: Outside) -> int:
    _check_waiting(options)
    refuse_tags("--run-name", options.run_name)
    client = _client(options, outside)
    pipeline, what_to_run = _what_to_run(options, client)
    import kfp_server_api as api

    name = options.run_name or f"{pipeline.name} {outside.now():%Y-%m-%d %H-%M-%S}"
    body = api.V2beta1Run(display_name=name, **what_to_run)
    run = _create(lambda: client.create_run(body), outside, "run", client)
    outside.screen.print(
        f"[bold]Run[/bold] {escape(run.run_id)}\n"
        f"  name        {escape(name)}\n"
        f"  experiment  {escape(options.experiment)}\n"
        f"  link        {escape(_run_link(client, run.run_id))}"
    )
    if options.wait:
        return _wait(client, run.run_id, options.timeout, outside)
    outside.screen.print(f"  status      {escape(_status_command(client, run.run_id))}")
    return PUSHED


def _schedule(options: argparse.Namespace, outside: Outside) -> int:
    cron = kfp_cron(options.cron)
    refuse_tags("--name", options.name)
    client = _client(options, outside)
    _, what_to_run = _what_to_run(options, client)
    import kfp_server_api as api

    modes = api.RecurringRunMode
    body = api.V2beta1RecurringRun(
        display_name=options.name,
        **what_to_run,
        trigger=api.V2beta1Trigger(cron_schedule=api.V2beta1CronSchedule(cron=cron)),
        max_concurrency=str(options.max_concurrency),
        no_catchup=not options.catchup,
        mode=modes.DISABLE if options.disabled else modes.ENABLE,
    )
    schedule = _create(lambda: client.create_recurring_run(body), outside, "schedule", client)
    host = client.connection.host
    identity = schedule.recurring_run_id
    following = (
        f"it is paused: {PROGRAM} schedules {RESUME} {identity} --host {host}"
        if options.disabled
        else f'its runs: {PROGRAM} runs --experiment "{options.experiment}" --host {host}'
    )
    outside.screen.print(
        f"[bold]Schedule[/bold] {escape(identity)}\n"
        f"  name        {escape(options.name)}\n"
        f"  experiment  {escape(options.experiment)}\n"
        f"  cron        {escape(cron)} (seconds first; UTC unless the cluster is set otherwise)\n"
        f"  link        {escape(f'{host}/#/recurringrun/details/{identity}')}\n"
        f"  next        {escape(following)}"
    )
    return PUSHED


def _schedules(options: argparse.Namespace, outside: Outside) -> int:
    identity = options.schedule_id
    if options.action == LIST and identity:
        raise UsageError(f"expected no SCHEDULE_ID with {LIST}, got {identity}")
    if options.action != LIST and not identity:
        raise UsageError(f"expected {options.action} SCHEDULE_ID, got no id. Use `schedules list`")
    client = _client(options, outside)
    if options.action == LIST:
        experiment_id = _experiment_id(client, options.experiment)
        listed = client.list_recurring_runs(experiment_id=experiment_id, limit=options.limit)
        outside.screen.print(schedules_table(listed) if listed else "no schedules")
        return PUSHED
    if options.action == DELETE:
        client.delete_recurring_run(identity)
    else:
        client.enable_recurring_run(identity, enabled=options.action == RESUME)
    done = {PAUSE: "paused", RESUME: "resumed", DELETE: "deleted"}[options.action]
    outside.screen.print(f"[bold]Schedule[/bold] {escape(identity)} {done}")
    return PUSHED


def _list_runs(options: argparse.Namespace, outside: Outside) -> int:
    client = _client(options, outside)
    experiment_id = _experiment_id(client, options.experiment)
    listed = client.list_runs(experiment_id=experiment_id, limit=options.limit)
    if not listed:
        outside.screen.print("no runs")
        return PUSHED
    outside.screen.print(runs_table(listed, outside.now()))
    return PUSHED


def _status(options: argparse.Namespace, outside: Outside) -> int:
    _check_waiting(options)
    if options.logs and options.wait:
        raise UsageError("expected one of --logs and --wait, got both")
    if options.pipeline_root and not options.logs:
        raise UsageError("--pipeline-root requires --logs")
    client = _client(options, outside)
    run_id = options.run_id
    if options.logs:
        return _print_logs(client, options, outside)
    if options.wait:
        return _wait(client, run_id, options.timeout, outside)
    run = client.get_run(run_id)
    now = outside.now()
    took = duration(runs.seconds_of(run, now))
    outside.screen.print(
        f"[bold]Run[/bold] {escape(run.run_id or run_id)} {colored(run.state)} {took}\n"
        f"  name  {escape(run.display_name or '')}\n"
        f"  link  {escape(_run_link(client, run_id))}"
    )
    tasks = runs.tasks_of(run, now)
    width = max((len(task.name) for task in tasks), default=0)
    for task in tasks:
        print_task(outside.screen, task, width)
    if run.state in runs.ENDED:
        link = _run_link(client, run_id)
        print_verdict(outside.screen, run, runs.verdict_of(run), link, now)
    return PUSHED


def _print_logs(client: Client, options: argparse.Namespace, outside: Outside) -> int:
    run = client.get_run(options.run_id)
    for log in task_logs(
        run,
        options.logs,
        pipeline_root=options.pipeline_root,
        namespace=client.connection.namespace,
    ):
        # To the error stream, because programs may parse the log lines.
        outside.errors.print(f"[dim]{escape(log.uri)}[/dim]")
        outside.screen.out(log.text, end="" if log.text.endswith("\n") else "\n")
    return PUSHED


def _wait(client: Client, run_id: str, timeout: float | None, outside: Outside) -> int:
    """Waits for a run to end and returns the exit code of its outcome."""
    look_again = f"check it with {_status_command(client, run_id)}"
    # No retries: the polling loop handles temporary failures.
    try:
        run = watch.wait(
            lambda: client.get_run(run_id, tries=1),
            lambda task: print_task(outside.screen, task),
            timeout=timeout,
            clock=outside.clock,
            sleep=outside.sleep,
            now=outside.now,
        )
    except watch.TimeOverError:
        _print_error(
            outside, f"the run did not end within {timeout:g} s and continues; {look_again}"
        )
        return TIME_OVER
    except KeyboardInterrupt:
        outside.errors.print(
            f"\n[yellow]Interrupted[/yellow]: the run continues; {escape(look_again)}"
        )
        return INTERRUPTED
    except TemporaryError as error:
        raise ClientError(
            f"{error}\nNo response from the server for minutes; the run may be active: {look_again}"
        ) from None
    except NotFoundError:
        raise
    except ClientError as error:
        raise ClientError(f"{error}\nThe run may be active: {look_again}") from None
    verdict = runs.verdict_of(run)
    print_verdict(outside.screen, run, verdict, _run_link(client, run_id), outside.now())
    return VERDICT_CODES[verdict]


def _check_waiting(options: argparse.Namespace) -> None:
    if options.timeout is not None and not options.wait:
        raise UsageError("--timeout requires --wait")


def _print_error(outside: Outside, text: str) -> None:
    outside.errors.print(f"[red]error:[/red] {escape(text)}")


def _create(send: Callable[[], Any], outside: Outside, what: str, client: Client) -> Any:
    """Sends a create request; explains the possible outcomes after Ctrl-C."""
    from pipeline.kubeflow.client import maybe_created

    try:
        return send()
    except KeyboardInterrupt:
        outside.errors.print(escape(maybe_created(what, client.connection.host)))
        raise


def _client(options: argparse.Namespace, outside: Outside) -> Client:
    connection = connection_from(options.host, options.namespace, os.environ)
    from pipeline.kubeflow.client import Client

    return Client(
        connection,
        sleep=outside.sleep,
        notice=lambda text: outside.errors.print(f"[dim]{escape(text)}[/dim]"),
    )


def _what_to_run(
    options: argparse.Namespace, client: Client
) -> tuple[PipelineFile, dict[str, Any]]:
    """Reads and validates the pipeline file and the parameters before anything is sent.

    Returns:
        The pipeline, and the fields common to a run and a schedule.
    """
    pipeline = read_pipeline_file(options.pipeline)
    parameters = pipeline.parameters(options.param)
    pipeline.check_root(options.pipeline_root)
    import kfp_server_api as api

    return pipeline, {
        "experiment_id": client.experiment(options.experiment).experiment_id,
        "pipeline_spec": pipeline.body(cache=not options.no_cache),
        "runtime_config": api.V2beta1RuntimeConfig(
            parameters=parameters, pipeline_root=options.pipeline_root or None
        ),
    }


def _experiment_id(client: Client, name: str) -> str:
    """Returns the id of an experiment; empty for an empty name.

    Raises:
        NotFoundError: It does not exist; the message lists the existing ones.
    """
    if not name:
        return ""
    found = client.find_experiment(name)
    if found is None:
        raise NotFoundError(_no_such_experiment(client, name))
    return found.experiment_id


def _no_such_experiment(client: Client, name: str) -> str:
    namespace = client.connection.namespace
    where = f" in namespace {namespace}" if namespace else ""
    names = client.experiment_names()
    advice = did_you_mean(name, names) if names else "It has no experiments yet."
    return f'{client.connection.host} has no experiment "{name}"{where}. {advice}'


def _run_link(client: Client, run_id: str) -> str:
    return f"{client.connection.host}/#/runs/details/{run_id}"


def _status_command(client: Client, run_id: str) -> str:
    return f"{PROGRAM} status {run_id} --host {client.connection.host}"
