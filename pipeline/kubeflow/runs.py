"""State of a run: its tasks, their progress, and whether the model was pushed."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from typing import Any

# Values of the API's RuntimeState.
ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
UNSPECIFIED = "RUNTIME_STATE_UNSPECIFIED"
DRIVER = "-driver"  # the backend prepares a task X with a task X-driver
PUSH_TASK = "ModelPusher"


class Verdict(enum.Enum):
    """Outcome of a run."""

    PUSHED = "the model was pushed"
    NO_PUSHER = f"this pipeline has no {PUSH_TASK}"
    REFUSED = "the gate refused the model, nothing was pushed"
    FAILED = "the run did not succeed"
    UNKNOWN = "it is unknown whether the model was pushed"


@dataclasses.dataclass(frozen=True)
class Task:
    """A task of a run.

    Attributes:
        name: Name in the pipeline.
        state: RuntimeState of the API, such as RUNNING; `UNSPECIFIED` before it is reported.
        seconds: Duration so far; None before the start.
        error: Reason of a failure, if the server reports it.
    """

    name: str
    state: str
    seconds: float | None = None
    error: str = ""


def verdict_of(run: Any) -> Verdict:
    """Returns whether a finished run pushed its model.

    The API does not report the artifacts of a run: `outputs` of a task could have ids, but the
    backend leaves them empty. It does report skipped tasks, and a condition of the pipeline skips
    a task without failing the run. The task ModelPusher therefore has the gate's blessing as its
    condition (`triggerPolicy.condition`): skipped means refused, succeeded means pushed. A
    ModelPusher without a condition succeeds in both cases, so its state is no evidence.

    Args:
        run: `V2beta1Run` with its task details.
    """
    if run.state != "SUCCEEDED":
        return Verdict.FAILED
    states = {detail.display_name: detail.state for detail in _details(run)}
    pipeline = spec_of(run)
    tasks = pipeline.root.dag.tasks if pipeline is not None else {}
    if pipeline is not None and PUSH_TASK not in tasks:
        return Verdict.NO_PUSHER
    state = states.get(PUSH_TASK)
    if state == "SKIPPED":
        return Verdict.REFUSED
    conditional = pipeline is None or bool(tasks[PUSH_TASK].trigger_policy.condition)
    return Verdict.PUSHED if state == "SUCCEEDED" and conditional else Verdict.UNKNOWN


def tasks_of(run: Any, now: datetime.datetime) -> list[Task]:
    """Returns the tasks of the pipeline in the order of their start.

    Tasks that the backend adds are omitted: drivers, and the containers of a task. A failed driver
    is reported as a failure of its task, because the task itself then never starts.

    Args:
        run: `V2beta1Run` with its task details.
        now: Current time with time zone, for running tasks.
    """
    details: dict[str, Any] = {}
    for detail in _details(run):
        details[detail.display_name] = detail
    pipeline = spec_of(run)
    names = list(pipeline.root.dag.tasks) if pipeline is not None else _guess(details)
    found = [
        (_start(details, name), _task(details, name, now))
        for name in names
        if name in details or name + DRIVER in details
    ]
    last = datetime.datetime.max.replace(tzinfo=datetime.UTC)
    return [task for _, task in sorted(found, key=lambda pair: (pair[0] or last, pair[1].name))]


def task_states(run: Any) -> dict[str, str]:
    """Returns the state of each task of a run's pipeline, sorted by name.

    Tasks that have not started are included.
    """
    details: dict[str, Any] = {detail.display_name: detail for detail in _details(run)}
    pipeline = spec_of(run)
    names = list(pipeline.root.dag.tasks) if pipeline is not None else _guess(details)
    return {
        name: (details[name].state if name in details else None) or UNSPECIFIED
        for name in sorted(names)
    }


def spec_of(run: Any) -> Any | None:
    """Returns the run's `PipelineSpec` message; None if the server does not send it."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    value = run.pipeline_spec
    if not isinstance(value, dict):
        return None
    value = value.get("pipeline_spec", value)
    try:
        spec = json_format.ParseDict(
            value, pipeline_spec_pb2.PipelineSpec(), ignore_unknown_fields=True
        )
    except json_format.ParseError:
        return None
    return spec if spec.root.dag.tasks else None


def seconds_of(run: Any, now: datetime.datetime) -> float | None:
    """Returns the duration of a run so far; None before it was created."""
    return _seconds(run.created_at, run.finished_at, now)


def error_of(item: Any) -> str:
    """Returns the server's error message of a run or a task; empty without one."""
    errors = [item.error, *(status.error for status in reversed(item.state_history or []))]
    messages = (error.message for error in errors if error is not None)
    return next((message.strip() for message in messages if message), "")


def _details(run: Any) -> list[Any]:
    details = run.run_details.task_details if run.run_details is not None else None
    return [detail for detail in details or [] if detail.display_name]


def _guess(details: dict[str, Any]) -> list[str]:
    """Returns the names that are most likely tasks of the pipeline."""
    return [
        name
        for name in details
        if name != "root" and not name.endswith(DRIVER) and not name.startswith("executor")
    ]


def _start(details: dict[str, Any], name: str) -> datetime.datetime | None:
    known = (details.get(key) for key in (name + DRIVER, name))
    starts = (_time(detail.start_time) for detail in known if detail is not None)
    return next((start for start in starts if start is not None), None)


def _task(details: dict[str, Any], name: str, now: datetime.datetime) -> Task:
    own, driver = details.get(name), details.get(name + DRIVER)
    state = (own.state if own is not None else None) or UNSPECIFIED
    if state == UNSPECIFIED and driver is not None:
        if driver.state == "FAILED":
            return Task(name, "FAILED", error=error_of(driver) or "its driver failed")
        return Task(name, "PENDING")
    if own is None:
        return Task(name, state)
    error = error_of(own) if state == "FAILED" else ""
    return Task(name, state, _seconds(own.start_time, own.end_time, now), error)


def _time(value: Any) -> datetime.datetime | None:
    """Returns a time of the API, or None; the backend sends unset times as year 1 or 1970."""
    return value if isinstance(value, datetime.datetime) and value.year > 1970 else None


def _seconds(start: Any, end: Any, now: datetime.datetime) -> float | None:
    begun = _time(start)
    return None if begun is None else max(0.0, ((_time(end) or now) - begun).total_seconds())
