"""Artifacts as a pod sees them.

Kubeflow's launcher copies the inputs of a task from the object store to local folders, and the
outputs from local folders to the object store, by fixed rules (`LocalPathForURI` in the backend's
`launcher_v2.go`). TFX reads and writes at an artifact's URI, and cannot read `minio://` or `s3://`:
inside the pod the URI is the local folder, and outside it is the object store's again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from kfp.pipeline_spec import pipeline_spec_pb2

_MOUNTS = {"gs://": "gcs", "minio://": "minio", "s3://": "s3"}
# Pages are one file: Kubeflow's UI opens the artifact's URI itself. Ours are a folder with it.
PAGES = {"system.HTML": "report_artifacts.HTML", "system.Markdown": "report_artifacts.Markdown"}


class ArtifactError(ValueError):
    """An artifact of this task is not as the launcher leaves it."""


def local_path(uri: str, mount_root: str = "/") -> str:
    """Where the launcher keeps the copy of what is at a URI; a local path stays as it is.

    Raises:
        ArtifactError: The launcher has no rule for it.
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
    """Translates the artifacts of one execution, and remembers what it translated.

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
        """Gives artifacts local URIs and the types that TFX knows, in place.

        Args:
            artifacts: Name -> artifacts, of the executor input.
            declared: Name -> declaration with an `artifact_type`, for inputs: the backend gives
                them an empty type, and KFP's local runner a general one.

        Raises:
            ArtifactError: There is no rule or no type for one.
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
        """Gives artifacts of the executor output the URIs that the world knows, in place."""
        for found in artifacts.values():
            for artifact in found.artifacts:
                artifact.uri = self._outside(artifact.uri)
                _each_text(artifact.metadata, self._outside)

    def page_uri(self, local_uri: str) -> str:
        """The URI, inside, of the one file in a page's folder.

        Raises:
            ArtifactError: There is not exactly one.
        """
        files = sorted(path.name for path in Path(local_uri).iterdir())
        if len(files) != 1:
            raise ArtifactError(f"{local_uri} holds {files}, not one page")
        return f"{local_uri}/{files[0]}"

    def _inside(self, text: str) -> str:
        """A URI in a property, such as a blessing's model, as it is called in here."""
        scheme = next((scheme for scheme in _MOUNTS if text.startswith(scheme)), None)
        if scheme is None:
            return text
        local = local_path(text, self.mount_root)
        self.uris.setdefault(local, text)
        return local

    def _outside(self, text: str) -> str:
        # The longest first: a folder may lie in another one.
        for local in sorted(self.uris, key=len, reverse=True):
            if text == local or text.startswith(f"{local}/"):
                return self.uris[local] + text[len(local) :]
        return text


def title(schema_title: str, instance_schema: str) -> str:
    """The name of an artifact's type, which either field may give; empty where none does."""
    return schema_title or (yaml.safe_load(instance_schema) or {}).get("title", "")


def _each_text(metadata: Any, change: Any) -> None:
    """Changes every text among the values of a protobuf Struct, in place."""
    for key, value in metadata.fields.items():
        if value.WhichOneof("kind") == "string_value":
            metadata.fields[key].string_value = change(value.string_value)
