"""Kubernetes options of the pods: resources of a container, and the platform document.

The platform document, the second of the YAML file, is a `SinglePlatformSpec` of KFP's Kubernetes
platform with one `KubernetesExecutorConfig` per executor. Where the messages have an old and a new
field for the same value, both are written, as KFP's SDK does: backends before 2.4 read the old one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.kubeflow.deployment import Deployment, TaskOptions


def executor_label(task: str) -> str:
    """Returns the name of a task's executor in both documents, as KFP's SDK builds it."""
    return f"exec-{task}"


def number(quantity: str) -> float:
    """Returns a Kubernetes quantity (`500m`, `8Gi`) as a number."""
    from kubernetes.utils import parse_quantity

    return float(parse_quantity(quantity))


def resources(options: TaskOptions) -> dict[str, Any]:
    """Returns a `ResourceSpec`; requests equal limits, so that other pods cannot cause eviction."""
    found: dict[str, Any] = {}
    if options.cpu:
        found |= {"cpuLimit": number(options.cpu), "cpuRequest": number(options.cpu)}
        found |= {"resourceCpuLimit": options.cpu, "resourceCpuRequest": options.cpu}
    if options.memory:
        gigabytes = number(options.memory) / 1e9
        found |= {"memoryLimit": gigabytes, "memoryRequest": gigabytes}
        found |= {"resourceMemoryLimit": options.memory, "resourceMemoryRequest": options.memory}
    if options.accelerator:
        found["accelerator"] = {
            "type": options.accelerator,
            "count": str(options.accelerator_count),
            "resourceType": options.accelerator,
            "resourceCount": str(options.accelerator_count),
        }
    return found


def platform_document(deployment: Deployment, components: Iterable[str]) -> dict[str, Any]:
    """Returns the platform document; empty if no task has Kubernetes options."""
    executors = {
        executor_label(name): config
        for name in components
        if (config := executor_config(deployment.options(name)))
    }
    if not executors:
        return {}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def executor_config(options: TaskOptions) -> dict[str, Any]:
    """Returns a `KubernetesExecutorConfig` as a mapping with JSON names."""
    found = {
        "nodeSelector": {"labels": dict(options.node_selector)} if options.node_selector else {},
        "tolerations": [
            {field: value for field, value in vars(toleration).items() if value}
            for toleration in options.tolerations
        ],
        "pvcMount": [
            {
                "constant": volume.claim,
                "pvcNameParameter": _constant(volume.claim),
                "mountPath": volume.mount,
                **({"subPath": volume.sub_path} if volume.sub_path else {}),
            }
            for volume in options.volumes
        ],
        "secretAsVolume": [
            {**_secret(s.secret), "mountPath": s.mount} for s in options.secret_files
        ],
        "secretAsEnv": [
            {
                **_secret(s.secret),
                "keyToEnv": [
                    {"secretKey": key, "envVar": variable} for key, variable in s.variables.items()
                ],
            }
            for s in options.secret_variables
        ],
        "imagePullSecret": [_secret(name) for name in options.image_pull_secrets],
        "activeDeadlineSeconds": str(options.timeout) if options.timeout else "",
        # The message also has `enabledSharedMemory`, which no backend reads.
        "emptyDirMounts": (
            [
                {
                    "volumeName": "bonafide-shm",
                    "mountPath": "/dev/shm",
                    "medium": "Memory",
                    "sizeLimit": options.shared_memory,
                }
            ]
            if options.shared_memory
            else []
        ),
    }
    return {name: value for name, value in found.items() if value}


def _constant(value: str) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}


def _secret(name: str) -> dict[str, Any]:
    return {"secretName": name, "secretNameParameter": _constant(name)}
