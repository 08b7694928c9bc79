"""What a run of the API says: its tasks, how far they are, and whether the model was pushed."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from typing import Any

# Of the API's RuntimeState.
ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
NOT_KNOWN = "RUNTIME_STATE_UNSPECIFIED"
DRIVER = "-driver"  # the backend runs a task X after a task X-driver that prepares it
PUSH_TASK = "ModelPusher"


class Verdict(enum.Enum):
    """How a run ended, for someone who waits for a model."""

    PUSHED = "the model was pushed"
    NO_PUSHER = f"this pipeline has no {PUSH_TASK}"
    REFUSED = "the gate refused the model, nothing was pushed"
    FAILED = "the run did not succeed"
    UNKNOWN = "whether the model was pushed cannot be told"


@dataclasses.dataclass(frozen=True)
class Task:
    """A task of a run.

    Attributes:
        name: As in the pipeline.
        state: As the API spells it, as RUNNING; `NOT_KNOWN` before anything is known of it.
        seconds: How long it ran, or has been running; None before it started.
        error: Why it failed, if the server says so.
    """

    name: str
    state: str
    seconds: float | None = None
    error: str = ""


def verdict_of(run: Any) -> Verdict:
    """Whether an ended run pushed its model.

    The API says nothing of a run's artifacts: `outputs` of a task hold ids at most, and the backend
    leaves them empty. It does say which tasks were skipped, and a condition of the pipeline skips
    a task without failing the run. So the task ModelPusher has the gate's blessing as its condition
    (`triggerPolicy.condition`): skipped means refused, succeeded means pushed. A ModelPusher
    without a condition succeeds either way, and says nothing.

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
    """The tasks of the pipeline, in the order in which they started.

    What the backend adds is left out: drivers, and the containers below a task. A driver that
    failed is told as its task's failure, because the task itself then never starts.

    Args:
        run: `V2beta1Run` with its task details.
        now: With a time zone, for tasks that still run.
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
    """The tasks of a run's pipeline in the order of their names -> state.

    Those that have not started are there as well.
    """
    details: dict[str, Any] = {detail.display_name: detail for detail in _details(run)}
    pipeline = spec_of(run)
    names = list(pipeline.root.dag.tasks) if pipeline is not None else _guess(details)
    return {
        name: (details[name].state if name in details else None) or NOT_KNOWN
        for name in sorted(names)
    }


def spec_of(run: Any) -> Any | None:
    """The run's `PipelineSpec` message; None if the server does not give it."""
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
    """How long a run took, or has been going on; None before it was created."""
    return _seconds(run.created_at, run.finished_at, now)


def error_of(item: Any) -> str:
    """The server's message about a run or a task that failed; empty if it has none."""
    errors = [item.error, *(status.error for status in reversed(item.state_history or []))]
    messages = (error.message for error in errors if error is not None)
    return next((message.strip() for message in messages if message), "")


def _details(run: Any) -> list[Any]:
    details = run.run_details.task_details if run.run_details is not None else None
    return [detail for detail in details or [] if detail.display_name]


def _guess(details: dict[str, Any]) -> list[str]:
    """Names that are most likely those of the pipeline's tasks."""
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
    state = (own.state if own is not None else None) or NOT_KNOWN
    if state == NOT_KNOWN and driver is not None:
        if driver.state == "FAILED":
            return Task(name, "FAILED", error=error_of(driver) or "it could not be prepared")
        return Task(name, "PENDING")
    if own is None:
        return Task(name, state)
    error = error_of(own) if state == "FAILED" else ""
    return Task(name, state, _seconds(own.start_time, own.end_time, now), error)


def _time(value: Any) -> datetime.datetime | None:
    """A time of the API; the backend writes unset ones as the year 1 or 1970."""
    return value if isinstance(value, datetime.datetime) and value.year > 1970 else None


def _seconds(start: Any, end: Any, now: datetime.datetime) -> float | None:
    begun = _time(start)
    return None if begun is None else max(0.0, ((_time(end) or now) - begun).total_seconds())
