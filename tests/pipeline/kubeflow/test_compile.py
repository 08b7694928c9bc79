import json
import pathlib
import stat

import pytest
import yaml

from bonafide.version import REPOSITORY
from pipeline.config import override, sample
from pipeline.kubeflow import parameters
from pipeline.kubeflow.checks import CompileError, problems
from pipeline.kubeflow.compile import compile_pipeline, to_yaml, write
from pipeline.kubeflow.deployment import parse_deployment
from pipeline.kubeflow.edits import NEVER_CACHED

DEPLOYMENT = {
    "image": "registry/bonafide:cpu",
    "trainer_image": "registry/bonafide:gpu",
    "default": {"memory": "8Gi", "volumes": [{"claim": "c", "mount": "/data"}]},
    "components": {
        "Trainer": {"accelerator": "nvidia.com/gpu", "retries": 2, "environment": {"A": "b"}},
        "Transform": {"cache": False},
    },
}


@pytest.fixture(scope="module")
def documents():
    settings = override(sample(), ["corpus.root=/nowhere/at/all", "tuner.trials=2"])
    return compile_pipeline(
        settings,
        parse_deployment(DEPLOYMENT),
        pipeline_root="s3://bucket/root",
        push_destination="/data/serving",
    )


@pytest.fixture
def spec(documents):
    return documents[0]


@pytest.fixture
def tasks(spec):
    return spec["root"]["dag"]["tasks"]


def constant(task, name):
    return task["inputs"]["parameters"][name]["runtimeValue"]["constant"]


def test_it_is_what_the_backend_takes_and_survives_yaml(documents):
    again = list(yaml.safe_load_all(to_yaml(documents, about="a\nb")))
    assert again == documents
    assert problems(again[0]) == []
    assert to_yaml(documents, about="a\nb").startswith("# a\n# b\n")


def test_the_graph_is_the_local_one_with_the_corpus_looked_at_first(tasks):
    local = override(sample(), ["tuner.trials=2"]).components()
    assert set(tasks) == {"CorpusCheck", *local}
    assert "CorpusCheck" in tasks["UtteranceGen"]["dependentTasks"]
    assert "Resolver" not in " ".join(tasks)


def test_run_parameters_have_defaults(spec):
    defined = spec["root"]["inputDefinitions"]["parameters"]
    defaults = {name: parameter["defaultValue"] for name, parameter in defined.items()}
    assert defaults == {
        "corpus_root": "/nowhere/at/all",
        "push_destination": "/data/serving",
        "epochs": sample().trainer.epochs,
        "seed": sample().trainer.seed,
        "max_eer": sample().gate.max_eer,
        "force_blessing_reason": "",
    }
    assert spec["defaultPipelineRoot"] == "s3://bucket/root"


def test_parameters_go_where_they_are_wanted(tasks):
    trainer = json.loads(constant(tasks["Trainer"], "custom_config"))
    assert trainer["trainer"]["epochs"] == "@{epochs}"
    assert trainer["trainer"]["seed"] == "@{seed}"
    assert trainer["trainer"]["batch_size"] == sample().trainer.batch_size
    evaluator = json.loads(constant(tasks["ModelEvaluator"], "settings"))
    assert evaluator["gate"]["max_eer"] == "@{max_eer}"
    assert evaluator["force_blessing_reason"] == "@{force_blessing_reason}"
    pushed = json.loads(constant(tasks["ModelPusher"], "push_destination"))
    assert pushed["filesystem"]["base_directory"] == "@{push_destination}"
    shown = json.loads(constant(tasks["EvalReport"], "settings"))
    assert shown["trainer"]["epochs"] == "@{epochs}"
    assert shown["corpus"]["root"] == "@{corpus_root}"
    read = json.loads(constant(tasks["UtteranceGen"], "settings"))
    assert (read["corpus_root"], read["layout"]) == ("@{corpus_root}", "asvspoof2019-la")
    assert "param--corpus_root" in tasks["UtteranceGen"]["inputs"]["parameters"]
    given = tasks["Trainer"]["inputs"]["parameters"]
    assert given["param--epochs"] == {"componentInputParameter": "epochs"}
    assert given["param--corpus_fingerprint"] == {
        "taskOutputParameter": {
            "producerTask": "CorpusCheck",
            "outputParameterKey": "corpus_fingerprint",
        }
    }


def test_whoever_depends_on_data_or_settings_of_the_run_has_them_in_its_key(tasks):
    for name in ("Trainer", "Champion"):
        assert parameters.names_in(constant(tasks["Champion"], "training_fingerprint")) == {
            *("corpus_fingerprint", "epochs", "seed")
        }
        assert {f"param--{n}" for n in ("corpus_fingerprint", "epochs", "seed")} <= set(
            tasks[name]["inputs"]["parameters"]
        )
    assert "param--corpus_fingerprint" in tasks["UtteranceGen"]["inputs"]["parameters"]


def test_the_champion_is_asked_for_when_the_run_is_there(tasks):
    assert constant(tasks["Champion"], "known_state") == ""
    assert constant(tasks["Champion"], "push_destination") == "@{push_destination}"


