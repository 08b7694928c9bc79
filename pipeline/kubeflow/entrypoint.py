"""Entrypoint of a pod: runs one TFX component under Kubeflow's launcher.

    python -m pipeline.kubeflow.entrypoint --executor_class_path MODULE.Executor
        --json_serialized_invocation_args EXECUTOR_INPUT
        --json_serialized_inputs_spec_args INPUTS_SPEC
        --json_serialized_outputs_spec_args OUTPUTS_SPEC [options for Beam]

It takes the arguments of TFX's entrypoint for Vertex AI (`kubeflow_v2_run_executor`) and the
specification of the outputs, and uses TFX's translation of messages. In addition, it

- drops outputs that the backend adds to those of the component;
- fills in the artifact types that the open-source backend leaves empty;
- makes TFX read and write the launcher's local copies;
- inserts run parameters into execution properties;
- logs one JSON object per line;
- exits without waiting for library threads, some of which crash at exit.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bonafide.storage import files
from pipeline.kubeflow import parameters
from pipeline.kubeflow.events import EventLog

# JSON of a `ComponentOutputsSpec`; TFX's entrypoint has no such option.
OUTPUTS_SPEC = "--json_serialized_outputs_spec_args"
# For tests: folder of the launcher's mounts, if it is not the root of the file system.
MOUNT_ROOT = "BONAFIDE_MOUNT_ROOT"


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns the arguments that are compiled into a task, and the remaining ones, for Beam."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", required=True)
    parser.add_argument(OUTPUTS_SPEC, dest="outputs_spec", required=True)
    return parser.parse_known_args(arguments)


def run(options: argparse.Namespace, beam_args: Sequence[str], events: EventLog) -> None:
    """Runs the executor and writes its output metadata.

    Raises:
        Exception: Raised by the executor, or for invalid messages.
    """
    # Imported here, so that import errors are logged like other errors.
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2
    from tfx.dsl.components.base import base_beam_executor, base_executor
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as tfx_utils
    from tfx.orchestration.portable import outputs_utils
    from tfx.utils import import_utils

    from pipeline.kubeflow.artifacts import PodView

    task = pipeline_spec_pb2.ExecutorInput()
    json_format.Parse(options.json_serialized_invocation_args, task, ignore_unknown_fields=True)
    declared = pipeline_spec_pb2.ComponentInputsSpec()
    json_format.Parse(
        options.json_serialized_inputs_spec_args, declared, ignore_unknown_fields=True
    )
    drop_undeclared(task.outputs, options.outputs_spec)
    events.add_fields(_where(task))
    view = PodView(os.environ.get(MOUNT_ROOT, "/"))
    view.enter(task.inputs.artifacts, declared.artifacts)
    view.enter(task.outputs.artifacts)
    for found in task.outputs.artifacts.values():
        # KFP's launcher creates these folders, its local runner does not.
        Path(found.artifacts[0].uri).parent.mkdir(parents=True, exist_ok=True)
    # Outputs of older backends and inputs of KFP's local runner have no name.
    names = {0: ""}
    inputs = tfx_utils.parse_raw_artifact_dict(task.inputs.artifacts, names)
    outputs = tfx_utils.parse_raw_artifact_dict(task.outputs.artifacts, names)
    properties = exec_properties(
        tfx_utils.parse_execution_properties(
            task.inputs.parameter_values, task.inputs.parameters, declared
        )
    )
    executor_class = import_utils.import_class_by_path(options.executor_class_path)
    task_root = os.path.dirname(task.outputs.output_file)  # noqa: PTH120 (as TFX does)
    common = {"unique_id": "task", "tmp_dir": os.path.join(task_root, ".temp")}  # noqa: PTH118
    if issubclass(executor_class, base_beam_executor.BaseBeamExecutor):
        context = executor_class.Context(beam_pipeline_args=list(beam_args), **common)
    else:
        context = base_executor.BaseExecutor.Context(extra_flags=list(beam_args), **common)
    events.write("started", f"{options.executor_class_path} starts", inputs=_uris(view, inputs))
    started = time.monotonic()
    executor_class(context).Do(inputs, outputs, properties)
    outputs_utils.tag_output_artifacts_with_version(outputs)
    result = _output(task, outputs, view, names)
    _write(json_format.MessageToJson(result), Path(task.outputs.output_file))
    seconds = round(time.monotonic() - started, 1)
    events.write("finished", f"finished after {seconds} s", seconds=seconds)


def drop_undeclared(outputs: Any, outputs_spec: str) -> None:
    """Removes from an executor input, in place, the outputs that the component does not declare.

    The driver adds `executor-logs` (`system.Artifact`) where `PUBLISH_LOGS` is on, which is the
    default since 2.5, and may add others. The launcher writes such outputs itself, and TFX has
    neither their names nor their types.

    Args:
        outputs: `ExecutorInput.Outputs`.
        outputs_spec: JSON of the component's `ComponentOutputsSpec`.
    """
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    declared = pipeline_spec_pb2.ComponentOutputsSpec()
    json_format.Parse(outputs_spec, declared, ignore_unknown_fields=True)
    for given, known in (
        (outputs.artifacts, declared.artifacts),
        (outputs.parameters, declared.parameters),
    ):
        for name in set(given) - set(known):
            del given[name]


def exec_properties(given: dict[str, Any]) -> dict[str, Any]:
    """Inserts the run parameters into the execution properties and removes them from the result.

    Args:
        given: All parameters of the task.

    Raises:
        ParameterError: A property uses a value that is not given.
    """
    values = {
        name.removeprefix(parameters.PREFIX): value
        for name, value in given.items()
        if name.startswith(parameters.PREFIX)
    }
    return {
        name: parameters.fill(value, values) if isinstance(value, str) else value
        for name, value in given.items()
        if not name.startswith(parameters.PREFIX)
    }


def _output(task: Any, outputs: dict[str, Any], view: Any, names: dict[int, str]) -> Any:
    """Returns the `ExecutorOutput` of outputs that an executor has written."""
    from kfp.pipeline_spec import pipeline_spec_pb2
    from tfx.components.util import model_utils
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as tfx_utils
    from tfx.types import standard_artifacts

    import report_artifacts

    result = pipeline_spec_pb2.ExecutorOutput()
    for name, [artifact] in outputs.items():
        if isinstance(artifact, standard_artifacts.ModelBlessing):
            # Ids are numbers in TFX and names in Kubeflow; 63-bit numbers would be rounded.
            tfx_utils.refactor_model_blessing(artifact, names)
        runtime = tfx_utils.to_runtime_artifact(artifact, names)
        if isinstance(artifact, report_artifacts.HTML | report_artifacts.Markdown):
            runtime.uri = view.page_uri(artifact.uri)
        result.artifacts[name].artifacts.append(runtime)
    view.leave(result.artifacts)
    for name in task.outputs.parameters:
        if name == parameters.VERDICT:
            [blessing] = outputs["blessing"]
            blessed = model_utils.is_model_blessed(blessing)
            text = parameters.PASSED if blessed else parameters.REFUSED
        else:
            [artifact] = outputs[f"{name}_text"]
            text = artifact.read()
        result.parameter_values[name].string_value = text
    return result


def _where(task: Any) -> dict[str, str]:
    """Returns run and task from the output URI: ROOT/PIPELINE/RUN/TASK/ATTEMPT/OUTPUT."""
    for found in task.outputs.artifacts.values():
        parts = found.artifacts[0].uri.split("/")
        if len(parts) >= 5:
            return {"run": parts[-4], "component": parts[-3]}
    return {}


def _uris(view: Any, artifacts: dict[str, Any]) -> dict[str, str]:
    return {name: view.uris.get(found[0].uri, found[0].uri) for name, found in artifacts.items()}


def _write(text: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one task; returns 0, or 1 after logging the error."""
    options, beam_args = parse(sys.argv[1:] if arguments is None else arguments)
    events = EventLog.begin(sys.stdout)
    try:
        run(options, beam_args, events)
    except BaseException as error:  # noqa: BLE001 (any error is logged and fails the task)
        events.failed(error)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
