"""Reads the logs of a task from the pipeline root of its run.

KFP's launcher stores the log of each attempt of a task as the artifact `executor-logs`, unless the
cluster sets `PUBLISH_LOGS` to `false`. The API does not list the artifacts of a run, but it has all
parts of their URI: ROOT/PIPELINE/RUN/TASK/EXECUTION/executor-logs-ATTEMPT (`GenerateOutputURI` in
the backend's `driver.go`; no `-ATTEMPT` before 2.17).
"""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Any

from bonafide.storage import uris
from bonafide.text import did_you_mean
from pipeline.kubeflow.errors import ClientError, NotFoundError, UsageError
from pipeline.kubeflow.runs import spec_of, task_states

_NAME = re.compile(r"executor-logs(?:-(\d+))?")
_DEFAULT_NAMESPACE = "kubeflow"


@dataclasses.dataclass(frozen=True)
class TaskLog:
    """Log of one attempt of a task.

    Attributes:
        uri: URI of the log.
        text: Its content.
    """

    uri: str
    text: str


def task_logs(
    run: Any, task: str, *, pipeline_root: str = "", namespace: str = ""
) -> list[TaskLog]:
    """Reads the logs of all attempts of a task, the first attempt first.

    The store is read with the credentials of this process.

    Args:
        run: `V2beta1Run`.
        task: Name of the task.
        pipeline_root: URI that overrides that of the run or its pipeline.
        namespace: Namespace of the pods; empty: KFP's default.

    Raises:
        NotFoundError: The run has no such task, or the store has no log of it.
        UsageError: The location of the store is unknown.
        ClientError: The store cannot be read.
    """
    _require_task(run, task)
    pods = (
        f"While the cluster keeps the pods: {kubectl_command(run.run_id, namespace)} | "
        f'grep \'"component": "{task}"\''
    )
    folder = _task_folder(run, task, pipeline_root, pods)
    try:
        found = _read(folder)
    except OSError as error:
        raise ClientError(f"cannot read the log of {task}: {error}\n{pods}") from error
    if not found:
        raise NotFoundError(
            f"expected a log of {task} in {folder}, got none. The log is written when an attempt "
            "ends. Skipped and cached tasks have none, and a cluster with PUBLISH_LOGS=false "
            f"stores none. {pods}"
        )
    return found


def kubectl_command(run_id: str, namespace: str = "") -> str:
    """Returns the command that prints the logs of a run's pods, selected by the backend's label."""
    return (
        f"kubectl logs -n {namespace or _DEFAULT_NAMESPACE} -l pipeline/runid={run_id} -c main "
        "--tail=-1"
    )


def _require_task(run: Any, task: str) -> None:
    states = task_states(run)
    if task in states:
        if states[task] == "SKIPPED":
            raise NotFoundError(f"{task} was skipped in this run, so it has no log")
        return
    advice = did_you_mean(task, states) or "It has no tasks yet."
    raise NotFoundError(f"expected a task of run {run.run_id}, got {task!r}. {advice}")


def _task_folder(run: Any, task: str, pipeline_root: str, pods: str) -> str:
    spec = spec_of(run)
    root = (
        pipeline_root
        or (run.runtime_config.pipeline_root if run.runtime_config is not None else "")
        or (spec.default_pipeline_root if spec is not None else "")
    )
    if not root or spec is None:
        missing = "the pipeline root of the run" if spec is not None else "the run's pipeline"
        raise UsageError(
            f"the server does not report {missing}, which contains the log of {task}. "
            + (
                "Give --pipeline-root; KFP's default is minio://mlpipeline/v2/artifacts. "
                if spec is not None
                else ""
            )
            + pods
        )
    if root.startswith("minio://") and not os.environ.get("AWS_ENDPOINT_URL"):
        raise UsageError(
            f"the log of {task} is in {root}: set AWS_ENDPOINT_URL to the address of that store, "
            "and its credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), for example after "
            "kubectl port-forward -n kubeflow svc/minio-service 9000:9000 to "
            f"http://localhost:9000. {pods}"
        )
    # A root may have store options, which are not part of an artifact's URI.
    return uris.join(root.partition("?")[0], spec.pipeline_info.name, run.run_id, task)


def _read(folder: str) -> list[TaskLog]:
    found = []
    for execution in uris.names_in(folder):
        for name in uris.names_in(uris.join(folder, execution)):
            if match := _NAME.fullmatch(name):
                found.append((execution, int(match[1] or 0), uris.join(folder, execution, name)))
    return [
        TaskLog(uri, uris.read_bytes(uri).decode("utf-8", "replace")) for _, _, uri in sorted(found)
    ]
