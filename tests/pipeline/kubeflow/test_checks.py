import copy

import pytest

from pipeline.kubeflow.argo import argument_bytes
from pipeline.kubeflow.checks import CompileError, problems, require_acceptable

SCHEMA = {"artifactType": {"instanceSchema": "title: tfx.Examples\ntype: object\n"}}
GOOD = {
    "pipelineInfo": {"name": "two-steps"},
    "schemaVersion": "2.1.0",
    "sdkVersion": "tfx",
    "defaultPipelineRoot": "minio://bucket/root",
    "deploymentSpec": {
        "executors": {
            f"{name}_executor": {"container": {"image": "i", "command": ["python"], "args": ["x"]}}
            for name in ("Gen", "Use")
        }
    },
    "components": {
        "Gen": {
            "executorLabel": "Gen_executor",
            "inputDefinitions": {
                "parameters": {
                    "root": {"parameterType": "STRING"},
                    "param--place": {"parameterType": "STRING"},
                }
            },
            "outputDefinitions": {
                "artifacts": {"examples": SCHEMA},
                "parameters": {"count": {"parameterType": "NUMBER_INTEGER"}},
            },
        },
        "Use": {
            "executorLabel": "Use_executor",
            "inputDefinitions": {
                "artifacts": {"examples": SCHEMA},
                "parameters": {"count": {"parameterType": "NUMBER_INTEGER"}},
            },
        },
    },
    "root": {
        "inputDefinitions": {
            "parameters": {"place": {"parameterType": "STRING", "defaultValue": "here"}}
        },
        "dag": {
            "tasks": {
                "Gen": {
                    "taskInfo": {"name": "Gen"},
                    "componentRef": {"name": "Gen"},
                    "inputs": {
                        "parameters": {
                            "root": {"runtimeValue": {"constant": "@{place}/x"}},
                            "param--place": {"componentInputParameter": "place"},
                        }
                    },
                },
                "Use": {
                    "taskInfo": {"name": "Use"},
                    "componentRef": {"name": "Use"},
                    "dependentTasks": ["Gen"],
                    "inputs": {
                        "artifacts": {
                            "examples": {
                                "taskOutputArtifact": {
                                    "producerTask": "Gen",
                                    "outputArtifactKey": "examples",
                                }
                            }
                        },
                        "parameters": {
                            "count": {
                                "taskOutputParameter": {
                                    "producerTask": "Gen",
                                    "outputParameterKey": "count",
                                }
                            }
                        },
                    },
                },
            }
        },
    },
}
GEN, USE = ("root", "dag", "tasks", "Gen"), ("root", "dag", "tasks", "Use")
_GONE = object()


def changed(document, *path, to=_GONE):
    """A copy with one value in another way, or gone."""
    whole = copy.deepcopy(document)
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    if to is _GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return whole


def constant(value):
    return {"runtimeValue": {"constant": value}}


