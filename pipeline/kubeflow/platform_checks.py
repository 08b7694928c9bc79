"""Checks that the backend applies every field of the platform document to the pods.

The backend does not read every field of the message `KubernetesExecutorConfig`. The fields that it
reads are taken from its source, releases 2.14.0 to 2.17.0: `extendPodSpecPatch` in
`backend/src/v2/driver/k8s.go`, and `backend/src/v2/compiler/argocompiler` for `pod_metadata`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format

from pipeline.kubeflow.deployment import OLDEST_KFP, version_numbers

# Field of the message -> its nested fields, if any. No release so far applies a field that is not
# listed.
_APPLIED = {
    "secret_as_volume": "secret_name secret_name_parameter mount_path optional",
    "secret_as_env": "secret_name secret_name_parameter key_to_env optional",
    "pvc_mount": (
        "constant component_input_parameter task_output_parameter pvc_name_parameter "
        "mount_path sub_path"
    ),
    "node_selector": "labels node_selector_json",
    "pod_metadata": "labels annotations",
    "image_pull_secret": "secret_name secret_name_parameter",
    "image_pull_policy": "",
    "config_map_as_volume": "config_map_name config_map_name_parameter mount_path optional",
    "config_map_as_env": "config_map_name config_map_name_parameter key_to_env optional",
    "active_deadline_seconds": "",
    "field_path_as_env": "name field_path",
    "tolerations": "key operator value effect toleration_seconds toleration_json",
    "generic_ephemeral_volume": (
        "volume_name mount_path access_modes size default_storage_class storage_class_name metadata"
    ),
    "node_affinity": "match_expressions match_fields weight node_affinity_json",
    "empty_dir_mounts": "volume_name mount_path medium size_limit",
    "security_context": "run_as_user run_as_group run_as_non_root",
}
# Field -> the first release that applies it, if later than `OLDEST_KFP`. Older releases reject a
# run with an unknown field.
_SINCE = {
    "secret_as_env.optional": "2.15",
    "config_map_as_env.optional": "2.15",
    "pvc_mount.sub_path": "2.16",
    "security_context": "2.16",
}
_INSTEAD = {
    "enabled_shared_memory": "Use empty_dir_mounts with medium Memory at /dev/shm",
    "pod_affinity": "Use node_affinity, node_selector or tolerations",
}


def platform_problems(
    spec: dict[str, Any], platform: dict[str, Any], kfp_version: str = OLDEST_KFP
) -> list[str]:
    """Returns a message for each field that the backend would reject or ignore.

    Args:
        spec: The pipeline specification.
        platform: The platform document; empty without one.
        kfp_version: The oldest release of the backend that must run it, such as `2.16`.
    """
    if not platform:
        return []
    from kfp.kubernetes import kubernetes_executor_config_pb2
    from kfp.pipeline_spec import pipeline_spec_pb2

    try:
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    except json_format.ParseError as error:
        return [f"the platform document is not a PlatformSpec: {error}"]
    found = []
    labels = {c.get("executorLabel") for c in spec.get("components", {}).values()}
    [kubernetes] = platform["platforms"].values()
    for label, content in kubernetes["deploymentSpec"]["executors"].items():
        if label not in labels:
            found.append(f"the platform document has {label}, which no component uses")
        config = kubernetes_executor_config_pb2.KubernetesExecutorConfig()
        try:
            json_format.ParseDict(content, config)
        except json_format.ParseError as error:
            found.append(f"the platform document, {label}: {error}")
            continue
        found += [f"{label}: {problem}" for problem in _not_applied(config, kfp_version)]
        found += [f"{label}: {problem}" for problem in _volume_problems(config)]
    return found


def _not_applied(config: Any, kfp_version: str) -> Iterator[str]:
    """Yields the fields that are set and that the given release does not apply."""
    for path in _paths(config):
        name, _, inner = path.partition(".")
        if name not in _APPLIED or (inner and inner not in _APPLIED[name].split()):
            instead = f". {_INSTEAD[name]}" if name in _INSTEAD else ""
            yield f"no release of the backend up to 2.17 applies {path}{instead}"
        elif (since := _SINCE.get(path)) and version_numbers(kfp_version) < version_numbers(since):
            yield (
                f"the backend applies {path} from {since} on, and the pipeline is compiled for "
                f'{kfp_version}. Set `kfp_version: "{since}"` in the deployment file if the '
                "cluster has that release"
            )


def _paths(config: Any) -> list[str]:
    """Returns the names of all set fields and nested fields, such as `pvc_mount.sub_path`."""
    found: dict[str, None] = {}
    for field, value in config.ListFields():
        found[field.name] = None
        if field.message_type is None:
            continue
        for message in [value] if hasattr(value, "ListFields") else value:
            found |= {f"{field.name}.{inner.name}": None for inner, _ in message.ListFields()}
    return list(found)


def _volume_problems(config: Any) -> Iterator[str]:
    """Yields mount points and volume names that are used twice, which Kubernetes rejects."""
    # The driver names a volume after its claim, secret or config map.
    mounted = [
        *(("claim", _name(m, "constant", "pvc_name"), m.mount_path) for m in config.pvc_mount),
        *(
            ("secret", _name(m, "secret_name", "secret_name"), m.mount_path)
            for m in config.secret_as_volume
        ),
        *(
            ("config map", _name(m, "config_map_name", "config_map_name"), m.mount_path)
            for m in config.config_map_as_volume
        ),
        *(
            ("ephemeral volume", m.volume_name, m.mount_path)
            for m in config.generic_ephemeral_volume
        ),
        *(("empty folder", m.volume_name, m.mount_path) for m in config.empty_dir_mounts),
    ]
    places = [place for _, _, place in mounted]
    for place in sorted({place for place in places if places.count(place) > 1}):
        yield f"several volumes are mounted at {place}"
    kinds: dict[str, set[str]] = {}
    for kind, name, _ in mounted:
        kinds.setdefault(name, set()).add(kind)
    for name, own in sorted(kinds.items()):
        if name and len(own) > 1:
            yield f"{' and '.join(sorted(own))} have the same name, {name}, in one pod"


def _name(mount: Any, old: str, new: str) -> str:
    """Returns the name of a mounted object from the newer or the older field; empty without one."""
    parameter = getattr(mount, f"{new}_parameter")
    return parameter.runtime_value.constant.string_value or getattr(mount, old)
