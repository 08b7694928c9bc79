"""What the launcher of Kubeflow Pipelines does in a pod, as plainly as possible.

Read in `backend/src/v2/component/launcher_v2.go` of kubeflow/pipelines 2.17.0. A pod is a folder:
it has the launcher's mounts, `/tmp` and a working directory of its own.
"""

import copy
import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from kubeflow_driver import LOGS, as_go, local_path

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
EXECUTOR_INPUT = "{{$}}"


@dataclasses.dataclass(frozen=True)
class Pod:
    """One pod.

    Attributes:
        root: Its folder.
        store: Folder of the object store.
        task: Name of the task.
    """

    root: pathlib.Path
    store: pathlib.Path
    task: str

    @property
    def mounts(self):
        """Where the launcher's copies are; `/` in a real pod."""
        return self.root / "mounts"

    @property
    def work(self):
        """The working directory."""
        return self.root / "work"

    def local(self, uri):
        """Where the copy of what is at a URI is."""
        return self.mounts / local_path(uri).lstrip("/")

    def stored(self, uri):
        """Where the object store keeps what is at a URI."""
        return path_in(self.store, uri)


def path_in(store, uri):
    """Where the object store keeps what is at a URI."""
    return store / uri.replace("://", "/", 1)


def run_process(command, pod, environment, log):
    """Runs a command in a pod; returns its exit status.

    Args:
        command: Program and arguments.
        pod: Where.
        environment: All its variables.
        log: File for what it prints.
    """
    return subprocess.run(
        command,
        cwd=pod.work,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        timeout=900,
        check=False,
    ).returncode


def run_preloaded(preloaded):
    """Runs commands as `run_process` does, in processes with the frameworks imported already."""

    def execute(command, pod, environment, log):
        return start_preloaded(preloaded, command, pod, environment, log).wait(900)

    return execute


def start_preloaded(preloaded, command, pod, environment, log):
    """Starts a command as `run_preloaded` does; returns the process."""
    program, *arguments = command
    assert program == "python"
    return preloaded.start(arguments, cwd=pod.work, env=environment, stdout=log.name)


def launch(pod, container, executor_input, component, execute=run_process, variables=None, retry=0):
    """`Execute`: runs a container, and puts its outputs into the object store.

    Args:
        pod: Where.
        container: Its command, arguments and variables.
        executor_input: As the driver made it.
        component: The task's.
        execute: Runs the command, as `run_process` does.
        variables: Of the pod, besides the container's.
        retry: Number of the try, from 0.

    Returns:
        Whether it succeeded, its log, output artifacts with URI and metadata, output parameters,
        and the executor input that the container was given.
    """
    given = for_container(executor_input, component, pod, retry)
    json_format.ParseDict(given, pipeline_spec_pb2.ExecutorInput())
    artifacts = copy.deepcopy(given["outputs"]["artifacts"])
    outputs = {name: found["artifacts"][0] for name, found in artifacts.items()}
    pod.work.mkdir(parents=True)
    for found in given["inputs"].get("artifacts", {}).values():
        for artifact in found["artifacts"]:
            copy_tree(pod.stored(artifact["uri"]), pod.local(artifact["uri"]))
    for artifact in outputs.values():
        pod.local(artifact["uri"]).parent.mkdir(parents=True, exist_ok=True)
    for parameter in given["outputs"].get("parameters", {}).values():
        pathlib.Path(parameter["outputFile"]).parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(given, separators=(",", ":"))
    command = [
        part.replace(EXECUTOR_INPUT, text) for part in [*container["command"], *container["args"]]
    ]
    log = pod.local(outputs[LOGS]["uri"])
    with log.open("wb") as file:
        status = execute(command, pod, _environment(pod, container) | (variables or {}), file)
    said, parameters = {}, {}
    if status == 0:
        said, parameters = _executor_output(given["outputs"])
    else:
        outputs = {LOGS: outputs[LOGS]}
    for name, artifact in outputs.items():
        if name != LOGS:  # the launcher does not let a container say where its log is
            _merge(said.get(name, {}).get("artifacts", [{}])[0], artifact)
        copy_tree(pod.local(artifact["uri"]), pod.stored(artifact["uri"]))
    return status == 0, log.read_text(errors="replace"), outputs, parameters, given


def for_container(executor_input, component, pod, retry=0):
    """The executor input that the launcher puts into the command.

    Its paths are those of the pod's folder, and each try has a log of its own
    (`qualifyExecutorLogsURI`).
    """
    given = copy.deepcopy(executor_input)
    given["outputs"]["artifacts"][LOGS]["artifacts"][0]["uri"] += f"-{retry}"
    defined = component.get("inputDefinitions", {}).get("parameters", {})
    values = {
        name: as_go(own["defaultValue"]) for name, own in defined.items() if "defaultValue" in own
    }
    if values:
        given["inputs"]["parameterValues"] = values | given["inputs"].get("parameterValues", {})
    given["outputs"]["outputFile"] = str(pod.mounts) + given["outputs"]["outputFile"]
    for parameter in given["outputs"].get("parameters", {}).values():
        parameter["outputFile"] = str(pod.root) + parameter["outputFile"]
    return given


def _environment(pod, container):
    return {
        "PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(pod.work),
        "PYTHONPATH": str(REPOSITORY),  # as the image sets it for its copy of the code
        "KFP_POD_NAME": f"pod-of-{pod.task.lower()}",
        "BONAFIDE_MOUNT_ROOT": str(pod.mounts),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **{item["name"]: item["value"] for item in container.get("env", [])},
    }


def _executor_output(outputs):
    """`getExecutorOutputFile` and `collectOutputParameters`."""
    metadata = pathlib.Path(outputs["outputFile"])
    said = json.loads(metadata.read_text()) if metadata.exists() else {}
    json_format.ParseDict(said, pipeline_spec_pb2.ExecutorOutput())
    values = said.get("parameterValues", {})
    parameters = {
        name: values[name] if name in values else pathlib.Path(own["outputFile"]).read_text()
        for name, own in outputs.get("parameters", {}).items()
    }
    return said.get("artifacts", {}), parameters


def _merge(said, artifact):
    """`mergeRuntimeArtifacts`, in place."""
    if uri := said.get("uri"):
        assert uri.startswith(artifact["uri"]), f"an output went to {uri}"
        artifact["uri"] = uri
    if "metadata" in said:
        artifact["metadata"] = {**artifact.get("metadata", {}), **said["metadata"]}


def copy_tree(source, target):
    """Copies a file or a folder, if it is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.exists():
        shutil.copy2(source, target)
