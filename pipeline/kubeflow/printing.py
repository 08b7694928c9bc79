"""Console output for runs, schedules and tasks."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.kubeflow.runs import (
    ENDED,
    PUSH_TASK,
    UNSPECIFIED,
    Task,
    Verdict,
    error_of,
    seconds_of,
)

COLORS = {
    "SUCCEEDED": "green",
    "FAILED": "red",
    "CANCELED": "red",
    "SKIPPED": "yellow",
    "RUNNING": "cyan",
}


def runs_table(listed: Sequence[Any], now: datetime.datetime) -> Table:
    """Returns a table of runs in the given order.

    Args:
        listed: `V2beta1Run` messages.
        now: Current time with time zone, for active runs.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("run id", no_wrap=True)
    table.add_column("name", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("started (UTC)", no_wrap=True)
    table.add_column("duration", justify="right", no_wrap=True)
    for run in listed:
        started = run.created_at.astimezone(datetime.UTC) if run.created_at else None
        table.add_row(
            escape(run.run_id or ""),
            escape(run.display_name or ""),
            colored(run.state),
            f"{started:%Y-%m-%d %H:%M}" if started else "",
            duration(seconds_of(run, now)),
        )
    return table


def schedules_table(listed: Sequence[Any]) -> Table:
    """Returns a table of schedules in the given order.

    Args:
        listed: `V2beta1RecurringRun` messages.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("schedule id", no_wrap=True)
    table.add_column("name", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("cron (seconds first)", no_wrap=True)
    for schedule in listed:
        cron = schedule.trigger.cron_schedule if schedule.trigger is not None else None
        state = {"ENABLED": "[green]enabled[/green]", "DISABLED": "[yellow]paused[/yellow]"}
        table.add_row(
            escape(schedule.recurring_run_id or ""),
            escape(schedule.display_name or ""),
            state.get(schedule.status, "[dim]unknown[/dim]"),
            escape(cron.cron or "") if cron is not None else "[dim]other[/dim]",
        )
    return table


def print_task(console: Console, task: Task, width: int = 0) -> None:
    """Prints the line of a task and, if it failed, the error."""
    took = duration(task.seconds) if task.state in (*ENDED, "RUNNING") else ""
    console.print(f"  {escape(task.name):<{width}} {colored(task.state)} {took}".rstrip())
    if task.state == "FAILED":
        error = task.error or "the server reports no reason; see the log of its pod in the UI"
        console.print(f"    [red]{escape(error)}[/red]")


def print_verdict(
    console: Console, run: Any, verdict: Verdict, link: str, now: datetime.datetime
) -> None:
    """Prints the outcome of a run."""
    style = {Verdict.PUSHED: "green", Verdict.NO_PUSHER: "green", Verdict.REFUSED: "yellow"}
    text = f"Run {run.state.lower()}"
    if verdict is not Verdict.FAILED:
        text += f": {verdict.value}"
    elif error := error_of(run):
        text += f": {error}"
    color = style.get(verdict, "red")
    took = duration(seconds_of(run, now))
    console.print(f"[bold {color}]{escape(text)}[/bold {color}]" + (f" ({took})" if took else ""))
    if verdict is Verdict.UNKNOWN:
        console.print(
            f"  the server does not report whether {PUSH_TASK} depends on the blessing: see "
            f"{escape(link)}"
        )


def colored(state: str | None) -> str:
    """Returns a state of the API in lower case, as markup."""
    if state is None or state == UNSPECIFIED:
        return "[dim]unknown[/dim]"
    color = COLORS.get(state, "dim")
    return f"[{color}]{escape(state.lower())}[/{color}]"


def duration(seconds: float | None) -> str:
    """Returns a duration such as `2 min 05 s`; empty for None."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
