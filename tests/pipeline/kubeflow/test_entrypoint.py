import json

import pytest

from pipeline.kubeflow import entrypoint
from pipeline.kubeflow.parameters import ParameterError

SCHEMA = "CuratedSchema"


def executor_input(tmp_path, **inputs):
    return {
        "inputs": inputs,
        "outputs": {
            "artifacts": {
                "schema": {
                    "artifacts": [
                        {
                            "uri": "minio://b/root/bonafide/run-7/CuratedSchema/3/schema",
                            "type": {"instanceSchema": "title: tfx.Schema\ntype: object\n"},
                        }
                    ]
                }
            },
            "outputFile": str(tmp_path / "out" / "output_metadata.json"),
        },
    }


def arguments(task, declared):
    return [
        *("--executor_class_path", "components.curated_schema.component.Executor"),
        *("--json_serialized_invocation_args", json.dumps(task)),
        *("--json_serialized_inputs_spec_args", json.dumps(declared)),
        *("--json_serialized_outputs_spec_args", json.dumps(OUTPUTS)),
        "--runner=FnApiRunner",
    ]


DECLARED = {
    "parameters": {
        "schema_pbtxt": {"parameterType": "STRING"},
        "code_fingerprint": {"parameterType": "STRING"},
        "param--name": {"parameterType": "STRING"},
    }
}
OUTPUTS = {
    "artifacts": {"schema": {"artifactType": {"instanceSchema": "title: tfx.Schema\n"}}},
    "parameters": {},
}
# What a backend may add: the first is what it adds by default since 2.5, the others stand for later
# versions. One has a type that TFX knows, and one sorts before the component's own output.
UNDECLARED = {
    "executor-logs": {"schemaTitle": "system.Artifact"},
    "a_model": {"instanceSchema": "title: tfx.Model\ntype: object\n"},
    "untyped": {},
}


@pytest.fixture
def mounts(tmp_path, monkeypatch):
    monkeypatch.setenv(entrypoint.MOUNT_ROOT, str(tmp_path / "mounts"))
    import logging

    root, people = logging.getLogger(), logging.getLogger("bonafide")
    before = root.handlers[:], root.level, people.level
    yield tmp_path / "mounts"
    root.handlers, root.level, people.level = before
    logging.captureWarnings(False)


def test_a_component_runs_and_its_output_is_told_with_its_uri(tmp_path, mounts, capsys):
    text = 'feature { name: "@{name}" type: INT }'
    task = executor_input(
        tmp_path,
        parameterValues={"schema_pbtxt": text, "code_fingerprint": "c", "param--name": "label"},
    )
    assert entrypoint.main(arguments(task, DECLARED)) == 0
    folder = mounts / "minio/b/root/bonafide/run-7/CuratedSchema/3/schema"
    assert 'name: "label"' in (folder / "schema.pbtxt").read_text()
    output = json.loads((tmp_path / "out" / "output_metadata.json").read_text())
    [artifact] = output["artifacts"]["schema"]["artifacts"]
    assert artifact["uri"] == "minio://b/root/bonafide/run-7/CuratedSchema/3/schema"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["output_metadata.json"]
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["started", "finished"]
    assert {(event["run"], event["component"]) for event in events} == {("run-7", SCHEMA)}


@pytest.mark.parametrize("first", [True, False])
def test_no_output_that_the_component_does_not_declare_reaches_tfx(
    tmp_path, mounts, capsys, monkeypatch, first
):
    task = executor_input(
        tmp_path,
        parameterValues={"schema_pbtxt": "", "code_fingerprint": "c", "param--name": "label"},
    )
    added = {
        name: {"artifacts": [{"name": name, "uri": f"s3://else/a/b/c/d/e/{name}", "type": kind}]}
        for name, kind in UNDECLARED.items()
    }
    own = task["outputs"]["artifacts"]
    task["outputs"]["artifacts"] = {**added, **own} if first else {**own, **added}
    task["outputs"]["parameters"] = {"added": {"outputFile": str(tmp_path / "added")}}
    seen = []

    def do(self, inputs, outputs, properties):
        seen.append(set(outputs))

    monkeypatch.setattr("components.curated_schema.component.Executor.Do", do)
    assert entrypoint.main(arguments(task, DECLARED)) == 0
    assert seen == [{"schema"}]
    assert [path.name for path in mounts.iterdir()] == ["minio"]  # nothing where the others go
    output = json.loads((tmp_path / "out" / "output_metadata.json").read_text())
    assert set(output) == {"artifacts"}
    assert set(output["artifacts"]) == {"schema"}
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(event["run"], event["component"]) for event in events} == {("run-7", SCHEMA)}


def test_an_error_is_told_and_leaves_no_output(tmp_path, mounts, capsys):
    task = executor_input(
        tmp_path,
        parameterValues={"schema_pbtxt": "no schema", "code_fingerprint": "c", "param--name": ""},
    )
    assert entrypoint.main(arguments(task, DECLARED)) == 1
    assert not (tmp_path / "out").exists()
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "failed"
    assert "schema.pbtxt is not a valid schema" in last["message"]
    assert last["component"] == SCHEMA


def test_a_message_that_is_no_json_is_told(tmp_path, mounts, capsys):
    broken = arguments({}, DECLARED)
    broken[3] = "{"
    assert entrypoint.main(broken) == 1
    assert "ParseError" in json.loads(capsys.readouterr().out.splitlines()[-1])["message"]


def test_parameters_are_put_into_properties_and_left_out():
    given = {
        "gate": '{"max_eer": "@{max_eer}"}',
        "resamples": 1000,
        "param--max_eer": 0.1,
        "param--unused": "x",
    }
    assert entrypoint.exec_properties(given) == {"gate": '{"max_eer": 0.1}', "resamples": 1000}


def test_a_missing_parameter_is_told():
    with pytest.raises(ParameterError, match="max_eer"):
        entrypoint.exec_properties({"gate": '{"max_eer": "@{max_eer}"}'})


def test_arguments_that_are_left_are_for_beam(tmp_path):
    _, beam = entrypoint.parse([*arguments({}, {}), "--direct_num_workers=2"])
    assert beam == ["--runner=FnApiRunner", "--direct_num_workers=2"]