def test_a_good_one_has_no_problems():
    assert problems(GOOD) == []
    require_acceptable(GOOD, {})


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("schemaVersion",), "2.0.0", "schemaVersion: expected 2.1.0, got 2.0.0"),
        (("pipelineInfo", "name"), "two_steps", "digits and hyphens, got 'two_steps'"),
        (
            ("defaultPipelineRoot",),
            "/data",
            "pipeline root: expected a URI with minio://, s3://, gs://, got '/data'",
        ),
        (("nothing",), 1, "not a PipelineSpec"),
        (
            ("root", "inputDefinitions", "parameters", "place", "defaultValue"),
            _GONE,
            "run parameter place has no default",
        ),
        (
            ("deploymentSpec", "executors", "Gen_executor"),
            {"resolver": {}},
            "Gen: expected a container, got resolver",
        ),
        (("deploymentSpec", "executors", "Gen_executor"), _GONE, "Gen has no executor"),
        (
            ("deploymentSpec", "executors", "Gen_executor", "container", "image"),
            _GONE,
            "Gen has no image",
        ),
        (
            ("deploymentSpec", "executors", "Gen_executor", "container", "command"),
            [],
            "Gen has no command",
        ),
        (
            ("deploymentSpec", "executors", "Gen_executor", "container", "lifecycle"),
            {"preCacheCheck": {"command": ["x"]}},
            "Gen has a driver hook",
        ),
        (
            ("components", "Gen", "outputDefinitions", "artifacts", "examples", "artifactType"),
            {"instanceSchema": ""},
            "Gen.examples has no artifact type",
        ),
        (
            ("components", "Gen", "outputDefinitions", "artifacts", "examples", "artifactType"),
            {"schemaTitle": "a.b.C"},
            "expected an artifact type with one dot",
        ),
        (
            ("components", "Gen", "outputDefinitions", "artifacts", "examples", "artifactType"),
            {"schemaTitle": "nowhere_to_be.Found"},
            "which a pod cannot import",
        ),
        ((*GEN, "componentRef", "name"), "Other", "Gen refers to a component that does not exist"),
        (
            (*GEN, "inputs", "parameters", "root"),
            _GONE,
            "Gen: the required parameter root is not set",
        ),
        (
            (*GEN, "inputs", "parameters", "more"),
            {"runtimeValue": {"constant": 1}},
            "Gen sets more, which its component does not declare",
        ),
        (
            (*GEN, "inputs", "parameters", "param--place"),
            {"componentInputParameter": "plaice"},
            "uses the run parameter plaice",
        ),
        (
            (*GEN, "inputs", "parameters", "root"),
            {"runtimeValue": {"constant": "@{epochs}"}},
            "Gen.root uses epochs, which is not set",
        ),
        (
            (*GEN, "inputs", "parameters", "root"),
            {"runtimeValue": {"constant": "a {{$.x}}"}},
            "root.dag.tasks.Gen.inputs.parameters.root.runtimeValue.constant contains {{",
        ),
        (
            (*GEN, "inputs", "parameters", "root"),
            {"runtimeValue": {"constant": '{"title": "{{workflow.name}}"}'}},
            "Argo would substitute the text between {{ and }}",
        ),
        (
            ("root", "inputDefinitions", "parameters", "place", "defaultValue"),
            "{{pod.name}}",
            "root.inputDefinitions.parameters.place.defaultValue contains {{",
        ),
        (
            ("deploymentSpec", "executors", "Gen_executor", "container", "args"),
            ["{{$}}", "{{=sprig.env('HOME')}}"],
            "deploymentSpec.executors.Gen_executor.container.args[1] contains {{",
        ),
        (
            ("deploymentSpec", "executors", "Gen_executor", "container", "args"),
            ["x" * 140_000],
            "the container of Gen_executor has 140,",
        ),
        (
            ("components", "Gen", "inputDefinitions", "parameters", "root", "description"),
            "x" * 140_000,
            "the component Gen has 140,",
        ),
        ((*USE, "inputs", "artifacts"), {}, "Use: the required input examples is not connected"),
        (
            (*USE, "inputs", "artifacts", "examples"),
            {"componentInputArtifact": "x"},
            "Use.examples does not come from a task",
        ),
        (
            (*USE, "inputs", "artifacts", "examples", "taskOutputArtifact", "outputArtifactKey"),
            "example",
            "Use.examples is example of Gen, which has no such output",
        ),
        (
            (*USE, "inputs", "parameters", "count", "taskOutputParameter", "producerTask"),
            "Gen_task",
            "Use.count comes from Gen_task, which does not exist",
        ),
        ((*USE, "dependentTasks"), [], "on which Use does not depend"),
        ((*USE, "dependentTasks"), ["Gen", "Ghost"], "Use depends on Ghost"),
        ((*GEN, "dependentTasks"), ["Use"], "the tasks have a dependency cycle"),
        (("root", "dag", "tasks"), {}, "the pipeline has no tasks"),
        (
            (*GEN, "inputs", "parameters", "root"),
            {"runtimeValue": {"constant": "x" * 110_000}},
            "the inputs of Gen have 110,",
        ),
    ],
)
def test_what_the_backend_refuses_is_found(path, value, expected):
    found = problems(changed(GOOD, *path, to=value))
    assert any(expected in problem for problem in found), found


def test_the_root_is_one_argument_of_a_process_and_no_longer():
    """Each task is short enough, and all of them together are not."""
    gen = GOOD["root"]["dag"]["tasks"]["Gen"]
    long = changed(gen, "inputs", "parameters", "root", to=constant("x" * 70_000))
    one = changed(GOOD, "root", "dag", "tasks", "First", to=long)
    assert problems(one) == []
    [problem] = problems(changed(one, "root", "dag", "tasks", "Second", to=long))
    assert "the root component (the values of all tasks) has 14" in problem
    assert "more than the 131,072 of a process argument" in problem


def test_the_backends_json_is_longer_where_it_escapes():
    assert argument_bytes({"a": "é<&>"}) == len('{"a":"é\\u003c\\u0026\\u003e"}'.encode()) + 1


def test_the_executor_input_alone_is_filled_in():
    args = ("deploymentSpec", "executors", "Gen_executor", "container", "args")
    assert problems(changed(GOOD, *args, to=["--input", "{{$}}", '{"a":{"b":{}}}'])) == []
    assert len(problems(changed(GOOD, *args, to=["--input", "as {{$}}"]))) == 1


def test_a_tag_in_the_second_document_is_refused():
    executors = {"Use_executor": {"nodeSelector": {"labels": {"pool": "{{workflow.name}}"}}}}
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
    with pytest.raises(CompileError, match=r"nodeSelector\.labels\.pool contains \{\{"):
        require_acceptable(GOOD, platform)


def test_all_problems_are_told_at_once():
    bad = changed(changed(GOOD, "schemaVersion", to="2.0.0"), *USE, "dependentTasks", to=[])
    with pytest.raises(CompileError) as error:
        require_acceptable(bad, {})
    assert len(error.value.problems) == 3  # both of Use's inputs come from Gen
