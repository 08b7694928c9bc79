"""Runs a compiled pipeline as an open-source Kubeflow cluster would, on one machine.

It does what the backend's driver (`kubeflow_driver`), launcher (`kubeflow_launcher`) and cache do,
as plainly as possible:

- tasks in the order of their `dependentTasks`, each as a process of its own with a clean
  environment, a working directory of its own, and nothing of the object store in its file system
  but the copies of its inputs below the launcher's mounts;
- an executor input as the driver makes it: every number a double, input artifacts without a type,
  named by their id, with the bookkeeping properties that the metadata store adds, and an output for
  the log that no component declares and whose file the launcher writes;
- outputs collected from the output metadata file, merged as the launcher does, and uploaded;
- conditions of tasks, and a cache keyed as the backend's;
- retries as Argo makes them: another pod with the same executor input, without the waits;
- environment variables from secrets.

The object store is a folder, `minio://` a scheme in name only.
"""

import dataclasses
import graphlib
import itertools
import json
import pathlib
import random
import shutil
import time
import uuid

import kubeflow_driver as driver
import kubeflow_launcher as launcher
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from kubeflow_launcher import REPOSITORY

__all__ = ["CACHED", "FAILED", "OMITTED", "REPOSITORY", "SKIPPED", "SUCCEEDED", "Cluster", "load"]

SUCCEEDED, CACHED, SKIPPED, FAILED, OMITTED = "SUCCEEDED", "CACHED", "SKIPPED", "FAILED", "OMITTED"


@dataclasses.dataclass
class Task:
    """What became of one task.

    Attributes:
        logs: Of each try, the last one at the end.
        driver_input: The executor input that the driver made.
        container_input: The one that the container got, with paths of the pod's folder.
    """

    state: str
    logs: tuple = ()
    seconds: float = 0.0
    artifacts: dict = dataclasses.field(default_factory=dict)
    parameters: dict = dataclasses.field(default_factory=dict)
    driver_input: dict = dataclasses.field(default_factory=dict)
    container_input: dict = dataclasses.field(default_factory=dict)

    @property
    def log(self):
        """Of the last try."""
        return self.logs[-1] if self.logs else ""

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
    """One cluster, with an object store and a cache that outlive its runs.

    Args:
        root: Folder for everything.
        execute: Runs the commands of pods.
        secrets: Name -> key -> value.
    """

    def __init__(self, root, execute=launcher.run_process, secrets=None):
        self.root = pathlib.Path(root)
        self.store = self.root / "object-store"
        self._execute = execute
        self._secrets = secrets or {}
        self._ids = itertools.count(1)
        self._random = random.Random(20)
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
        run_id = self._uuid()
        place = _place(spec, run_id, pipeline_root)
        values = driver.run_parameters(spec, given)
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
                done[name] = self._task(documents, name, done, values, place)
            if name == until:
                break
        return Run(run_id, done)

    def run_alone(self, documents, name, before, **given):
        """Runs one task on what a run left; returns what became of it.

        Args:
            documents: See `run`.
            name: Of the task.
            before: The run that has the tasks before it.
            **given: Parameters of the run.
        """
        place = _place(documents[0], self._uuid())
        values = driver.run_parameters(documents[0], given)
        return self._task(documents, name, before.tasks, values, place)

    def path_of(self, uri):
        """Where the object store keeps what is at a URI."""
        return launcher.path_in(self.store, uri)

    def _task(self, documents, name, done, values, place):
        spec = documents[0]
        task = spec["root"]["dag"]["tasks"][name]
        component = spec["components"][task["componentRef"]["name"]]
        label = component["executorLabel"]
        container = spec["deploymentSpec"]["executors"][label]["container"]
        inputs = driver.resolve_inputs(task, component, done, values)
        if not driver.will_trigger(task, inputs):
            return Task(SKIPPED)
        outputs = driver.provision_outputs(f"{place}/{name}/{self._uuid()}", component)
        claims = driver.claims_of(documents, label)
        key = driver.cache_key(inputs, outputs, component, container, claims)
        caches = task.get("cachingOptions", {}).get("enableCache", False)
        if caches and key in self._cache:
            return dataclasses.replace(self._cache[key], state=CACHED, logs=(), seconds=0.0)
        executor_input = {"inputs": inputs, "outputs": outputs}
        variables = driver.secret_variables(documents, label, self._secrets)
        started, logs = time.monotonic(), []
        retries = task.get("retryPolicy", {}).get("maxRetryCount", 0)
        for retry in range(1 + retries):
            if retries:  # only then Argo has a number for it
                variables["KFP_RETRY_INDEX"] = str(retry)
            result = self._pod(name, container, executor_input, component, variables, retry)
            logs.append(result.log)
            if result.state == SUCCEEDED:
                break
        result.logs, result.seconds = tuple(logs), time.monotonic() - started
        if caches and result.state == SUCCEEDED:
            self._cache[key] = result
        return result

    def _pod(self, name, container, executor_input, component, variables, retry):
        """Runs a container as the launcher does, and keeps what it leaves."""
        pod = launcher.Pod(self.root / "pods" / self._uuid(), self.store, name)
        succeeded, log, outputs, parameters, given = launcher.launch(
            pod, container, executor_input, component, self._execute, variables, retry
        )
        artifacts = {
            key: driver.recorded(key, artifact, next(self._ids))
            for key, artifact in outputs.items()
        }
        if succeeded:
            shutil.rmtree(pod.root)
        return Task(
            SUCCEEDED if succeeded else FAILED,
            (log,),
            artifacts=artifacts,
            parameters=parameters,
            driver_input=executor_input,
            container_input=given,
        )

    def _uuid(self):
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _place(spec, run_id, pipeline_root=None):
    """URI of the folder of a run."""
    root = pipeline_root or spec["defaultPipelineRoot"]
    return f"{root}/{spec['pipelineInfo']['name']}/{run_id}"


def load(path):
    """The documents of a pipeline file."""
    return list(yaml.safe_load_all(pathlib.Path(path).read_text()))
