"""How the tasks of a compiled pipeline are to run on a cluster, from a YAML file.

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

What `default` says holds for every component, until a component says otherwise.
"""

from __future__ import annotations

import dataclasses
import difflib
import pathlib
import re
import types
import typing
from collections.abc import Mapping
from typing import Any

import yaml

from pipeline.config import COMPONENTS

QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
# The oldest release of Kubeflow Pipelines that compiled files are checked for.
OLDEST_KFP = "2.14"
# In the Kubeflow graph besides what runs everywhere.
ALL_COMPONENTS = ("CorpusCheck", "WarmStart", *COMPONENTS)


class DeploymentError(ValueError):
    """The file says something that cannot be."""


@dataclasses.dataclass(frozen=True)
class Volume:
    """A claim that is mounted.

    Attributes:
        claim: Name of the PersistentVolumeClaim.
        mount: Where, as an absolute path.
        sub_path: Folder inside the volume; empty for all of it.
    """

    claim: str
    mount: str
    sub_path: str = ""

    def __post_init__(self) -> None:
        _absolute(self.mount, "mount")


@dataclasses.dataclass(frozen=True)
class SecretFiles:
    """A secret whose keys are files of a folder."""

    secret: str
    mount: str

    def __post_init__(self) -> None:
        _absolute(self.mount, "mount")


