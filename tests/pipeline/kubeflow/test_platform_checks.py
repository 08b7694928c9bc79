import pytest
from kfp.kubernetes import kubernetes_executor_config_pb2

from pipeline.kubeflow.checks import CompileError, require_acceptable
from pipeline.kubeflow.deployment import parse_deployment
from pipeline.kubeflow.platform import executor_config
from pipeline.kubeflow.platform_checks import platform_problems

SPEC = {"components": {"Use": {"executorLabel": "Use_executor"}}}
CLAIM = {"constant": "c", "mountPath": "/data"}
FIELDS = kubernetes_executor_config_pb2.KubernetesExecutorConfig.DESCRIPTOR.fields_by_name


def platform(config, label="Use_executor"):
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {label: config}}}}}


def found(config, **options):
    return platform_problems(SPEC, platform(config), **options)


def test_no_document_and_a_good_one_have_no_problems():
    assert platform_problems(SPEC, {}) == []
    assert found({"pvcMount": [CLAIM]}) == []


def test_a_document_of_another_kind_is_refused():
    [problem] = platform_problems(SPEC, {"platform": {}})
    assert "not a PlatformSpec" in problem


def test_an_executor_that_no_component_has_is_refused():
    [problem] = platform_problems(SPEC, platform({}, label="Ghost"))
    assert "has Ghost, which no component uses" in problem


def test_a_field_that_the_message_does_not_have_is_refused():
    [problem] = found({"pvcMounts": []})
    assert 'Use_executor: Message type "kfp_kubernetes.KubernetesExecutorConfig" has no' in problem


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_of_each_field_it_is_known_whether_the_backend_applies_it(name):
    """The list is the one that was read in the source of 2.14.0 and 2.17.0."""
    field = FIELDS[name]
    if field.message_type is None:
        value = {"image_pull_policy": "Always", "active_deadline_seconds": "60"}[name]
    else:
        value = {} if not field.is_repeated else [{}]
    problems = found({name: value}, kfp_version="2.17")
    if name in ("enabled_shared_memory", "pod_affinity"):
        [problem] = problems
        assert f"no release of the backend up to 2.17 applies {name}. Use " in problem
    else:
        assert problems == []


@pytest.mark.parametrize("spelling", ["enabledSharedMemory", "enabled_shared_memory"])
def test_shared_memory_that_no_backend_mounts_is_refused_in_either_spelling(spelling):
    problems = found({spelling: {"size": "8Gi"}})
    assert "applies enabled_shared_memory. Use empty_dir_mounts with medium Memory" in problems[0]


@pytest.mark.parametrize(
    ("config", "field", "since"),
    [
        ({"pvcMount": [{**CLAIM, "subPath": "a"}]}, "pvc_mount.sub_path", "2.16"),
        ({"securityContext": {"runAsUser": "0"}}, "security_context", "2.16"),
        (
            {"secretAsEnv": [{"secretName": "s", "optional": True}]},
            "secret_as_env.optional",
            "2.15",
        ),
        ({"configMapAsEnv": [{"optional": True}]}, "config_map_as_env.optional", "2.15"),
    ],
)
def test_what_only_newer_backends_apply_is_refused_for_older_ones(config, field, since):
    [problem] = found(config)
    assert (
        f"the backend applies {field} from {since} on, and the pipeline is compiled for 2.14"
        in (problem)
    )
    assert f'Set `kfp_version: "{since}"` in the deployment file' in problem
    assert found(config, kfp_version=since) == found(config, kfp_version="2.17.0") == []
    assert len(found(config, kfp_version="2.14.4")) == 1


def test_the_deployment_file_says_for_which_backend():
    content = {"default": {"volumes": [{"claim": "c", "mount": "/data", "sub_path": "a"}]}}
    for version, good in (("2.14", False), ("2.16", True)):
        deployment = parse_deployment({**content, "kfp_version": version})
        document = platform(executor_config(deployment.options("Trainer")))
        assert (platform_problems(SPEC, document, deployment.kfp_version) == []) is good


def test_two_things_at_one_place_are_refused():
    two = {
        "pvcMount": [CLAIM],
        "secretAsVolume": [{"secretName": "s", "mountPath": "/data"}],
    }
    assert found(two) == ["Use_executor: several volumes are mounted at /data"]
    shared = {
        "pvcMount": [{"constant": "c", "mountPath": "/dev/shm"}],
        "emptyDirMounts": [{"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory"}],
    }
    assert found(shared) == ["Use_executor: several volumes are mounted at /dev/shm"]


def test_one_name_for_two_volumes_is_refused():
    named = {
        "pvcMount": [CLAIM, {"constant": "c", "mountPath": "/more"}],
        "secretAsVolume": [
            {
                "secretNameParameter": {"runtimeValue": {"constant": "c"}},
                "mountPath": "/secrets",
            }
        ],
    }
    [problem] = found(named)
    assert "claim and secret have the same name, c, in one pod" in problem


def test_a_compiled_pipeline_is_refused_for_it():
    with pytest.raises(CompileError, match="enabled_shared_memory"):
        require_acceptable(SPEC, platform({"enabledSharedMemory": {"size": "8Gi"}}))
