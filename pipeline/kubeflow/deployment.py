"""The deployment file: how the tasks of a compiled pipeline run on a cluster.

    image: registry.example.com/bonafide:cpu
    trainer_image: registry.example.com/bonafide:gpu
    checkpoints: /data/checkpoints
    default:
      memory: 8Gi
      volumes: [{claim: bonafide, mount: /data}]
    components:
      Trainer:
        accelerator: nvidia.com/gpu
        node_selector: {cloud.google.com/gke-accelerator: nvidia-l4}
        shared_memory: 8Gi
        retries: 2

The options of `default` apply to every component; a component can override them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from bonafide.settings import Bounds, Pattern, Section, SettingsError
from bonafide.settings.section import unknown
from bonafide.settings.yaml_file import read_yaml
from pipeline.config import COMPONENTS

# The oldest release of Kubeflow Pipelines that compiled files are validated for.
OLDEST_KFP = "2.14"
# The Kubeflow graph has two more components than the local one.
ALL_COMPONENTS = ("CorpusCheck", "WarmStart", *COMPONENTS)

AbsolutePath = Annotated[str, Pattern(r"/.*", "an absolute path")]
Quantity = Annotated[
    str,
    Pattern(r"(\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?)?", "a quantity such as 500m or 8Gi, or empty"),
]
Release = Annotated[str, Pattern(r"\d+(\.\d+)+", "a release such as 2.16")]


@dataclasses.dataclass(frozen=True)
class Volume(Section):
    """A mounted PersistentVolumeClaim.

    Attributes:
        claim: Name of the PersistentVolumeClaim.
        mount: Mount point, an absolute path.
        sub_path: Folder inside the volume; empty for all of it.
    """

    claim: str
    mount: AbsolutePath
    sub_path: str = ""


@dataclasses.dataclass(frozen=True)
class SecretFiles(Section):
    """A secret that is mounted as a folder with one file per key.

    Attributes:
        secret: Name of the secret.
        mount: Folder of the files, an absolute path.
    """

    secret: str
    mount: AbsolutePath


@dataclasses.dataclass(frozen=True)
class SecretVariables(Section):
    """A secret whose keys become environment variables.

    Attributes:
        secret: Name of the secret.
        variables: Key in the secret -> name of the variable.
    """

    secret: str
    variables: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Toleration(Section):
    """Allows a pod on tainted nodes; the fields are those of Kubernetes.

    Attributes:
        key: Key of the taint; empty matches all.
        operator: Relation between key and value: Exists or Equal.
        value: Value of the taint.
        effect: Effect of the taint that is tolerated; empty for all.
    """

    key: str = ""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""


@dataclasses.dataclass(frozen=True)
class TaskOptions(Section):
    """How one task runs.

    Attributes:
        cpu: Request and limit of processor time in Kubernetes notation (`2`, `500m`); empty for
            the cluster's default.
        memory: Request and limit of memory (`8Gi`).
        accelerator: Resource name of a device (`nvidia.com/gpu`, `google.com/tpu`); empty for none.
        accelerator_count: Number of these devices.
        node_selector: Labels that the node must have.
        tolerations: Taints that the pod accepts.
        volumes: Mounted claims.
        secret_files: Secrets as files.
        secret_variables: Secrets as environment variables.
        environment: Environment variables with plain values.
        shared_memory: Size of /dev/shm (`8Gi`), which counts as memory of the container; empty for
            the container's 64 MiB.
        image_pull_secrets: Names of the secrets for the image registry.
        retries: Maximum number of retries of a failed task.
        retry_wait: Wait before the first retry; it doubles with each further one.
        timeout: Time limit of a task; 0 for none.
        cache: Whether cached results of earlier runs may be used.
    """

    cpu: Quantity = ""
    memory: Quantity = ""
    accelerator: str = ""
    accelerator_count: Annotated[int, Bounds(ge=1, unit="devices")] = 1
    node_selector: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    volumes: tuple[Volume, ...] = ()
    secret_files: tuple[SecretFiles, ...] = ()
    secret_variables: tuple[SecretVariables, ...] = ()
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    shared_memory: Quantity = ""
    image_pull_secrets: tuple[str, ...] = ()
    retries: Annotated[int, Bounds(ge=0, unit="retries")] = 0
    retry_wait: Annotated[int, Bounds(ge=0, unit="seconds")] = 60
    timeout: Annotated[int, Bounds(ge=0, unit="seconds")] = 0
    cache: bool = True


@dataclasses.dataclass(frozen=True)
class Deployment(Section):
    """How a compiled pipeline runs on a cluster; no option changes the model.

    Attributes:
        image: Container image of all tasks.
        trainer_image: Container image of Trainer and Tuner, such as one with CUDA; empty for
            `image`.
        checkpoints: Folder of the training checkpoints, from which a retry resumes: a mounted path,
            or a URI (s3://, minio://, gs://). The default is local to the pod: a retry starts over.
        beam_args: Options for Beam in every task that uses it.
        kfp_version: Oldest release of Kubeflow Pipelines that must run the file, such as `2.16`;
            options that it does not support are refused.
        default: Options of all tasks.
        components: Options of single components by name; they override `default`.
    """

    image: str = ""
    trainer_image: str = ""
    checkpoints: str = "/tmp/bonafide-checkpoints"
    beam_args: tuple[str, ...] = ("--runner=FnApiRunner",)
    kfp_version: Release = OLDEST_KFP
    default: TaskOptions = dataclasses.field(default_factory=TaskOptions)
    components: Mapping[str, TaskOptions] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Validates the component names and the release.

        Raises:
            SettingsError: A component does not exist, or the release is too old.
        """
        super().__post_init__()
        for name in self.components:
            if name not in ALL_COMPONENTS:
                raise unknown(name, ALL_COMPONENTS, "a component").below(f"components.{name}")
        if version_numbers(self.kfp_version) < version_numbers(OLDEST_KFP):
            raise self.refused("kfp_version", f"{OLDEST_KFP} or later")

    def options(self, component: str) -> TaskOptions:
        """Returns the options of a component."""
        return self.components.get(component, self.default)

    def image_of(self, component: str) -> str:
        """Returns the container image of a component."""
        special = self.trainer_image if component in ("Trainer", "Tuner") else ""
        return special or self.image


def version_numbers(release: str) -> tuple[int, ...]:
    """Returns a release such as `2.16` or `2.16.1` as a comparable tuple."""
    return tuple(int(part) for part in release.split("."))


def read_deployment(path: str) -> Deployment:
    """Reads a deployment file.

    Raises:
        SettingsError: The file is missing, is not YAML, or has an unknown or invalid field; the
            message names file, line and field.
    """
    content, places = read_yaml(path)
    try:
        return parse_deployment(content)
    except SettingsError as error:
        raise error.at(places) from None


def parse_deployment(content: Any) -> Deployment:
    """Returns the deployment for the content of a YAML file; see `read_deployment`."""
    if not isinstance(content, Mapping):
        return Deployment.from_mapping(content)
    default, components = content.get("default") or {}, content.get("components")
    if isinstance(default, Mapping) and isinstance(components, Mapping):
        merged = {
            name: {**default, **(own or {})} if isinstance(own or {}, Mapping) else own
            for name, own in components.items()
        }
        content = {**content, "components": merged}
    return Deployment.from_mapping(content)
