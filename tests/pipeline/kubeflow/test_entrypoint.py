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
        "--runner=FnApiRunner",
    ]


DECLARED = {
    "parameters": {
        "schema_pbtxt": {"parameterType": "STRING"},
        "code_fingerprint": {"parameterType": "STRING"},
        "param--name": {"parameterType": "STRING"},
    }
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
