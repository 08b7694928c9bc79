"""Waiting for a run to end."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from pipeline.kubeflow.errors import TemporaryError
from pipeline.kubeflow.runs import ENDED, NOT_KNOWN, Task, tasks_of


class TimeOverError(RuntimeError):
    """The run has not ended in the time that it was given."""


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
    """Asks for a run again and again until it has ended.

    Args:
        get_run: Returns the run as it is now, a `V2beta1Run`.
        report: Is told of a task when its state has changed.
        timeout: Longest time to wait, in seconds; None waits for ever.
        clock: Seconds since some moment.
        sleep: Waits for that many seconds.
        now: The time of day, with its zone.
        interval: Seconds between two questions.
        patience: Seconds without an answer after which a server that fails for a while counts as
            one that fails.

    Returns:
        The run at its end.

    Raises:
        TimeOverError: If it has not ended in that time.
        ClientError: If the server refuses to answer, or does not for longer than `patience`.
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
                if task.state not in (NOT_KNOWN, states.get(task.name)):
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