@dataclasses.dataclass(frozen=True)
class SecretVariables:
    """A secret whose keys become environment variables.

    Attributes:
        secret: Its name.
        variables: Key in the secret -> name of the variable.
    """

    secret: str
    variables: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Toleration:
    """Lets a pod run on tainted nodes; the fields are Kubernetes' own."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""

    def __post_init__(self) -> None:
        if self.operator not in ("Equal", "Exists"):
            raise DeploymentError(f"operator is {self.operator!r}, not Equal or Exists")
        if self.effect not in ("", "NoSchedule", "PreferNoSchedule", "NoExecute"):
            raise DeploymentError(
                f"effect is {self.effect!r}, not NoSchedule, PreferNoSchedule or NoExecute"
            )


@dataclasses.dataclass(frozen=True)
class TaskOptions:
    """How one task runs.

    Attributes:
        cpu: Request and limit, as Kubernetes writes it (`2`, `500m`); empty for the cluster's own.
        memory: Request and limit (`8Gi`).
        accelerator: Resource name of a device (`nvidia.com/gpu`, `google.com/tpu`); empty for none.
        accelerator_count: How many.
        node_selector: Labels that the node must have.
        tolerations: Taints that the pod accepts.
        volumes: Claims that are mounted.
        secret_files: Secrets as files.
        secret_variables: Secrets as environment variables.
        environment: Variables with plain values.
        shared_memory: Size of /dev/shm (`8Gi`), which counts as memory of the container; empty for
            the container's 64 MiB.
        image_pull_secrets: Names of secrets for the registry.
        retries: How often a failed task is tried again.
        retry_wait: Seconds before the first retry; each next one waits twice as long.
        timeout: Seconds after which a task is ended; 0 for never.
        cache: Whether a result may be taken from an earlier run.
    """

    cpu: str = ""
    memory: str = ""
    accelerator: str = ""
    accelerator_count: int = 1
    node_selector: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    volumes: tuple[Volume, ...] = ()
    secret_files: tuple[SecretFiles, ...] = ()
    secret_variables: tuple[SecretVariables, ...] = ()
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    shared_memory: str = ""
    image_pull_secrets: tuple[str, ...] = ()
    retries: int = 0
    retry_wait: int = 60
    timeout: int = 0
    cache: bool = True

    def __post_init__(self) -> None:
        for name in ("cpu", "memory", "shared_memory"):
            if (text := getattr(self, name)) and not QUANTITY.fullmatch(text):
                raise DeploymentError(f"{name} is {text!r}, not a quantity such as 2, 500m or 8Gi")
        for name, least in (
            ("accelerator_count", 1),
            ("retries", 0),
            ("retry_wait", 0),
            ("timeout", 0),
        ):
            if getattr(self, name) < least:
                raise DeploymentError(f"{name} is {getattr(self, name)}, less than {least}")


@dataclasses.dataclass(frozen=True)
class Deployment:
    """Everything about the cluster that is not the model's business.

    Attributes:
        image: Container image of all tasks.
        trainer_image: Another one for Trainer and Tuner (with CUDA, say); empty for the same.
        checkpoints: Where a training that was ended finds its last state: a mounted path, or a URI
            (s3://, minio://, gs://). The default is inside the pod: a new pod starts over.
        beam_args: Options for Beam in every task that uses it.
        kfp_version: The oldest release of Kubeflow Pipelines that is to run the file, as `2.16`;
            what older releases do not apply is refused.
        default: Options of every task.
        components: Component -> its options, complete.
    """

    image: str = ""
    trainer_image: str = ""
    checkpoints: str = "/tmp/bonafide-checkpoints"
    beam_args: tuple[str, ...] = ("--runner=FnApiRunner",)
    kfp_version: str = OLDEST_KFP
    default: TaskOptions = dataclasses.field(default_factory=TaskOptions)
    components: Mapping[str, TaskOptions] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.components:
            _known(name, ALL_COMPONENTS, "component")
        if version_numbers(self.kfp_version) < version_numbers(OLDEST_KFP):
            raise DeploymentError(
                f"expected kfp_version of {OLDEST_KFP} or later, got {self.kfp_version!r}. Write "
                'it in quotes, as "2.20": YAML reads 2.20 as the number 2.2'
            )

    def options(self, component: str) -> TaskOptions:
        """Options of a component."""
        return self.components.get(component, self.default)

    def image_of(self, component: str) -> str:
        """Its container image."""
        special = self.trainer_image if component in ("Trainer", "Tuner") else ""
        return special or self.image


def version_numbers(text: str) -> tuple[int, ...]:
    """A release such as `2.16` or `2.16.1` as numbers that can be compared.

    Raises:
        DeploymentError: It is none.
    """
    if not re.fullmatch(r"\d+(\.\d+)+", text):
        raise DeploymentError(f"expected kfp_version as 2.16, got {text!r}")
    return tuple(int(part) for part in text.split("."))


def read_deployment(path: str) -> Deployment:
    """Reads a deployment file.

    Raises:
        DeploymentError: It is not there, is no YAML, or says something unknown or impossible; the
            message names file and field.
    """
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
        content = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DeploymentError(f"{path} cannot be read: {error}") from error
    try:
        return parse_deployment(content)
    except DeploymentError as error:
        raise DeploymentError(f"{path}: {error}") from error


def parse_deployment(content: Any) -> Deployment:
    """Makes a deployment from what a YAML file holds; see `read_deployment`."""
    if content is None:
        return Deployment()
    if not isinstance(content, dict):
        raise DeploymentError("a mapping of settings is wanted")
    common = content.get("default") or {}
    components = content.get("components") or {}
    for name, wanted in (("default", common), ("components", components)):
        if not isinstance(wanted, dict):
            raise DeploymentError(f"{name}: a mapping is wanted, not {wanted!r}")
    merged = {}
    for name, own in components.items():
        if not isinstance(own, dict | types.NoneType):
            raise DeploymentError(f"components.{name}: a mapping is wanted, not {own!r}")
        merged[name] = _build(TaskOptions, {**common, **(own or {})}, f"components.{name}")
    rest = {key: value for key, value in content.items() if key not in ("default", "components")}
    options = {"default": _build(TaskOptions, common, "default"), "components": merged}
    return _build(Deployment, rest, "", ready=options)


def _build(kind: type, content: Any, where: str, ready: Mapping[str, Any] | None = None) -> Any:
    """Makes a dataclass from a mapping, checking names and types as it goes."""
    at = f"{where}: " if where else ""
    if not isinstance(content, dict):
        raise DeploymentError(f"{at}a mapping is wanted, not {content!r}")
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(kind) if f.name not in (ready or {})]
    values = dict(ready or {})
    for name, value in content.items():
        _known(name, names, "setting", at)
        values[name] = _value(hints[name], value, f"{where}.{name}" if where else name)
    try:
        return kind(**values)
    except TypeError as error:
        needed = [
            f.name
            for f in dataclasses.fields(kind)
            if f.default is f.default_factory is dataclasses.MISSING and f.name not in values
        ]
        raise DeploymentError(f"{at}{', '.join(needed)} is missing") from error
    except DeploymentError as error:
        raise DeploymentError(f"{at}{error}") from error


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is tuple:
        if not isinstance(value, list):
            raise DeploymentError(f"{where}: a list is wanted, not {value!r}")
        [kind, _] = typing.get_args(hint)
        return tuple(_value(kind, item, f"{where}[{i}]") for i, item in enumerate(value))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _build(hint, value, where)
    if origin is not None:
        if not isinstance(value, dict):
            raise DeploymentError(f"{where}: a mapping is wanted, not {value!r}")
        return {str(key): _value(str, item, f"{where}.{key}") for key, item in value.items()}
    if hint is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)  # cpu: 2
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise DeploymentError(f"{where}: {hint.__name__} is wanted, not {value!r}")
    return value


def _known(name: Any, names: typing.Iterable[str], what: str, at: str = "") -> None:
    if name not in (names := list(names)):
        near = difflib.get_close_matches(str(name), names, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"
        raise DeploymentError(f"{at}unknown {what} {name!r}{hint}")


def _absolute(path: str, name: str) -> None:
    if not path.startswith("/"):
        raise DeploymentError(f"{name} is {path!r}, not an absolute path")
