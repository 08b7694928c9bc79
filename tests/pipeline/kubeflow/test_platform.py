import pytest
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.kubeflow.deployment import parse_deployment
from pipeline.kubeflow.platform import executor_config, number, platform_document, resources

EVERYTHING = {
    "cpu": "500m",
    "memory": "8Gi",
    "accelerator": "nvidia.com/gpu",
    "accelerator_count": 2,
    "node_selector": {"pool": "gpu"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "volumes": [{"claim": "bonafide", "mount": "/data", "sub_path": "corpora"}],
    "secret_files": [{"secret": "gcs", "mount": "/secrets/gcs"}],
    "secret_variables": [{"secret": "s3", "variables": {"id": "AWS_ACCESS_KEY_ID"}}],
    "shared_memory": "4Gi",
    "image_pull_secrets": ["registry"],
    "timeout": 3600,
}


@pytest.fixture
def deployment():
    return parse_deployment({"image": "x", "components": {"Trainer": EVERYTHING}})


@pytest.mark.parametrize(
    ("quantity", "value"),
    [("2", 2.0), ("500m", 0.5), ("8Gi", 8 * 2**30), ("1.5G", 1.5e9), ("3k", 3000.0)],
)
def test_quantities(quantity, value):
    assert number(quantity) == value


def test_the_message_says_everything(deployment):
    config = executor_config(deployment.options("Trainer"))
    message = json_format.ParseDict(
        config, kubernetes_executor_config_pb2.KubernetesExecutorConfig()
    )
    assert dict(message.node_selector.labels) == {"pool": "gpu"}
    [toleration] = message.tolerations
    assert (toleration.key, toleration.operator, toleration.effect) == (
        *("nvidia.com/gpu", "Exists"),
        "NoSchedule",
    )
    [mount] = message.pvc_mount
    assert (mount.constant, mount.mount_path, mount.sub_path) == ("bonafide", "/data", "corpora")
    assert mount.pvc_name_parameter.runtime_value.constant.string_value == "bonafide"
    [files] = message.secret_as_volume
    assert (files.secret_name, files.mount_path) == ("gcs", "/secrets/gcs")
    [variables] = message.secret_as_env
    assert variables.secret_name_parameter.runtime_value.constant.string_value == "s3"
    [pair] = variables.key_to_env
    assert (pair.secret_key, pair.env_var) == ("id", "AWS_ACCESS_KEY_ID")
    assert not message.HasField("enabled_shared_memory")  # the backend does not read it
    [shared] = message.empty_dir_mounts
    assert (shared.mount_path, shared.medium, shared.size_limit) == ("/dev/shm", "Memory", "4Gi")
    assert shared.volume_name
    assert message.image_pull_secret[0].secret_name == "registry"
    assert message.active_deadline_seconds == 3600


def test_resources_are_given_in_old_and_new_fields(deployment):
    kind = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec
    found = json_format.ParseDict(resources(deployment.options("Trainer")), kind())
    assert (found.cpu_limit, found.cpu_request, found.resource_cpu_limit) == (0.5, 0.5, "500m")
    assert found.memory_limit == pytest.approx(8.589934592)
    assert found.resource_memory_request == "8Gi"
    assert (found.accelerator.type, found.accelerator.count) == ("nvidia.com/gpu", 2)
    assert found.accelerator.resource_count == "2"


def test_nothing_special_is_no_document(deployment):
    assert platform_document(deployment, ["Transform"]) == {}
    assert resources(deployment.options("Transform")) == {}


def test_only_pods_that_want_something_are_in_the_document(deployment):
    document = platform_document(deployment, ["Transform", "Trainer"])
    json_format.ParseDict(document, pipeline_spec_pb2.PlatformSpec())
    executors = document["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert list(executors) == ["exec-Trainer"]
