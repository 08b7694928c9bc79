"""The harness and the entrypoint against what the real driver and launcher gave to our tasks."""

import copy
import json
import pathlib
import re

import pytest
from kubeflow_cluster import SUCCEEDED, Cluster
from kubeflow_driver import LOGS

from pipeline.kubeflow import entrypoint

RECORDED = pathlib.Path(__file__).parent / "recorded"
# The recordings themselves, where they lie beside this checkout, and the driver's of another run.
GOLDEN = pathlib.Path(__file__).resolve().parents[4] / "shared/golden/kfp"
TASKS = sorted(json.loads((RECORDED / "inputs.json").read_text()))
PARAMETERS = {
    **{"corpus_root": "/corpus", "push_destination": "/data/serving/sample", "epochs": 2},
    **{"seed": 0, "max_eer": 1.0, "force_blessing_reason": ""},
}
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def read(name):
    return json.loads((RECORDED / f"{name}.json").read_text())


def golden(name):
    """A recording that is not part of the checkout, its long values cut as in the copies."""
    path = GOLDEN / name
    if not path.is_file():
        pytest.skip("the recordings (../shared/golden/kfp) are not here")
    found = json.loads(path.read_text())
    values = found["inputs"]["parameterValues"]
    for key, value in values.items():
        if isinstance(value, str) and len(value) > 200:
            values[key] = value[:100] + "..."
    return found


class Replay:
    """Writes what was recorded in the place of running a command."""

    def __init__(self):
        self.outputs = read("outputs")
        self.roots = {}

    def __call__(self, command, pod, environment, log):
        task = json.loads(command[-1])
        folder = pathlib.Path(task["outputs"]["outputFile"])
        self.roots[pod.task] = task["outputs"]["artifacts"][LOGS]["artifacts"][0]["uri"].rpartition(
            "/"
        )[0]
        text = json.dumps(self.outputs[pod.task])
        for name, root in self.roots.items():
            text = re.sub(rf"minio://[^\"]*/{name}/{UUID}", root, text)
        if model := task["inputs"].get("artifacts", {}).get("model"):
            identity = model["artifacts"][0]["name"]
            text = re.sub(r'("current_model_id": )"\d+"', rf'\1"{identity}"', text)
        folder.write_text(text)
        log.write(f"{pod.task} runs\n".encode())
        return 0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The recorded run, made again by the harness."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), Replay())
    run = cluster.run([read("pipeline")], **PARAMETERS)
    assert run.states() == dict.fromkeys(run.tasks, SUCCEEDED)
    for task in run.tasks.values():
        [name] = {name for name in task.artifacts if name == LOGS}
        kept = cluster.path_of(task.artifacts[name]["uri"])
        assert kept.name == f"{LOGS}-0"
        assert kept.read_text() == task.log != ""
    return run


def plain(executor_input):
    """An executor input without what differs from run to run: ids, and the folder of the pod."""
    text = json.dumps(executor_input, sort_keys=True)
    text = re.sub(rf"/bonafide-sample/{UUID}/(\w+)/{UUID}/", r"/bonafide-sample/RUN/\1/TRY/", text)
    text = re.sub(r'"[^"]*/pods/[^/"]+(?:/mounts)?/', '"/', text)
    found = json.loads(text)
    for given in found["inputs"].get("artifacts", {}).values():
        [artifact] = given["artifacts"]
        assert artifact["name"].isdecimal()
        artifact["name"] = "ID"
        if artifact["metadata"].get("current_model_id"):
            artifact["metadata"]["current_model_id"] = "ID"
    return found


def shape(executor_input):
    """The same without values of parameters and properties, of which only the type stays."""
    found = plain(executor_input)
    found["inputs"]["parameterValues"] = _types(found["inputs"]["parameterValues"])
    for given in found["inputs"].get("artifacts", {}).values():
        given["artifacts"][0]["metadata"] = _types(given["artifacts"][0]["metadata"])
    return found


