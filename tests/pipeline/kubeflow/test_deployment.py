import pytest

from pipeline.kubeflow.deployment import (
    Deployment,
    DeploymentError,
    SecretVariables,
    Toleration,
    Volume,
    parse_deployment,
    read_deployment,
)

EXAMPLE = """
image: registry/bonafide:cpu
trainer_image: registry/bonafide:gpu
checkpoints: /data/checkpoints
beam_args: [--runner=FnApiRunner, --direct_num_workers=4]
default:
  cpu: 2
  memory: 8Gi
  volumes: [{claim: bonafide, mount: /data}]
  secret_variables: [{secret: s3, variables: {id: AWS_ACCESS_KEY_ID}}]
components:
  Trainer:
    accelerator: nvidia.com/gpu
    tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
    memory: 32Gi
    retries: 2
  StatisticsGen:
    cache: false
"""


@pytest.fixture
def example(tmp_path):
    path = tmp_path / "deployment.yaml"
    path.write_text(EXAMPLE)
    return read_deployment(str(path))


def test_what_the_default_says_holds_until_a_component_says_otherwise(example):
    trainer, other = example.options("Trainer"), example.options("Transform")
    assert (trainer.cpu, trainer.memory) == ("2", "32Gi")
    assert (other.cpu, other.memory, other.accelerator) == ("2", "8Gi", "")
    assert trainer.volumes == other.volumes == (Volume("bonafide", "/data"),)
    assert trainer.tolerations == (Toleration("nvidia.com/gpu", "Exists", "", "NoSchedule"),)
    assert other.secret_variables == (SecretVariables("s3", {"id": "AWS_ACCESS_KEY_ID"}),)
    assert (trainer.retries, other.retries) == (2, 0)
    assert (example.options("StatisticsGen").cache, other.cache) == (False, True)


def test_images(example):
    assert example.image_of("Trainer") == example.image_of("Tuner") == "registry/bonafide:gpu"
    assert example.image_of("Transform") == "registry/bonafide:cpu"
    assert Deployment(image="x").image_of("Trainer") == "x"


@pytest.mark.parametrize("content", [None, {}])
def test_an_empty_file_changes_nothing(content):
    assert parse_deployment(content) == Deployment()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text", "a mapping of settings is wanted"),
        ({"imgae": "x"}, "unknown setting 'imgae'; did you mean image"),
        ({"image": 3.5j}, "image: str is wanted"),
        ({"default": {"memroy": "8Gi"}}, "default: unknown setting 'memroy'; did you mean memory"),
        ({"default": {"memory": "8 GB"}}, "default: memory is '8 GB', not a quantity"),
        ({"default": {"retries": -1}}, "default: retries is -1, less than 0"),
        ({"default": {"retries": True}}, "default.retries: int is wanted, not True"),
        ({"default": {"cache": 1}}, "default.cache: bool is wanted, not 1"),
        ({"default": ["cpu"]}, "default: a mapping is wanted"),
        ({"default": {"volumes": {"claim": "c"}}}, "default.volumes: a list is wanted"),
        ({"default": {"volumes": [{"claim": "c"}]}}, r"default.volumes\[0\]: mount is missing"),
        (
            {"default": {"volumes": [{"claim": "c", "mount": "data"}]}},
            r"default.volumes\[0\]: mount is 'data', not an absolute path",
        ),
        (
            {"components": {"Trainer": {"tolerations": [{"operator": "exists"}]}}},
            r"components.Trainer.tolerations\[0\]: operator is 'exists', not Equal or Exists",
        ),
        (
            {"components": {"Trainer": {"tolerations": [{"effect": "No"}]}}},
            "effect is 'No', not NoSchedule",
        ),
        ({"kfp_version": 2.2}, r"expected kfp_version of 2\.14 or later, got '2\.2'\. Write it in"),
        ({"kfp_version": "new"}, r"expected kfp_version as 2\.16, got 'new'"),
        ({"components": {"Trianer": {}}}, "unknown component 'Trianer'; did you mean Trainer"),
        ({"components": {"Trainer": "gpu"}}, "components.Trainer: a mapping is wanted"),
        (
            {"default": {"node_selector": "gpu"}},
            "default.node_selector: a mapping is wanted, not 'gpu'",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_place(content, message):
    with pytest.raises(DeploymentError, match=message):
        parse_deployment(content)


def test_the_file_is_named(tmp_path):
    with pytest.raises(DeploymentError, match=r"nothing\.yaml cannot be read"):
        read_deployment(str(tmp_path / "nothing.yaml"))
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: [")
    with pytest.raises(DeploymentError, match=r"(?s)bad\.yaml cannot be read.*line 1"):
        read_deployment(str(bad))
    bad.write_text("default: {retries: -1}")
    with pytest.raises(DeploymentError, match=r"bad\.yaml: default: retries is -1"):
        read_deployment(str(bad))
