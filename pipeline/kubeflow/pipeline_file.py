"""Reads a compiled pipeline and its parameters."""

from __future__ import annotations

import copy
import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from bonafide.settings import Bounds, SettingsError
from bonafide.settings.kinds import Number
from bonafide.settings.section import unknown
from pipeline.kubeflow.argo import TAG
from pipeline.kubeflow.errors import UsageError

MOST_EXACT = 2**53  # parameters are sent as JSON numbers, which KFP stores as doubles


@dataclasses.dataclass(frozen=True)
class PipelineFile:
    """A compiled pipeline.

    Attributes:
        path: File of the pipeline.
        spec: `PipelineSpec` as JSON.
        platforms: `PlatformSpec` as JSON; empty without one.
    """

    path: pathlib.Path
    spec: Mapping[str, Any]
    platforms: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the pipeline."""
        return self.spec["pipelineInfo"]["name"]

    def parameters(self, assignments: Sequence[str]) -> dict[str, Any]:
        """Parses `NAME=VALUE` strings with the types that the pipeline declares.

        Returns:
            The given parameters by name.

        Raises:
            UsageError: A name is unknown or given twice, a value is not of its type, or a
                parameter without a default is missing.
        """
        declared = self.spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
        values: dict[str, Any] = {}
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            if not equals:
                raise UsageError(f"--param: expected NAME=VALUE, got {assignment}")
            if name not in declared:
                if not declared:
                    raise UsageError(
                        f"expected no --param, got {name!r}: {self.path} has no parameters"
                    )
                what = f"a parameter of {self.path}"
                raise UsageError(str(unknown(name, sorted(declared), what, "--param")))
            if name in values:
                raise UsageError(f"--param {name} is given twice")
            refuse_tags("--param " + name, text)
            kind = declared[name].get("parameterType", "")
            try:
                values[name] = _value(kind, text)
            except SettingsError as error:
                raise UsageError(str(error.below(f"--param {name}"))) from None
        missing = [
            name
            for name, declaration in declared.items()
            if name not in values
            and "defaultValue" not in declaration
            and not declaration.get("isOptional")
        ]
        if missing:
            raise UsageError(
                f"{self.path} has no default for {', '.join(sorted(missing))}: give "
                + " ".join(f"--param {name}=..." for name in sorted(missing))
            )
        return values

    def check_root(self, root: str) -> None:
        """Checks that the pipeline root is defined and valid.

        Raises:
            UsageError: Neither the command line nor the file defines one, or Argo would change
                the URI.
        """
        refuse_tags("--pipeline-root", root)
        if not root and not self.spec.get("defaultPipelineRoot"):
            raise UsageError(
                f"missing pipeline root: neither --pipeline-root nor {self.path} defines where "
                "artifacts are stored; add --pipeline-root URI, for example "
                "--pipeline-root minio://mlpipeline/v2/artifacts"
            )

    def body(self, *, cache: bool) -> dict[str, Any]:
        """Returns `pipeline_spec` of a request, encoded as the KFP SDK encodes it.

        Args:
            cache: False disables the cache for all tasks; True keeps the compiled options.
        """
        spec = copy.deepcopy(dict(self.spec))
        if not cache:
            for component in [spec["root"], *spec.get("components", {}).values()]:
                for task in component.get("dag", {}).get("tasks", {}).values():
                    # The JSON of the message omits false values.
                    task["cachingOptions"] = {}
        if not self.platforms:
            return spec
        return {"pipeline_spec": spec, "platform_spec": dict(self.platforms)}


def refuse_tags(option: str, text: str) -> None:
    """Checks that Argo would not change a string.

    Raises:
        UsageError: The string contains a template tag of Argo.
    """
    if TAG in text:
        raise UsageError(
            f"{option}: expected a text without {TAG}, got {text!r}. Argo would substitute the "
            f"text between {TAG} and }}}}. Rephrase it"
        )


def read_pipeline_file(path: pathlib.Path) -> PipelineFile:
    """Reads and validates a compiled pipeline and its optional document `platforms:`.

    Raises:
        UsageError: The file cannot be read or is not a compiled pipeline.
    """
    # The import takes seconds, so it follows the validation of the command line.
    import yaml
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise UsageError(f"cannot read {path}: {reason}") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f":{where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "cannot be parsed"
        raise UsageError(f"{path}{line} is not YAML: {problem}") from None
    if not documents or not all(isinstance(document, dict) for document in documents):
        raise UsageError(f"{path} is not a compiled pipeline: compile one first")
    platforms: dict[str, Any] = {}
    for document in documents[1:]:
        platforms |= document
    try:
        spec = json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
        platform_spec = json_format.ParseDict(platforms, pipeline_spec_pb2.PlatformSpec())
    except json_format.ParseError as error:
        raise UsageError(f"{path} is not a compiled pipeline of this KFP: {error}") from None
    if not spec.pipeline_info.name or not spec.root.dag.tasks:
        raise UsageError(f"{path} is not a compiled pipeline: it has no name or no tasks")
    return PipelineFile(
        path, json_format.MessageToDict(spec), json_format.MessageToDict(platform_spec)
    )


_WHOLE_NUMBER = Number(int, Bounds(ge=-MOST_EXACT, le=MOST_EXACT))


def _value(kind: str, text: str) -> Any:
    """Parses the value of a parameter.

    Raises:
        SettingsError: The value is not of that type.
    """
    if kind == "STRING":
        return text
    if kind == "BOOLEAN":
        if text.lower() not in ("true", "false"):
            raise SettingsError("true or false", repr(text))
        return text.lower() == "true"
    if kind == "NUMBER_INTEGER":
        return _WHOLE_NUMBER.read(text)
    if kind == "NUMBER_DOUBLE":
        return Number(float).read(text)
    if kind in ("LIST", "STRUCT"):
        wanted, example = (list, '["a", 1]') if kind == "LIST" else (dict, '{"a": 1}')
        try:
            found = json.loads(text, parse_constant=_no_constant)
        except ValueError:
            found = None
        if not isinstance(found, wanted):
            raise SettingsError(f"JSON such as {example}", repr(text))
        return found
    raise SettingsError("a type that --param supports", kind or "none")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
