"""Maps artifact URIs between the object store and the local folders of a pod.

Kubeflow's launcher copies the inputs of a task from the object store to local folders, and the
outputs from local folders to the object store, by fixed rules (`LocalPathForURI` in the backend's
`launcher_v2.go`). TFX reads and writes at an artifact's URI but does not support `minio://` or
`s3://`. Inside the pod, URIs are therefore local folders; outside, they are those of the object
store.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from kfp.pipeline_spec import pipeline_spec_pb2

_MOUNTS = {"gs://": "gcs", "minio://": "minio", "s3://": "s3"}
# In Kubeflow a page is one file, because the UI opens the artifact's URI; ours is a folder with it.
PAGES = {"system.HTML": "report_artifacts.HTML", "system.Markdown": "report_artifacts.Markdown"}


class ArtifactError(ValueError):
    """An artifact of this task is not in the form that the launcher provides."""


def local_path(uri: str, mount_root: str = "/") -> str:
    """Returns the launcher's local path of a URI; a local path is returned unchanged.

    Raises:
        ArtifactError: The launcher does not support the scheme.
    """
    for scheme, folder in _MOUNTS.items():
        if uri.startswith(scheme):
            return f"{mount_root.rstrip('/')}/{folder}/{uri.removeprefix(scheme)}"
    if "://" in uri:
        raise ArtifactError(
            f"{uri}: a pod can read artifacts at {', '.join(_MOUNTS)} only. Set another pipeline "
            "root."
        )
    return uri


@dataclasses.dataclass
class PodView:
    """Translates the artifacts of one execution and records the mapping.

    Attributes:
        mount_root: Folder of the launcher's mounts; `/` in a pod.
        uris: Local folder -> URI.
    """

    mount_root: str = "/"
    uris: dict[str, str] = dataclasses.field(default_factory=dict)

    def enter(
        self,
        artifacts: Mapping[str, pipeline_spec_pb2.ArtifactList],
        declared: Mapping[str, Any] | None = None,
    ) -> None:
        """Sets local URIs and the artifact types of TFX, in place.

        Args:
            artifacts: Name -> artifacts, of the executor input.
            declared: Name -> declaration with an `artifact_type`, for inputs: the backend sets
                an empty type, and KFP's local runner a generic one.

        Raises:
            ArtifactError: An artifact has an unsupported scheme or no type.
        """
        for name, found in artifacts.items():
            for artifact in found.artifacts:
                if declared is not None and name in declared:
                    artifact.type.CopyFrom(declared[name].artifact_type)
                kind = title(artifact.type.schema_title, artifact.type.instance_schema)
                if not kind:
                    raise ArtifactError(f"the artifact {name} has no type, and none is declared")
                if kind in PAGES:
                    artifact.type.instance_schema = f"title: {PAGES[kind]}\ntype: object\n"
                    if declared is not None:  # an input: the folder of the one file
                        artifact.uri = artifact.uri.rpartition("/")[0]
                local = local_path(artifact.uri, self.mount_root)
                self.uris[local] = artifact.uri
                artifact.uri = local
                _each_text(artifact.metadata, self._inside)

    def leave(self, artifacts: Mapping[str, pipeline_spec_pb2.ArtifactList]) -> None:
        """Sets the URIs of the object store in the artifacts of the executor output, in place."""
        for found in artifacts.values():
            for artifact in found.artifacts:
                artifact.uri = self._outside(artifact.uri)
                _each_text(artifact.metadata, self._outside)

    def page_uri(self, local_uri: str) -> str:
        """Returns the local URI of the only file in a page's folder.

        Raises:
            ArtifactError: The folder does not contain exactly one file.
        """
        files = sorted(path.name for path in Path(local_uri).iterdir())
        if len(files) != 1:
            raise ArtifactError(f"expected one page, got {files} ({local_uri})")
        return f"{local_uri}/{files[0]}"

    def _inside(self, text: str) -> str:
        """Returns the local form of a URI in a property, such as the model of a blessing."""
        scheme = next((scheme for scheme in _MOUNTS if text.startswith(scheme)), None)
        if scheme is None:
            return text
        local = local_path(text, self.mount_root)
        self.uris.setdefault(local, text)
        return local

    def _outside(self, text: str) -> str:
        # The longest first, because folders may be nested.
        for local in sorted(self.uris, key=len, reverse=True):
            if text == local or text.startswith(f"{local}/"):
                return self.uris[local] + text[len(local) :]
        return text


def title(schema_title: str, instance_schema: str) -> str:
    """Returns the name of an artifact's type from either field; empty if both lack it."""
    return schema_title or (yaml.safe_load(instance_schema) or {}).get("title", "")


def _each_text(metadata: Any, change: Any) -> None:
    """Applies `change` to every string value of a protobuf Struct, in place."""
    for key, value in metadata.fields.items():
        if value.WhichOneof("kind") == "string_value":
            metadata.fields[key].string_value = change(value.string_value)
