"""Validates a compiled pipeline against the requirements of the open-source Kubeflow backend.

The SDK accepts pipelines that the backend rejects at submission or in the middle of a run. The
rules come from the backend's source (`backend/src/v2`: compiler, driver, launcher), 2.2 to 2.17.
"""

from __future__ import annotations

import graphlib
import importlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from google.protobuf import json_format

from pipeline.kubeflow import argo, parameters
from pipeline.kubeflow.artifacts import title
from pipeline.kubeflow.deployment import OLDEST_KFP
from pipeline.kubeflow.platform_checks import platform_problems

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
# Below the limit of a process argument: URIs and properties of artifacts are added to it.
_MOST_BYTES_OF_A_TASK = 100 * 1024
# The specification becomes one object in the cluster's etcd, whose limit is 1.5 MB.
_MOST_BYTES = 1_000_000
_ROOTS = ("minio://", "s3://", "gs://")


class CompileError(ValueError):
    """The pipeline cannot run on Kubeflow; `problems` lists every reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def require_acceptable(
    spec: dict[str, Any], platform: dict[str, Any], kfp_version: str = OLDEST_KFP
) -> None:
    """Raises CompileError if the backend would reject the documents or ignore a part of them."""
    found = [*problems(spec), *platform_problems(spec, platform, kfp_version)]
    if found := [*found, *_tags(platform)]:
        raise CompileError(found)


def problems(spec: dict[str, Any]) -> list[str]:
    """Returns a message for each part of a specification that the backend would reject."""
    from kfp.pipeline_spec import pipeline_spec_pb2

    try:
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    except json_format.ParseError as error:
        return [f"the specification is not a PipelineSpec: {error}"]
    found = list(_head(spec))
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    for name, component in spec.get("components", {}).items():
        found += _component(name, component)
        found += _executor(name, executors.get(component.get("executorLabel", "")))
    tasks = spec.get("root", {}).get("dag", {}).get("tasks", {})
    if not tasks:
        found.append("the pipeline has no tasks")
    for name, task in tasks.items():
        found += _task(name, task, spec)
    if circle := _circle(tasks):
        found.append(f"the tasks have a dependency cycle: {' -> '.join(circle)}")
    found += _tags(spec)
    found += _arguments(spec)
    if (size := len(yaml.safe_dump(spec))) > _MOST_BYTES:
        found.append(f"the specification has {size:,} bytes, more than {_MOST_BYTES:,}")
    return found


def _tags(document: dict[str, Any]) -> Iterator[str]:
    for path in argo.tagged(document):
        yield (
            f"{path} contains {argo.TAG}: Argo would substitute the text between {argo.TAG} and "
            "}}. Rephrase the value"
        )


def _arguments(spec: dict[str, Any]) -> Iterator[str]:
    """Checks the parts that the driver receives as one process argument each."""
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    parts = {
        "the root component (the values of all tasks)": spec.get("root", {}),
        **{f"the component {name}": own for name, own in spec.get("components", {}).items()},
        **{f"the container of {label}": own for label, own in executors.items()},
    }
    for what, part in parts.items():
        if (size := argo.argument_bytes(part)) > argo.MOST_ARGUMENT_BYTES:
            yield (
                f"{what} has {size:,} bytes, more than the {argo.MOST_ARGUMENT_BYTES:,} of a "
                "process argument. Shorten the longest values"
            )


def _head(spec: dict[str, Any]) -> Iterator[str]:
    if spec.get("schemaVersion") != "2.1.0":
        yield f"schemaVersion: expected 2.1.0, got {spec.get('schemaVersion')}"
    name = spec.get("pipelineInfo", {}).get("name", "")
    if not _NAME.fullmatch(name):
        yield f"pipeline name: expected lower-case letters, digits and hyphens, got {name!r}"
    root = spec.get("defaultPipelineRoot", "")
    if root and not root.startswith(_ROOTS):
        yield f"pipeline root: expected a URI with {', '.join(_ROOTS)}, got {root!r}"
    given = spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    for parameter, definition in given.items():
        if "defaultValue" not in definition:
            yield f"the run parameter {parameter} has no default value"


def _component(name: str, component: dict[str, Any]) -> Iterator[str]:
    for side in ("inputDefinitions", "outputDefinitions"):
        for key, artifact in component.get(side, {}).get("artifacts", {}).items():
            kind = artifact.get("artifactType", {})
            named = title(kind.get("schemaTitle", ""), kind.get("instanceSchema", ""))
            if not named:
                yield f"{name}.{key} has no artifact type"
            elif named.count(".") != 1:
                yield f"{name}.{key}: expected an artifact type with one dot, got {named}"
            elif not named.startswith(("system.", "tfx.")) and not _importable(named):
                yield f"{name}.{key} has the artifact type {named}, which a pod cannot import"


def _importable(name: str) -> bool:
    module, _, kind = name.partition(".")
    try:
        return hasattr(importlib.import_module(module), kind)
    except ImportError:
        return False


def _executor(name: str, executor: dict[str, Any] | None) -> Iterator[str]:
    if executor is None:
        yield f"{name} has no executor"
        return
    container = executor.get("container")
    if container is None:
        kinds = ", ".join(executor)
        yield f"{name}: expected a container, got {kinds}; the backend runs containers only"
        return
    if not container.get("image"):
        yield f"{name} has no image"
    if not container.get("command"):
        yield f"{name} has no command"
    if "lifecycle" in container:
        yield f"{name} has a driver hook (lifecycle), which the backend ignores"


def _task(name: str, task: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    components = spec.get("components", {})
    component = components.get(task.get("componentRef", {}).get("name", ""))
    if component is None:
        yield f"{name} refers to a component that does not exist"
        return
    defined = component.get("inputDefinitions", {})
    given = task.get("inputs", {})
    yield from _not_given(name, defined, given)
    for key in given.get("parameters", {}):
        if key not in defined.get("parameters", {}):
            yield f"{name} sets {key}, which its component does not declare"
        yield from _parameter(name, key, given["parameters"], spec)
    for key, value in given.get("artifacts", {}).items():
        source = value.get("taskOutputArtifact")
        if source is None:
            yield f"{name}.{key} does not come from a task"
            continue
        yield from _producer(
            name, key, source["producerTask"], source["outputArtifactKey"], "artifacts", spec
        )
    for other in task.get("dependentTasks", []):
        if other not in spec["root"]["dag"]["tasks"]:
            yield f"{name} depends on {other}, which does not exist"
    if (size := len(yaml.safe_dump(given))) > _MOST_BYTES_OF_A_TASK:
        yield f"the inputs of {name} have {size:,} bytes, more than {_MOST_BYTES_OF_A_TASK:,}"


def _not_given(name: str, defined: dict[str, Any], given: dict[str, Any]) -> Iterator[str]:
    """Yields the required inputs and parameters that a task does not set."""
    for key, definition in defined.get("parameters", {}).items():
        if key not in given.get("parameters", {}) and "defaultValue" not in definition:
            yield f"{name}: the required parameter {key} is not set"
    for key in defined.get("artifacts", {}):
        if key not in given.get("artifacts", {}):
            yield f"{name}: the required input {key} is not connected"


def _parameter(name: str, key: str, given: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    """Checks the source of a task parameter's value."""
    value = given[key]
    wanted = value.get("componentInputParameter")
    if wanted and wanted not in spec["root"].get("inputDefinitions", {}).get("parameters", {}):
        yield f"{name}.{key} uses the run parameter {wanted}, which is not defined"
    constant = value.get("runtimeValue", {}).get("constant")
    if isinstance(constant, str):
        for token in sorted(parameters.names_in(constant)):
            if parameters.PREFIX + token not in given:
                yield f"{name}.{key} uses {token}, which is not set"
    if "taskOutputParameter" in value:
        source = value["taskOutputParameter"]
        yield from _producer(
            name, key, source["producerTask"], source["outputParameterKey"], "parameters", spec
        )


def _producer(
    name: str, key: str, producer: str, output: str, kind: str, spec: dict[str, Any]
) -> Iterator[str]:
    task = spec["root"]["dag"]["tasks"].get(producer)
    if task is None:
        yield f"{name}.{key} comes from {producer}, which does not exist"
        return
    component = spec["components"].get(task.get("componentRef", {}).get("name"), {})
    if output not in component.get("outputDefinitions", {}).get(kind, {}):
        yield f"{name}.{key} is {output} of {producer}, which has no such output"
    # The backend orders tasks by this list only.
    waits = spec["root"]["dag"]["tasks"][name].get("dependentTasks", [])
    if producer not in waits:
        yield f"{name}.{key} comes from {producer}, on which {name} does not depend"


def _circle(tasks: dict[str, Any]) -> list[str]:
    """Returns the tasks of a dependency cycle; empty without one."""
    order = graphlib.TopologicalSorter(
        {name: set(task.get("dependentTasks", [])) for name, task in tasks.items()}
    )
    try:
        order.prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []
