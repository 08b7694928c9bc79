"""A compiled pipeline: reading the file, and what it says about its parameters."""

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

MOST_EXACT = 2**53  # parameters travel as JSON numbers, which KFP holds in doubles


@dataclasses.dataclass(frozen=True)
class PipelineFile:
    """A compiled pipeline.

    Attributes:
        path: Where it was read.
        spec: JSON of its `PipelineSpec`.
        platforms: JSON of its `PlatformSpec`; empty if there is none.
    """

    path: pathlib.Path
    spec: Mapping[str, Any]
    platforms: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.spec["pipelineInfo"]["name"]

    def parameters(self, assignments: Sequence[str]) -> dict[str, Any]:
        """Reads `NAME=VALUE` texts as the types that the pipeline declares.

        Returns:
            The given parameters by name.

        Raises:
            UsageError: If a name is unknown or given twice, a value is not of its type, or a
                parameter without default is not given.
        """
        declared = self.spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
        values: dict[str, Any] = {}
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            if not equals:
                raise UsageError(f"--param {assignment}: write it as NAME=VALUE")
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
        """Makes sure that there is a place for what the run writes.

        Raises:
            UsageError: If neither the command line nor the file names one, or it is no URI that
                reaches the run as it is.
        """
        refuse_tags("--pipeline-root", root)
        if not root and not self.spec.get("defaultPipelineRoot"):
            raise UsageError(
                f"missing pipeline root: neither --pipeline-root nor {self.path} says where the "
                "run's artifacts go; add --pipeline-root URI, for example "
                "--pipeline-root minio://mlpipeline/v2/artifacts"
            )

    def body(self, *, cache: bool) -> dict[str, Any]:
        """What goes into a request as `pipeline_spec`, packed as the KFP SDK packs it.

        Args:
            cache: False turns the cache off for every task; True leaves it as compiled.
        """
        spec = copy.deepcopy(dict(self.spec))
        if not cache:
            for component in [spec["root"], *spec.get("components", {}).values()]:
                for task in component.get("dag", {}).get("tasks", {}).values():
                    # As in the JSON of the message, where a false value is not written.
                    task["cachingOptions"] = {}
        if not self.platforms:
            return spec
        return {"pipeline_spec": spec, "platform_spec": dict(self.platforms)}


def refuse_tags(option: str, text: str) -> None:
    """Makes sure that a text reaches the run as it was given.

    Raises:
        UsageError: If Argo, which runs the tasks, would replace something in it.
    """
    if TAG in text:
        raise UsageError(
            f"{option}: expected a text without {TAG}, got {text!r}. Argo replaces what stands "
            f"between {TAG} and }}}}: write it in another way"
        )


def read_pipeline_file(path: pathlib.Path) -> PipelineFile:
    """Reads and checks a compiled pipeline, and the document `platforms:` after it if there is one.

    Raises:
        UsageError: If it cannot be read or is no compiled pipeline.
    """
    # Seconds: only once the command line is known to be right.
    import yaml
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(f"cannot read {path}: {reason}") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f":{where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "cannot be parsed"
        raise UsageError(f"{path}{line} is not YAML: {problem}") from None
    if not documents or not all(isinstance(document, dict) for document in documents):
        raise UsageError(f"{path} is no compiled pipeline: compile one first")
    platforms: dict[str, Any] = {}
    for document in documents[1:]:
        platforms |= document
    try:
        spec = json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
        platform_spec = json_format.ParseDict(platforms, pipeline_spec_pb2.PlatformSpec())
    except json_format.ParseError as error:
        raise UsageError(f"{path} is no compiled pipeline of this KFP: {error}") from None
    if not spec.pipeline_info.name or not spec.root.dag.tasks:
        raise UsageError(f"{path} is no compiled pipeline: it has no name or no tasks")
    return PipelineFile(
        path, json_format.MessageToDict(spec), json_format.MessageToDict(platform_spec)
    )


_WHOLE_NUMBER = Number(int, Bounds(ge=-MOST_EXACT, le=MOST_EXACT))


def _value(kind: str, text: str) -> Any:
    """Reads a parameter's value.

    Raises:
        SettingsError: If it is not of that type.
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
    raise SettingsError("a type that a command line can give", kind or "none")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