def _types(value):
    if isinstance(value, dict):
        return {key: _types(inner) for key, inner in value.items()}
    if isinstance(value, int | float):
        return "number"
    return [_types(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def test_all_tasks_were_recorded(run):
    assert sorted(run.tasks) == TASKS
    assert len(TASKS) == 12


@pytest.mark.parametrize("task", TASKS)
def test_the_harness_gives_a_container_what_the_launcher_gives_it(run, task):
    assert plain(run.tasks[task].container_input) == plain(read("inputs")[task])


@pytest.mark.parametrize("task", TASKS)
def test_the_copies_are_what_was_recorded(run, task):
    recorded = golden(f"real/{task}.input.json")
    assert recorded == read("inputs")[task]
    assert plain(run.tasks[task].container_input) == plain(recorded)
    assert json.loads((GOLDEN / f"real/{task}.output.json").read_text()) == read("outputs")[task]


@pytest.mark.parametrize("task", TASKS)
def test_the_harness_makes_what_the_driver_makes(run, task):
    """Field by field, of another run than the one that is made again: values may differ."""
    assert shape(run.tasks[task].driver_input) == shape(golden(f"{task}.executor_input.json"))


def test_the_names_of_inputs_are_the_ids_of_outputs(run):
    made = {
        artifact["uri"]: artifact["name"]
        for task in run.tasks.values()
        for artifact in task.artifacts.values()
    }
    assert len(set(made.values())) == len(made)
    for task in run.tasks.values():
        for given in task.driver_input["inputs"].get("artifacts", {}).values():
            [artifact] = given["artifacts"]
            assert artifact["name"] == made[artifact["uri"]]


def test_properties_come_back_as_the_metadata_store_has_them(run):
    wrapped = run.tasks["ExampleValidator"].artifacts["anomalies"]["metadata"]["blessed"]
    assert wrapped == {"struct": {"train": 1, "dev": 1, "eval": 1}}


@pytest.mark.parametrize("task", TASKS)
def test_the_entrypoint_hands_to_tfx_what_the_component_declares(task, tmp_path, monkeypatch):
    """Inputs with the declared types, outputs that are declared, and none besides."""
    component = read("pipeline")["components"][f"comp-{task}"]
    given = read("inputs")[task]
    seen = {}

    def do(self, inputs, outputs, properties):
        seen.update(inputs=inputs, outputs=outputs, properties=properties)
        raise RuntimeError("seen")

    monkeypatch.setattr("tfx.dsl.components.base.base_executor.EmptyExecutor.Do", do)
    monkeypatch.setenv(entrypoint.MOUNT_ROOT, str(tmp_path))
    moved = copy.deepcopy(given)
    moved["outputs"]["outputFile"] = str(tmp_path) + given["outputs"]["outputFile"]
    options, _ = entrypoint.parse(
        [
            *("--executor_class_path", "tfx.dsl.components.base.base_executor.EmptyExecutor"),
            *("--json_serialized_invocation_args", json.dumps(moved)),
            *("--json_serialized_inputs_spec_args", json.dumps(component["inputDefinitions"])),
            *("--json_serialized_outputs_spec_args", json.dumps(component["outputDefinitions"])),
        ]
    )
    events = Events()
    with pytest.raises(RuntimeError, match="seen"):
        entrypoint.run(options, [], events)
    assert events.known["component"] == task
    assert set(seen["outputs"]) == set(component["outputDefinitions"]["artifacts"])
    assert set(seen["outputs"]) == set(given["outputs"]["artifacts"]) - {LOGS}
    for side, declared in (("inputs", "inputDefinitions"), ("outputs", "outputDefinitions")):
        for name, [artifact] in seen[side].items():
            kind = component[declared]["artifacts"][name]["artifactType"]
            title = kind.get("schemaTitle") or kind["instanceSchema"].split()[1]
            assert artifact.type_name.rpartition(".")[2] == title.rpartition(".")[2]
    root = tmp_path / "minio/mlpipeline/v2/artifacts/bonafide-sample" / events.known["run"] / task
    assert list(root.rglob(f"{LOGS}*")) == []
    assert "@{" not in json.dumps(seen["properties"])


class Events:
    """Keeps what an `EventLog` would log."""

    def __init__(self):
        self.known = {}

    def add_fields(self, fields):
        self.known |= fields

    def write(self, *_, **__):
        """Nothing is logged."""
