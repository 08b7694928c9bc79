"""Waiting for a run to end."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from pipeline.kubeflow.errors import TemporaryError
from pipeline.kubeflow.runs import ENDED, UNSPECIFIED, Task, tasks_of


class TimeOverError(RuntimeError):
    """The run has not ended within the timeout."""


def wait(
    get_run: Callable[[], Any],
    report: Callable[[Task], None],
    *,
    timeout: float | None,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    now: Callable[[], datetime.datetime],
    interval: float = 10.0,
    patience: float = 600.0,
) -> Any:
    """Polls a run until it has ended.

    Args:
        get_run: Returns the current `V2beta1Run`.
        report: Receives a task when its state has changed.
        timeout: Maximum wait in seconds; None for no limit.
        clock: Monotonic clock in seconds.
        sleep: Waits for a number of seconds.
        now: Current time with time zone.
        interval: Seconds between two requests.
        patience: Seconds of temporary failures after which the last one is raised.

    Returns:
        The finished run.

    Raises:
        TimeOverError: The run has not ended within the timeout.
        ClientError: A request failed, or temporary failures lasted longer than `patience`.
    """
    started = answered = clock()
    states: dict[str, str] = {}
    while True:
        try:
            run = get_run()
        except TemporaryError:
            if clock() - answered > patience:
                raise
        else:
            answered = clock()
            for task in tasks_of(run, now()):
                if task.state not in (UNSPECIFIED, states.get(task.name)):
                    states[task.name] = task.state
                    report(task)
            if run.state in ENDED:
                return run
        pause = interval
        if timeout is not None:
            pause = min(interval, started + timeout - clock())
            if pause <= 0:
                raise TimeOverError
        sleep(pause)
