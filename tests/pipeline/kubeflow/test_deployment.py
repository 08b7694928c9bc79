import pytest

from bonafide.settings import SettingsError
from pipeline.kubeflow.deployment import (
    Deployment,
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
        ("text", "expected a mapping of settings, got 'text'"),
        ({"imgae": "x"}, r"expected a setting, got 'imgae' \(imgae\)\. Did you mean 'image'"),
        ({"image": 3.5j}, r"expected a text, got 3\.5j \(image\)"),
        (
            {"default": {"memroy": "8Gi"}},
            r"got 'memroy' \(default\.memroy\)\. Did you mean 'memory'",
        ),
        (
            {"default": {"memory": "8 GB"}},
            r"a quantity .*, got '8 GB' \(default\.memory\)",
        ),
        ({"default": {"retries": -1}}, r"0 or more, got -1 \(default\.retries\)"),
        ({"default": {"retries": True}}, r"a whole number .* got True \(default\.retries\)"),
        ({"default": {"cache": 1}}, r"true or false, got 1 \(default\.cache\)"),
        ({"default": ["cpu"]}, r"a mapping of settings, .*\(default\)"),
        ({"default": {"volumes": {"claim": "c"}}}, r"a list.*\(default\.volumes\)"),
        (
            {"default": {"volumes": [{"claim": "c"}]}},
            r"an absolute path, got nothing \(default\.volumes\[0\]\.mount\)",
        ),
        (
            {"default": {"volumes": [{"claim": "c", "mount": "data"}]}},
            r"an absolute path, got 'data' \(default\.volumes\[0\]\.mount\)",
        ),
        (
            {"components": {"Trainer": {"tolerations": [{"operator": "exists"}]}}},
            r"one of Equal, Exists, got 'exists' "
            r"\(components\.Trainer\.tolerations\[0\]\.operator\)",
        ),
        (
            {"components": {"Trainer": {"tolerations": [{"effect": "No"}]}}},
            r"one of NoSchedule, .*, or empty, got 'No'",
        ),
        ({"kfp_version": 2.2}, r"expected 2\.14 or later, got '2\.2' \(kfp_version\)"),
        ({"kfp_version": "new"}, r"expected a release such as 2\.16, got 'new' \(kfp_version\)"),
        ({"components": {"Trianer": {}}}, r"a component, got 'Trianer' .*Did you mean 'Trainer'"),
        (
            {"components": {"Trainer": "gpu"}},
            r"a mapping .*, got 'gpu' \(components\.Trainer\)",
        ),
        (
            {"default": {"node_selector": "gpu"}},
            r"a mapping, got 'gpu' \(default\.node_selector\)",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_place(content, message):
    with pytest.raises(SettingsError, match=message):
        parse_deployment(content)


def test_the_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"a YAML file, got No such file .*nothing\.yaml"):
        read_deployment(str(tmp_path / "nothing.yaml"))
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: [")
    with pytest.raises(SettingsError, match=r"expected YAML, .*bad\.yaml:1"):
        read_deployment(str(bad))
    bad.write_text("default:\n  retries: -1")
    with pytest.raises(SettingsError, match=r"got '-1' \(default\.retries, .*bad\.yaml:2\)"):
        read_deployment(str(bad))


def test_a_release_needs_no_quotes(tmp_path):
    path = tmp_path / "deployment.yaml"
    path.write_text("kfp_version: 2.20\ndefault: &shared {cpu: 2}\ncomponents:\n  Tuner: *shared\n")
    read = read_deployment(str(path))
    assert (read.kfp_version, read.options("Tuner").cpu) == ("2.20", "2")
