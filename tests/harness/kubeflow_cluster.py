"""Runs a compiled pipeline as an open-source Kubeflow cluster would, on one machine.

It does what the backend's driver, launcher and cache do (`backend/src/v2` of kubeflow/pipelines,
2.14), as plainly as possible:

- tasks in the order of their `dependentTasks`, each as a process of its own with a clean
  environment, a working directory of its own, and nothing of the object store in its file system
  but the copies of its inputs below the launcher's mounts;
- an executor input as the driver makes it: every number a double, input artifacts without a type,
  named by their id, with the bookkeeping properties that the metadata store adds;
- outputs collected from the output metadata file, merged as the launcher does, and uploaded;
- conditions of tasks, and a cache keyed as the backend's.

The object store is a folder, `minio://` a scheme in name only.
"""

import dataclasses
import graphlib
import itertools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SUCCEEDED, CACHED, SKIPPED, FAILED, OMITTED = "SUCCEEDED", "CACHED", "SKIPPED", "FAILED", "OMITTED"
_CONDITION = re.compile(r"inputs\.parameter_values\['([^']+)'\] == '([^']*)'")


@dataclasses.dataclass
class Task:
    """What became of one task."""

    state: str
    log: str = ""
    seconds: float = 0.0
    artifacts: dict = dataclasses.field(default_factory=dict)
    parameters: dict = dataclasses.field(default_factory=dict)

    @property
    def events(self):
        """The JSON lines of its log."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]


@dataclasses.dataclass
class Run:
    """What became of a run."""

    run_id: str
    tasks: dict

    @property
    def state(self):
        """As Kubeflow shows it."""
        states = {task.state for task in self.tasks.values()}
        return FAILED if FAILED in states else SUCCEEDED

    def states(self):
        """Task -> state."""
        return {name: task.state for name, task in self.tasks.items()}


class Cluster:
    """One cluster, with an object store and a cache that outlive its runs."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.store = self.root / "object-store"
        self._ids = itertools.count(1)
        self._runs = itertools.count(1)
        self._cache = {}

    def run(self, documents, *, pipeline_root=None, until=None, **given):
        """Runs the documents of a pipeline file to the end.

        Args:
            documents: `PipelineSpec`, and maybe the platform's.
            pipeline_root: In place of the default.
            until: The last task to run.
            **given: Parameters of the run.
        """
        spec = documents[0]
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        run_id = f"run-{next(self._runs)}"
        root = pipeline_root or spec["defaultPipelineRoot"]
        place = f"{root}/{spec['pipelineInfo']['name']}/{run_id}"
        values = self._run_parameters(spec, given)
        tasks = spec["root"]["dag"]["tasks"]
        order = graphlib.TopologicalSorter(
            {name: task.get("dependentTasks", []) for name, task in tasks.items()}
        ).static_order()
        done = {}
        for name in order:
            before = [done[other] for other in tasks[name].get("dependentTasks", [])]
            if any(task.state in (FAILED, OMITTED) for task in before):
                done[name] = Task(OMITTED)
            else:
                done[name] = self._task(spec, name, done, values, place)
            if name == until:
                break
        return Run(run_id, done)

    def path_of(self, uri):
        """Where the object store keeps what is at a URI."""
        return self.store / uri.replace("://", "/", 1)

    @staticmethod
    def _run_parameters(spec, given):
        defined = spec["root"]["inputDefinitions"]["parameters"]
        assert given.keys() <= defined.keys(), (
            f"unknown parameters: {given.keys() - defined.keys()}"
        )
        values = {name: parameter["defaultValue"] for name, parameter in defined.items()} | given
        for name, value in values.items():
            is_text = defined[name]["parameterType"] == "STRING"
            assert isinstance(value, str) is is_text, f"input parameter {name} type mismatch"
        return values

    def _task(self, spec, name, done, values, place):
        task = spec["root"]["dag"]["tasks"][name]
        component = spec["components"][task["componentRef"]["name"]]
        inputs = self._inputs(task, component, done, values)
        if condition := task.get("triggerPolicy", {}).get("condition"):
            wanted = _CONDITION.fullmatch(condition)
            if inputs["parameterValues"][wanted.group(1)] != wanted.group(2):
                return Task(SKIPPED)
        outputs = component.get("outputDefinitions", {})
        container = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        key = json.dumps(
            [
                {k: [a["name"] for a in v["artifacts"]] for k, v in inputs["artifacts"].items()},
                inputs["parameterValues"],
                outputs,
                container,
            ],
            sort_keys=True,
        )
        caches = task.get("cachingOptions", {}).get("enableCache", False)
        if caches and key in self._cache:
            return dataclasses.replace(self._cache[key], state=CACHED, log="", seconds=0.0)
        result = self._pod(name, container, inputs, outputs, f"{place}/{name}/{next(self._ids)}")
        if caches and result.state == SUCCEEDED:
            self._cache[key] = result
        return result

    @staticmethod
    def _inputs(task, component, done, values):
        """What the driver resolves; see `resolveInputs` and `toRuntimeArtifact`."""
        given = task.get("inputs", {})
        found = {}
        for name, source in given.get("parameters", {}).items():
            if "componentInputParameter" in source:
                value = values[source["componentInputParameter"]]
            elif "taskOutputParameter" in source:
                output = source["taskOutputParameter"]
                value = done[output["producerTask"]].parameters[output["outputParameterKey"]]
            else:
                value = source["runtimeValue"]["constant"]
            kind = component["inputDefinitions"]["parameters"][name]["parameterType"]
            assert isinstance(value, str) is (kind == "STRING"), f"{name}: type mismatch"
            found[name] = value if isinstance(value, str) else float(value)
        artifacts = {}
        for name, source in given.get("artifacts", {}).items():
            output = source["taskOutputArtifact"]
            artifact = done[output["producerTask"]].artifacts[output["outputArtifactKey"]]
            artifacts[name] = {"artifacts": [{**artifact, "type": {"instanceSchema": ""}}]}
        return {"parameterValues": found, "artifacts": artifacts}

    def _pod(self, name, container, inputs, outputs, place):
        """Runs a container as the launcher does, and keeps what it leaves."""
        pod = self.root / "pods" / place.replace("://", "/")
        mounts, work = pod / "mounts", pod / "work"
        work.mkdir(parents=True)
        task_input = {
            "inputs": inputs,
            "outputs": {
                "artifacts": {
                    key: {
                        "artifacts": [{"uri": f"{place}/{key}", "type": definition["artifactType"]}]
                    }
                    for key, definition in outputs.get("artifacts", {}).items()
                },
                "parameters": {
                    key: {"outputFile": str(pod / "tmp/kfp/outputs" / key)}
                    for key in outputs.get("parameters", {})
                },
                "outputFile": str(pod / "tmp/kfp_outputs/output_metadata.json"),
            },
        }
        message = json_format.ParseDict(task_input, pipeline_spec_pb2.ExecutorInput())
        for [artifact] in (found["artifacts"] for found in inputs["artifacts"].values()):
            _copy(self.path_of(artifact["uri"]), _local(mounts, artifact["uri"]))
        for [artifact] in (f["artifacts"] for f in task_input["outputs"]["artifacts"].values()):
            _local(mounts, artifact["uri"]).parent.mkdir(parents=True, exist_ok=True)
        command = [
            part.replace("{{$}}", json_format.MessageToJson(message, indent=None))
            for part in [*container["command"], *container["args"]]
        ]
        started = time.monotonic()
        process = subprocess.run(
            command,
            cwd=work,
            env={
                "PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin",
                "HOME": str(work),
                "PYTHONPATH": str(REPOSITORY),  # as the image sets it for its copy of the code
                "KFP_POD_NAME": f"pod-of-{name.lower()}",
                "BONAFIDE_MOUNT_ROOT": str(mounts),
                "TF_CPP_MIN_LOG_LEVEL": "2",
                **{item["name"]: item["value"] for item in container.get("env", [])},
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=900,
            check=False,
        )
        seconds = time.monotonic() - started
        if process.returncode != 0:
            return Task(FAILED, process.stdout, seconds)
        result = Task(SUCCEEDED, process.stdout, seconds)
        self._collect(result, task_input["outputs"], outputs, mounts)
        shutil.rmtree(pod)
        return result

    def _collect(self, result, wanted, definitions, mounts):
        """As `collectOutputParameters` and `uploadOutputArtifacts`."""
        metadata = pathlib.Path(wanted["outputFile"])
        said = json.loads(metadata.read_text()) if metadata.exists() else {}
        json_format.ParseDict(said, pipeline_spec_pb2.ExecutorOutput())
        for key in wanted["parameters"]:
            result.parameters[key] = said["parameterValues"][key]
        for key, found in wanted["artifacts"].items():
            [artifact] = found["artifacts"]
            own = said.get("artifacts", {}).get(key, {}).get("artifacts", [{}])[0]
            uri = own.get("uri") or artifact["uri"]
            assert uri.startswith(artifact["uri"]), f"{key} went to {uri}"
            if _local(mounts, uri).exists():
                _copy(_local(mounts, uri), self.path_of(uri))
            assert definitions["artifacts"][key]["artifactType"]
            result.artifacts[key] = {
                "name": str(next(self._ids)),
                "uri": uri,
                "metadata": {
                    **own.get("metadata", {}),
                    "display_name": key,
                    "store_session_info": "{}",
                },
            }


def load(path):
    """The documents of a pipeline file."""
    return list(yaml.safe_load_all(pathlib.Path(path).read_text()))


def _local(mounts, uri):
    scheme, _, rest = uri.partition("://")
    return mounts / {"gs": "gcs"}.get(scheme, scheme) / rest


def _copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.exists():
        shutil.copy2(source, target)