@pytest.mark.parametrize("trials", [0, 2])
def test_weights_to_start_from_are_found_in_the_run_and_are_part_of_the_fingerprint(trials):
    settings = override(sample(), ["trainer.pretrained=champion", f"tuner.trials={trials}"])
    spec, *_ = compile_pipeline(settings, parse_deployment({"image": "x"}), push_destination="/s")
    tasks = spec["root"]["dag"]["tasks"]
    assert tasks["WarmStart"]["cachingOptions"] == {}
    assert constant(tasks["WarmStart"], "pretrained") == "champion"
    assert constant(tasks["WarmStart"], "push_destination") == "@{push_destination}"
    config = json.loads(constant(tasks["Trainer"], "custom_config"))
    assert config["trainer"]["pretrained"] == "@{pretrained}"
    whole = config["training_fingerprint"]
    assert whole == constant(tasks["Champion"], "training_fingerprint")
    known = constant(tasks["WarmStart"], "training_fingerprint")
    assert whole == f"{known}-@{{pretrained_digest}}"
    assert known.endswith("-@{corpus_fingerprint}-@{epochs}-@{seed}")
    assert config["checkpoint_dir"].endswith("-@{pretrained_digest}")
    # A trial starts where the training will start.
    for name in ("Trainer", "Tuner") if trials else ("Trainer",):
        given = tasks[name]["inputs"]["parameters"]
        for key in ("pretrained", "pretrained_digest"):
            assert given[f"param--{key}"] == {
                "taskOutputParameter": {"producerTask": "WarmStart", "outputParameterKey": key}
            }
        assert "WarmStart" in tasks[name]["dependentTasks"]


def test_without_such_weights_nothing_looks_for_them(tasks):
    assert "WarmStart" not in tasks
    assert "param--pretrained" not in tasks["Trainer"]["inputs"]["parameters"]


def test_a_refused_model_is_not_pushed(spec, tasks):
    condition = tasks["ModelPusher"]["triggerPolicy"]["condition"]
    assert condition == "inputs.parameter_values['param--verdict'] == 'passed'"
    assert "verdict" in spec["components"]["comp-ModelEvaluator"]["outputDefinitions"]["parameters"]


def test_caching(tasks):
    enabled = {name for name, task in tasks.items() if task["cachingOptions"].get("enableCache")}
    assert enabled == set(tasks) - {*NEVER_CACHED, "Transform"}


def test_images_resources_and_retries(spec, tasks):
    executors = spec["deploymentSpec"]["executors"]
    container = executors["exec-Trainer"]["container"]
    assert container["image"] == "registry/bonafide:gpu"
    assert container["resources"]["accelerator"]["type"] == "nvidia.com/gpu"
    assert container["resources"]["resourceMemoryLimit"] == "8Gi"
    assert container["env"] == [{"name": "A", "value": "b"}]
    assert executors["exec-Transform"]["container"]["image"] == "registry/bonafide:cpu"
    assert tasks["Trainer"]["retryPolicy"]["maxRetryCount"] == 2
    assert "retryPolicy" not in tasks["Transform"]


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_a_pod_knows_all_inputs_and_outputs_that_its_component_declares(spec, side):
    for name, executor in spec["deploymentSpec"]["executors"].items():
        arguments = executor["container"]["args"]
        declared = json.loads(arguments[arguments.index(f"--json_serialized_{side}_spec_args") + 1])
        component = spec["components"][name.replace("exec-", "comp-")]
        assert declared == component.get(f"{side.removesuffix('s')}Definitions", {})
        assert arguments[-1] == "--runner=FnApiRunner"


def test_the_second_document(documents):
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert len(executors) == len(documents[0]["components"])
    assert executors["exec-Trainer"]["pvcMount"][0]["mountPath"] == "/data"


def test_nothing_special_needs_no_second_document():
    [only] = compile_pipeline(sample(), parse_deployment({"image": "x"}), push_destination="/s")
    assert "defaultPipelineRoot" not in only
    # The bundled corpus is where the image has it, not where this checkout is.
    defaults = only["root"]["inputDefinitions"]["parameters"]
    assert defaults["corpus_root"]["defaultValue"] == "/opt/bonafide/samples"
    assert " /opt/bonafide/samples\n" in (REPOSITORY / "Dockerfile").read_text()


@pytest.mark.parametrize(
    ("assignments", "deployment", "expected"),
    [
        ([], {}, "no image is named"),
        (["corpus.root=data/LA"], {"image": "x"}, "corpus: expected .*, got 'data/LA'"),
        (
            [],
            {"image": "x", "checkpoints": "here"},
            "checkpoints: expected an absolute path .*, got 'here'",
        ),
        ([], {"image": "x", "beam_args": ["--runner=FlinkRunner"]}, "got FlinkRunner: an engine's"),
        (
            ["trainer.pretrained=weights.h5"],
            {"image": "x"},
            r"pretrained: expected an absolute path .*, got 'weights\.h5'",
        ),
    ],
)
def test_what_cannot_run_is_refused(assignments, deployment, expected):
    with pytest.raises(CompileError, match=expected):
        compile_pipeline(
            override(sample(), assignments), parse_deployment(deployment), push_destination="/s"
        )


def test_all_reasons_are_told_at_once():
    settings = override(sample(), ["corpus.root=data/LA"])
    with pytest.raises(CompileError) as error:
        compile_pipeline(settings, parse_deployment({}), push_destination="hdfs://bucket/x")
    assert len(error.value.problems) == 3


@pytest.mark.parametrize("scheme", ["s3", "minio", "gs"])
def test_models_go_to_the_store_that_people_have(scheme):
    destination = f"{scheme}://models/serving"
    spec, *_ = compile_pipeline(
        sample(),
        parse_deployment({"image": "x", "checkpoints": f"{scheme}://models/checkpoints"}),
        push_destination=destination,
    )
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert parameters["push_destination"]["defaultValue"] == destination


def test_a_bad_pipeline_root_is_refused():
    with pytest.raises(CompileError, match=r"pipeline root: expected a URI .*, got '/data'"):
        compile_pipeline(
            sample(),
            parse_deployment({"image": "x"}),
            pipeline_root="/data",
            push_destination="/s",
        )


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "new" / "pipeline.yaml"
    write("one", path)
    assert path.read_text() == "one"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pathlib.Path, "write_text", fail)
    with pytest.raises(OSError, match="No space"):
        write("two", path)
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]
